/**
 * `kvorum put KEY VALUE`: writes one pair. The value is text; `--json-value` stores what the JSON means, `--bytes` the
 * bytes of it, and `-` reads it from standard input.
 */
import { buffer } from 'node:stream/consumers';
import type { WriteResult } from '../../client/types.js';
import { OPTION_SPECS } from '../../core/options.js';
import type { CommandSpec, Flags } from '../command.js';
import { CliError } from '../exit-codes.js';
import { withStore } from '../open-access.js';
import { storeOptions } from '../option-flags.js';
import { printable } from '../output.js';
import { parseDurationMs, parseFlag, parseQuorum } from '../quantities.js';
import type { JsonValue, WriteRequest } from '../store-access.js';

const STDIN_BYTES_MAX = OPTION_SPECS.pairBytesMax.max ?? 1024 * 1024;

export const putCommand: CommandSpec = {
  usage: 'put <key> <value>',
  summary: 'write one pair',
  description:
    'Writes a value under a key and waits until W replicas have confirmed it. A value of - is read from standard input.',
  ownFlags: ['w', 'mode', 'durability'],
  flags: (command) => {
    command
      .option('--ttl <time>', 'the value expires after this time: 500ms, 30s, 15m, 12h, 7d')
      .option('--json-value', 'VALUE is JSON: store the object, list, number or boolean that it means')
      .option('--bytes', 'store bytes instead of a string');
    addWriteFlags(command);
  },
  examples: [
    ["kvorum put user:1 'Ann'", 'store a string'],
    [`kvorum put user:1 '{"name":"Ann"}' --json-value`, 'store an object'],
    ['kvorum put session:7 token --ttl 30m', 'gone after half an hour'],
    ['kvorum put logo.png - --bytes < logo.png', 'store a file of up to 10 KB'],
    ['kvorum put order:9 paid --w 3 --durability sync', 'on three disks before it returns'],
    ['kvorum put order:9 paid --w local-quorum', 'on most replicas in the zone of the kvorum that is asked'],
  ],
  run: async (invocation) => {
    const { args, flags, output } = invocation;
    const [key, given] = args;
    const typed = await typedValue(given, flags);
    const ttl = flags.ttl === undefined ? {} : { ttlMs: parseFlag('--ttl', flags.ttl, parseDurationMs) };
    const request = { key, ...typed, ...ttl, ...writeRequest(flags) };
    const find = { create: true, ownFlags: putCommand.ownFlags ?? [] };
    return withStore(invocation, find, async (access) => {
      const written = await access.put(request);
      output.result({ key, ...written }, () => `stored ${printable(key)} (${heldText(written)})`);
      return undefined;
    });
  },
};

/** How `parseQuorum` reads one. */
export const QUORUM_FORMS = '1 to n, or by zone local:1, local-quorum or each-quorum';

/** Adds the flags that say when a write counts as done. */
export function addWriteFlags(command: Parameters<NonNullable<CommandSpec['flags']>>[0]): void {
  command
    .option('--w <quorum>', `replicas that must confirm: ${QUORUM_FORMS} (default: the store's w)`)
    .option('--mode <choice>', "strict or available: whether nodes that stand in count (default: the store's)")
    .option('--durability <choice>', "sync, interval or none (default: the store's)")
    .option('--context <token>', 'replace just what this context, of get --json, covers');
}

/** What the flags of addWriteFlags ask for. @throws CliError KV_USAGE */
export function writeRequest(flags: Flags): WriteRequest {
  const { mode, durability } = storeOptions(flags, {}, ['mode', 'durability']);
  return {
    ...(flags.w === undefined ? {} : { w: parseFlag('--w', flags.w, parseQuorum) }),
    ...(mode === undefined ? {} : { mode }),
    ...(durability === undefined ? {} : { durability }),
    ...(flags.context === undefined ? {} : { context: String(flags.context) }),
  };
}

/** `2 replicas, durability interval`, and who stood in where somebody did. */
export function heldText({ replicas, fallbacks, durability }: WriteResult): string {
  const standIns = fallbacks === 0 ? '' : ` and ${fallbacks} standing in`;
  return `${replicas} ${replicas === 1 ? 'replica' : 'replicas'}${standIns}, durability ${durability}`;
}

async function typedValue(given: string, flags: Flags): Promise<JsonValue> {
  const bytes = given === '-' ? await readStdin() : Buffer.from(given);
  if (flags.bytes) return { value: bytes.toString('base64'), type: 'bytes' };
  const text = bytes.toString('utf8');
  if (!flags.jsonValue) return { value: text, type: 'string' };
  try {
    return { value: JSON.parse(text) as unknown, type: 'cbor' };
  } catch (thrown) {
    throw new CliError('KV_USAGE', `the value is not JSON: ${(thrown as Error).message}`);
  }
}

async function readStdin(): Promise<Buffer> {
  let bytes = 0;
  const bounded = async function* () {
    for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > STDIN_BYTES_MAX) throw new CliError('KV_INPUT', `standard input exceeds ${STDIN_BYTES_MAX} bytes`);
      yield chunk;
    }
  };
  return buffer(bounded());
}
