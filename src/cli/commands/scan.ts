/**
 * `kvorum scan`: pairs in byte order of their keys, a page at a time; it starts to print at once and stops when its
 * reader does (`kvorum scan | head`).
 */
import type { Command } from 'commander';
import type { CommandSpec, Flags } from '../command.js';
import { withStore } from '../open-access.js';
import { printable } from '../output.js';
import { parseCount, parseFlag } from '../quantities.js';
import { type JsonPair, type JsonValue, keyText, type ScanRequest, valueIn } from '../store-access.js';

export const scanCommand: CommandSpec = {
  usage: 'scan',
  summary: 'print pairs in the order of their keys',
  description:
    'Prints key, tab, value for each pair, in byte order of the keys, with control characters escaped. ' +
    'It is not a snapshot: what is written meanwhile may or may not appear.',
  flags: (command) => {
    addRangeFlags(command);
    command.option('--reverse', 'from the last key to the first').option('--keys', 'print keys only');
  },
  examples: [
    ['kvorum scan --prefix user:', 'every key that begins with user:'],
    ['kvorum scan --gte a --lt n --limit 10', 'the first ten from a up to n'],
    ['kvorum scan --reverse --limit 1 --keys', 'the last key'],
    ['kvorum scan --json | head', 'one JSON object a line'],
  ],
  run: (invocation) =>
    withStore(invocation, { create: false }, async (access) => {
      const { flags, output } = invocation;
      const line = lineOf(flags, output.json);
      for await (const pair of access.scan(scanRequest(flags))) {
        if (!(await output.write(line(pair)))) break;
      }
      return undefined;
    }),
};

/** Adds the flags that bound a range of keys. */
export function addRangeFlags(command: Command): void {
  command
    .option('--prefix <text>', 'keys that begin with it')
    .option('--gt <key>', 'keys after it')
    .option('--gte <key>', 'keys from it on')
    .option('--lt <key>', 'keys before it')
    .option('--lte <key>', 'keys up to it')
    .option('--limit <count>', 'at most so many pairs');
}

/** What the flags of addRangeFlags (and `--reverse`) ask for. @throws CliError KV_USAGE */
export function scanRequest(flags: Flags): ScanRequest {
  const request: Record<string, unknown> = {};
  for (const name of ['prefix', 'gt', 'gte', 'lt', 'lte', 'reverse']) {
    if (flags[name] !== undefined) request[name] = flags[name];
  }
  if (flags.keys === true) request.values = false;
  if (flags.limit !== undefined) request.limit = parseFlag('--limit', flags.limit, (text) => parseCount(text));
  return request;
}

function lineOf(flags: Flags, json: boolean): (pair: JsonPair) => string {
  if (json) return (pair) => `${JSON.stringify(pair)}\n`;
  if (flags.keys) return (pair) => `${printable(keyText(pair))}\n`;
  return (pair) => `${printable(keyText(pair))}\t${valueText(valueIn(pair))}\n`;
}

function valueText({ value, type }: JsonValue): string {
  if (type === 'string') return printable(String(value));
  return type === 'bytes' ? `base64:${String(value)}` : JSON.stringify(value);
}
