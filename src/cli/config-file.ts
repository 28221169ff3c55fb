/**
 * The configuration file: one JSON object of options by their names, `{"path":"/var/lib/kvorum","nodes":3}`, which
 * `--config` or KVORUM_CONFIG names. Sizes may be text as in flags, `"2g"`. A flag wins over the environment, the environment over the
 * file, the file over the default. A key that names no option is refused: it would be mistyped more often than not.
 */
import { readFileSync } from 'node:fs';
import { didYouMean } from '../core/nearest-name.js';
import { OPTION_SPECS } from '../core/options.js';
import type { Flags } from './command.js';
import { CliError } from './exit-codes.js';
import type { Environment } from './option-flags.js';

/** What the file says; empty where there is none. */
export interface Config {
  /** As errors name it. */
  readonly file: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export const NO_CONFIG: Config = { file: '', values: {} };

/** Keys besides the options of the store. */
const OTHER_KEYS: readonly string[] = ['resp'];
const KEYS: readonly string[] = [...Object.keys(OPTION_SPECS), ...OTHER_KEYS];

/** @throws CliError KV_USAGE where the file cannot be read, is no JSON object, or has a key that is no option */
export function readConfig(flags: Flags, environment: Environment): Config {
  const file = (flags.config as string | undefined) ?? environment.KVORUM_CONFIG;
  if (!file) return NO_CONFIG;
  const values = parsed(file);
  for (const key of Object.keys(values)) {
    if (!KEYS.includes(key)) {
      const hint = didYouMean(key, KEYS) || '; kvorum help serve lists them';
      throw new CliError('KV_USAGE', `${file}: '${key}' is not an option${hint}`, { file, key });
    }
  }
  return { file, values };
}

function parsed(file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (thrown) {
    const { message } = thrown as Error;
    throw new CliError('KV_USAGE', `the configuration file ${file} cannot be read: ${message}`, { file }, thrown);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new CliError('KV_USAGE', `the configuration file ${file} must be one JSON object, {"nodes": 3}`, { file });
}
