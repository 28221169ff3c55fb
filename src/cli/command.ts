/**
 * How a command of the line is declared: name, what it does, examples and `run`. This file turns the declaration into
 * a commander command with `--json`, the flags that find the store, and a help that ends in the examples. `run` gets
 * its arguments and the output, and answers with an exit code or nothing for 0; what it throws is printed here.
 */
import type { Command } from 'commander';
import { type Config, NO_CONFIG, readConfig } from './config-file.js';
import { EXIT_CODES, printedError } from './exit-codes.js';
import { addStoreFlags, type Environment, OPTION_NAMES, type OptionName } from './option-flags.js';
import { Output } from './output.js';

export type Flags = Readonly<Record<string, unknown>>;

export interface Invocation {
  readonly args: readonly string[];
  readonly flags: Flags;
  readonly output: Output;
  readonly environment: Environment;
  /** The configuration file, for commands that have to do with a store. */
  readonly config: Config;
}

export interface CommandSpec {
  /** With its arguments, as commander reads them: `put <key> <value>`. */
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  /** Each a command line and what it does. */
  readonly examples: readonly (readonly [line: string, meaning: string])[];
  /** Options of the store whose flags this command gives a meaning of its own, per request. */
  readonly ownFlags?: readonly OptionName[];
  /** `serve` opens the store itself and shows every flag of it; the others find one. */
  readonly opens?: boolean;
  /** It touches no store: none of the store's flags. */
  readonly standalone?: boolean;
  /** Adds the flags of this command alone. */
  readonly flags?: (command: Command) => void;
  readonly run: (invocation: Invocation) => Promise<number | undefined>;
}

/** Adds the command to the program; whole only where it may run, since its flags take longer to make than to read. */
export function addCommand(program: Command, spec: CommandSpec, mayRun: boolean): Command {
  const command = program.command(spec.usage).summary(spec.summary).description(spec.description);
  if (mayRun) spec.flags?.(command);
  command.option('--json', 'print JSON, one value a line, and errors as JSON too');
  if (!mayRun) return command;
  if (!spec.standalone) addConfigFlag(command);
  if (spec.opens) addStoreFlags(command, OPTION_NAMES, { heading: 'Store options:' });
  else if (!spec.standalone) {
    addFindingFlags(command, spec.ownFlags ?? []);
    command.addHelpText('after', `\n${OPENED_HERE}`);
  }
  command.addHelpText('after', examplesHelp(spec.examples));
  command.action(async () => {
    const flags = command.opts<Flags>();
    const output = new Output(flags.json === true);
    process.exitCode = await runSafely(spec, { args: command.args, flags, output, environment: process.env });
  });
  return command;
}

async function runSafely(spec: CommandSpec, invocation: Omit<Invocation, 'config'>): Promise<number> {
  try {
    const config = spec.standalone ? NO_CONFIG : readConfig(invocation.flags, invocation.environment);
    return (await spec.run({ ...invocation, config })) ?? EXIT_CODES.ok.code;
  } catch (thrown) {
    const printed = printedError(thrown);
    invocation.output.error(printed);
    return printed.exitCode;
  }
}

/** What the help of every command says that looks for a store. */
const OPENED_HERE =
  'A directory that no process holds is opened by the command itself, which takes\nthe store options of kvorum serve for that.';

function addConfigFlag(command: Command): void {
  command.option(
    '--config <file>',
    'options from a JSON file, {"nodes": 3}; flags and environment win (env: KVORUM_CONFIG)',
  );
}

function addFindingFlags(command: Command, ownFlags: readonly OptionName[]): void {
  const heading = 'Where the store is:';
  addStoreFlags(command, ['path'], { heading });
  const connect = command.createOption(
    '--connect <address>',
    'a running server instead of a directory: HOST:PORT or the path of its socket (env: KVORUM_CONNECT)',
  );
  command.addOption(connect.helpGroup(heading));
  const hidden = OPTION_NAMES.filter((name) => name !== 'path' && !ownFlags.includes(name));
  addStoreFlags(command, hidden, { heading, hidden: true });
}

function examplesHelp(examples: CommandSpec['examples']): string {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, meaning]) => `  ${line.padEnd(width)}  ${meaning}`);
  return `\nExamples:\n${lines.join('\n')}`;
}
