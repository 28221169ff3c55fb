/**
 * Flags and environment variables for every option of the one option table: the names, the help and the ranges are
 * made from OPTION_SPECS, so that they cannot disagree with what `open` accepts. Order of precedence: flag, then
 * environment (`KVORUM_` and the name in capitals), then configuration file, then the default of the table.
 */
import { type Command, Option } from 'commander';
import { StoreError } from '../core/errors.js';
import { checkOption } from '../core/option-check.js';
import { OPTION_SPECS, type OpenOptions, type OptionSpec, type StoreOptions } from '../core/options.js';
import { type Config, NO_CONFIG } from './config-file.js';
import { CliError } from './exit-codes.js';
import { formatBytes, parseBytes } from './quantities.js';

export type OptionName = keyof StoreOptions;
export type Environment = Readonly<Record<string, string | undefined>>;

/** The one flag that is shorter than its option. */
const SHORT_NAMES: Partial<Record<OptionName, string>> = { memoryBytes: 'memory' };
const PREFIX = 'KVORUM_';
/** Environment variables that are not options of the store. */
const OTHER_VARIABLES = ['CONFIG', 'RESP', 'CONNECT', 'DIST', 'VERSION'];

export const OPTION_NAMES = Object.keys(OPTION_SPECS) as OptionName[];

/** `memoryBytes` -> `memory`, `logBytesMax` -> `log-bytes-max`. */
export function flagName(name: OptionName): string {
  return SHORT_NAMES[name] ?? kebab(name);
}

/** `logBytesMax` -> `KVORUM_LOG_BYTES_MAX`. */
export function variableName(name: OptionName): string {
  return PREFIX + flagName(name).replaceAll('-', '_').toUpperCase();
}

/** Adds a flag for each option named, under one heading of the help; `hidden` flags work but are not shown. */
export function addStoreFlags(
  command: Command,
  names: readonly OptionName[],
  { heading, hidden = false }: { readonly heading: string; readonly hidden?: boolean },
): Command {
  for (const name of names) {
    const spec = OPTION_SPECS[name];
    const flag = `--${flagName(name)}`;
    const argument = spec.kind === 'boolean' ? '' : ` <${placeholder(name, spec)}>`;
    command.addOption(new Option(flag + argument, flagHelp(name, spec)).helpGroup(heading).hideHelp(hidden));
    const full = `--${kebab(name)}`;
    if (full !== flag) command.addOption(new Option(full + argument).hideHelp());
    if (spec.kind === 'boolean') command.addOption(new Option(`--no-${flagName(name)}`).hideHelp());
  }
  return command;
}

/**
 * The options that flags, environment and configuration file name, parsed and checked; those that none names are absent.
 * @param flags what commander parsed: camelCase name to text or boolean
 * @throws CliError KV_USAGE, naming the flag, the variable or the file
 */
export function storeOptions(
  flags: Readonly<Record<string, unknown>>,
  environment: Environment,
  names: readonly OptionName[] = OPTION_NAMES,
  { file, values }: Config = NO_CONFIG,
): OpenOptions {
  const options: Record<string, unknown> = {};
  for (const name of names) {
    const flagged = flags[camel(flagName(name))] ?? flags[name];
    const variable = variableName(name);
    if (flagged !== undefined) options[name] = parseOption(name, flagged, `--${flagName(name)}`);
    else if (environment[variable]) options[name] = parseOption(name, environment[variable], variable);
    else if (values[name] !== undefined) options[name] = parseOption(name, values[name], `${file}: ${name}`);
  }
  return options as OpenOptions;
}

/** Variables that begin with `KVORUM_` and name nothing: a slip that would otherwise pass in silence. */
export function unknownVariables(environment: Environment): string[] {
  const known = new Set([...OPTION_NAMES.map(variableName), ...OTHER_VARIABLES.map((name) => PREFIX + name)]);
  return Object.keys(environment).filter((name) => name.startsWith(PREFIX) && !known.has(name));
}

function parseOption(name: OptionName, given: unknown, source: string): unknown {
  const spec = OPTION_SPECS[name];
  try {
    return checkOption(name, spec, typeof given === 'string' ? fromText(spec, given) : given);
  } catch (thrown) {
    if (!(thrown instanceof StoreError) && !(thrown instanceof CliError)) throw thrown;
    // a secret is not shown, however wrong it is
    const shown = name === 'secret' ? '' : ` ${String(given)}`;
    throw new CliError('KV_USAGE', `${source}${shown}: ${thrown.message}`, { option: name });
  }
}

function fromText(spec: OptionSpec, text: string): unknown {
  switch (spec.kind) {
    case 'bytes':
      return parseBytes(text);
    case 'integer':
      return /^\d+$/.test(text) ? Number(text) : text;
    case 'weights':
      return text.split(',').map(Number);
    case 'boolean':
      return booleanFromText(text);
    default:
      return text;
  }
}

function booleanFromText(text: string): boolean | string {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  return /^(false|0|no|off)$/i.test(text) ? false : text;
}

function flagHelp(name: OptionName, spec: OptionSpec): string {
  const notes = [rangeText(spec), `default: ${defaultText(spec)}`, `env: ${variableName(name)}`];
  return `${spec.meaning} (${notes.filter((note) => note !== '').join('; ')})`;
}

function rangeText(spec: OptionSpec): string {
  if (spec.choices) return `one of ${spec.choices.join(', ')}`;
  if (spec.min === undefined || spec.max === undefined) return '';
  const show = spec.kind === 'bytes' ? formatBytes : String;
  return `${show(spec.min)} to ${show(spec.max)}${spec.unit ? `, ${spec.unit}` : ''}`;
}

function defaultText(spec: OptionSpec): string {
  if (spec.default === undefined) return spec.defaultText ?? 'none';
  return spec.kind === 'bytes' ? formatBytes(Number(spec.default)) : String(spec.default);
}

function placeholder(name: OptionName, spec: OptionSpec): string {
  if (name === 'path') return 'dir';
  if (spec.unit === 'ms') return 'ms';
  const names = { integer: 'count', bytes: 'bytes', string: 'name', choice: 'choice', weights: 'list', boolean: '' };
  return names[spec.kind];
}

function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function camel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
