/**
 * `kvorum get KEY`: prints the value as it is, or exits with 1 where there is none. Bytes go out unchanged, so that
 * they can be piped into a file; a terminal gets them with escapes. Of several siblings the newest is printed.
 */
import type { CommandSpec } from '../command.js';
import { CliError } from '../exit-codes.js';
import { withStore } from '../open-access.js';
import { type Output, printable } from '../output.js';
import { parseFlag, parseQuorum } from '../quantities.js';
import type { FoundValue, JsonValue } from '../store-access.js';
import { QUORUM_FORMS } from './put.js';

export const getCommand: CommandSpec = {
  usage: 'get <key>',
  summary: 'print the value of a key',
  description:
    'Prints the value of a key: strings and bytes as they are, anything else as the nearest JSON. ' +
    'Exits with 1 when the key does not exist. With --json also the siblings and the context for the next write.',
  ownFlags: ['r'],
  flags: (command) => {
    command.option('--r <quorum>', `replicas that must answer: ${QUORUM_FORMS} (default: the store's r)`);
  },
  examples: [
    ['kvorum get user:1', 'print one value'],
    ['kvorum get logo.png > logo.png', 'bytes come out unchanged'],
    ['kvorum get user:1 --json', 'value, type, siblings and context as one JSON object'],
    ['kvorum get user:1 --r local-quorum', 'as most replicas in the zone of the kvorum that is asked have it'],
    ['kvorum get user:1 || echo none', 'exit code 1: no such key'],
  ],
  run: (invocation) => {
    const { args, flags, output } = invocation;
    const [key] = args;
    const request = flags.r === undefined ? {} : { r: parseFlag('--r', flags.r, parseQuorum) };
    return withStore(invocation, { create: false, ownFlags: getCommand.ownFlags ?? [] }, async (access) => {
      const found = await access.get(key, request);
      if (!found.found) throw new CliError('KV_NOT_FOUND', `no value for key '${printable(key)}'`, { key });
      await show(output, key, found);
      return undefined;
    });
  },
};

async function show(output: Output, key: string, found: FoundValue): Promise<void> {
  const [newest] = found.siblings;
  const { value, type } = newest;
  if (output.json || type !== 'bytes') {
    output.result({ key, value, type, ...found }, () => shownText(newest, output.isTerminal));
  } else {
    const bytes = Buffer.from(String(value), 'base64');
    await output.write(output.isTerminal ? `${printable(bytes.toString('latin1'))}\n` : bytes);
  }
  const others = found.siblings.length - 1;
  if (others > 0) output.note(`kvorum: the newest of ${others + 1} siblings; --json shows all of them`);
}

/** On a terminal without control characters, but for the ends of lines. */
function shownText({ value, type }: JsonValue, isTerminal: boolean): string {
  const text = type === 'string' ? String(value) : JSON.stringify(value);
  return isTerminal ? text.split('\n').map(printable).join('\n') : text;
}
