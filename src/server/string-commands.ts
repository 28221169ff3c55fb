/**
 * GET, SET and their kin. Values that RESP clients write are bytes; of what other doors wrote they see the UTF-8 bytes of
 * a string and the JSON text of anything else.
 *
 * Reads try shared memory first and answer in the same turn; writes and other reads answer with a promise.
 */
import type { Store, Value } from '../client/types.js';
import {
  CommandError,
  type CommandSpec,
  type Handler,
  integerOf,
  keeping,
  keyCommand,
  keyword,
  type Reply,
  syntaxError,
} from './command-spec.js';
import { NOT_LOCAL } from './local-reads.js';
import type { RespWriter } from './resp-writer.js';
import type { ServerContext } from './session.js';
import { jsonText } from './value-json.js';

/** Most bytes of the values in one MGET reply. */
const REPLY_BYTES_MAX = 64 * 1024 * 1024;
/** Keys that one MGET asks the store for at a time. */
const KEYS_AT_A_TIME = 256;
/** Longest life of a value, in milliseconds. */
const TTL_MS_MAX = 2 ** 41;

const replyOk: Reply = (out) => out.ok();

export function writeValue(out: RespWriter, value: Value | undefined): void {
  if (value === undefined) out.null();
  else if (value instanceof Uint8Array) out.bulk(value);
  else out.bulkText(typeof value === 'string' ? value : jsonText(value));
}

/** What is sent of a value. */
function textOrBytes(value: Value | undefined): string | Uint8Array | undefined {
  return value === undefined || value instanceof Uint8Array || typeof value === 'string' ? value : jsonText(value);
}

function valueBytes(value: Value | undefined): number {
  if (value === undefined) return 0;
  if (value instanceof Uint8Array) return value.length;
  return Buffer.byteLength(typeof value === 'string' ? value : jsonText(value));
}

/** Answers with what `write` makes of the value of `args[1]`. */
export function withValue(write: (out: RespWriter, value: Value | undefined) => void): Handler {
  return (args, { server }, out) => {
    const value = server.localReads.get(args[1]);
    if (value !== NOT_LOCAL) {
      write(out, value);
      return undefined;
    }
    return server.store.get(args[1]).then((found) => {
      const shown = textOrBytes(found);
      return keeping(valueBytes(shown), (later) => write(later, shown));
    });
  };
}

const set: Handler = (args, { server }) => {
  if (args.length === 3) return server.store.put(args[1], args[2]).then(() => replyOk);
  return putWithTtl(args[1], args[2], setTtlMs(args), server.store);
};

/** The life that SET's options ask for; undefined without one. */
function setTtlMs(args: readonly Buffer[]): number | undefined {
  let ttlMs: number | undefined;
  for (let index = 3; index < args.length; index++) {
    const option = keyword(args[index]);
    switch (option) {
      case 'EX':
      case 'PX':
      case 'EXAT':
      case 'PXAT':
        if (ttlMs !== undefined || index + 1 >= args.length) throw syntaxError();
        index += 1;
        ttlMs = lifeMs(args[index], option, 'set');
        break;
      case 'NX':
      case 'XX':
      case 'GET':
        throw new CommandError(`ERR SET ${option} is not supported: kvorum has no compare-and-set yet`);
      case 'KEEPTTL':
        throw new CommandError('ERR SET KEEPTTL is not supported: a write replaces the life of the old value');
      default:
        throw syntaxError();
    }
  }
  return ttlMs;
}

/** Milliseconds from now; 0 or less where EXAT or PXAT lie in the past. */
function lifeMs(argument: Buffer, option: 'EX' | 'PX' | 'EXAT' | 'PXAT', name: string): number {
  const given = integerOf(argument);
  const unitMs = option.startsWith('E') ? 1_000 : 1;
  const nowMs = option.endsWith('AT') ? Date.now() : 0;
  const ttlMs = given * unitMs - nowMs;
  if (given <= 0 || ttlMs > TTL_MS_MAX) throw new CommandError(`ERR invalid expire time in '${name}' command`);
  return ttlMs;
}

function putWithTtl(key: Buffer, value: Buffer, ttlMs: number | undefined, store: Store) {
  if (ttlMs === undefined) return store.put(key, value).then(() => replyOk);
  const write: Promise<unknown> = ttlMs <= 0 ? store.delete(key) : store.put(key, value, { ttlMs });
  return write.then(() => replyOk);
}

function setWithLife(name: 'setex' | 'psetex', option: 'EX' | 'PX'): Handler {
  return (args, { server }) => putWithTtl(args[1], args[3], lifeMs(args[2], option, name), server.store);
}

const mget: Handler = (args, { server }, out) => {
  const keys = args.slice(1);
  const values: (Value | undefined)[] = [];
  let bytes = 0;
  for (const key of keys) {
    const value = server.localReads.get(key);
    if (value === NOT_LOCAL) return mgetByMessages(keys, values, server);
    bytes += valueBytes(value);
    if (bytes > REPLY_BYTES_MAX) throw replyTooLarge();
    values.push(value);
  }
  writeValues(out, values);
  return undefined;
};

async function mgetByMessages(
  keys: readonly Buffer[],
  values: (Value | undefined)[],
  { store, replyBudget }: ServerContext,
): Promise<Reply> {
  const share = replyBudget.share();
  try {
    share.take(values.reduce<number>((sum, value) => sum + valueBytes(value), 0));
    while (values.length < keys.length) {
      const found = await store.getMany(keys.slice(values.length, values.length + KEYS_AT_A_TIME));
      share.take(found.reduce<number>((sum, value) => sum + valueBytes(value), 0));
      values.push(...found);
      if (share.bytes > REPLY_BYTES_MAX) throw replyTooLarge();
    }
  } catch (thrown) {
    share.release();
    throw thrown;
  }
  return Object.assign((out: RespWriter) => writeValues(out, values), { share });
}

function writeValues(out: RespWriter, values: readonly (Value | undefined)[]): void {
  out.array(values.length);
  for (const value of values) writeValue(out, value);
}

function replyTooLarge(): CommandError {
  return new CommandError(`ERR the values exceed ${REPLY_BYTES_MAX} bytes; ask for fewer keys at a time`);
}

const mset: Handler = (args, { server }) => {
  if (args.length % 2 === 0) throw new CommandError("ERR wrong number of arguments for 'mset' command");
  const pairs: [Buffer, Buffer][] = [];
  for (let index = 1; index < args.length; index += 2) pairs.push([args[index], args[index + 1]]);
  return server.store.putMany(pairs).then(() => replyOk);
};

const row = keyCommand;

export const STRING_COMMANDS: readonly CommandSpec[] = [
  row('read', 1, {
    name: 'get',
    arity: 2,
    syntax: 'key',
    summary: 'The value of a key.',
    handler: withValue(writeValue),
  }),
  row('write', 1, {
    name: 'set',
    arity: -3,
    syntax: 'key value [EX s | PX ms | EXAT s | PXAT ms]',
    summary: 'Writes a value; it replaces what is there.',
    handler: set,
  }),
  row('write', 1, {
    name: 'setex',
    arity: 4,
    syntax: 'key seconds value',
    summary: 'Writes a value that expires.',
    handler: setWithLife('setex', 'EX'),
  }),
  row('write', 1, {
    name: 'psetex',
    arity: 4,
    syntax: 'key milliseconds value',
    summary: 'Writes a value that expires.',
    handler: setWithLife('psetex', 'PX'),
  }),
  row('read', -1, {
    name: 'mget',
    arity: -2,
    syntax: 'key ...',
    summary: 'The values of several keys.',
    handler: mget,
  }),
  // what nodes refuse of it is sent again: a later write of one of its keys must not come in between
  row('read-write', -1, {
    name: 'mset',
    arity: -3,
    step: 2,
    syntax: 'key value ...',
    summary: 'Writes several pairs; not atomic across keys.',
    handler: mset,
  }),
  row('read', 1, {
    name: 'strlen',
    arity: 2,
    syntax: 'key',
    summary: 'Bytes of a value; 0 without the key.',
    handler: withValue((out, value) => out.integer(valueBytes(value))),
  }),
];
