/**
 * Commands on keys whatever their values: DEL, EXISTS, TYPE, TTL.
 */
import type { Store } from '../client/types.js';
import { type CommandSpec, type Handler, keyCommand, type Reply } from './command-spec.js';
import { NOT_LOCAL } from './local-reads.js';
import { withValue } from './string-commands.js';

/** Keys that one command asks the store for at a time. */
const KEYS_AT_A_TIME = 256;

/** Counts the keys that exist, then deletes all of them: a read at R may miss what a later one would see. */
const del: Handler = async (args, { server }) => {
  const keys = [...new Map(args.slice(1).map((key) => [key.latin1Slice(), key])).values()];
  let deleted = 0;
  for (let from = 0; from < keys.length; from += KEYS_AT_A_TIME) {
    const some = keys.slice(from, from + KEYS_AT_A_TIME);
    const existed = await Promise.all(some.map((key) => server.store.has(key)));
    if (some.length === 1) await server.store.delete(some[0]);
    else await server.store.batch(some.map((key) => ({ type: 'delete', key })));
    deleted += existed.filter(Boolean).length;
  }
  return (out) => out.integer(deleted);
};

const exists: Handler = (args, { server }, out) => {
  let found = 0;
  for (let index = 1; index < args.length; index++) {
    const value = server.localReads.get(args[index]);
    if (value === NOT_LOCAL) return existsByMessages(args.slice(index), found, server.store);
    if (value !== undefined) found += 1;
  }
  out.integer(found);
  return undefined;
};

async function existsByMessages(keys: readonly Buffer[], counted: number, store: Store): Promise<Reply> {
  let found = counted;
  for (let from = 0; from < keys.length; from += KEYS_AT_A_TIME) {
    const some = await Promise.all(keys.slice(from, from + KEYS_AT_A_TIME).map((key) => store.has(key)));
    found += some.filter(Boolean).length;
  }
  return (out) => out.integer(found);
}

/** Rest of the life of the newest sibling: -2 without the key, -1 without an end. */
function ttl(unitMs: number): Handler {
  return async (args, { server }) => {
    const { siblings } = await server.store.read(args[1]);
    if (siblings.length === 0) return (out) => out.integer(-2);
    const { expiresAtMs } = siblings[0];
    if (expiresAtMs === undefined) return (out) => out.integer(-1);
    const left = Math.max(0, expiresAtMs - Date.now());
    return (out) => out.integer(unitMs === 1 ? left : Math.round(left / unitMs));
  };
}

const keyRow: typeof keyCommand = (access, lastKey, fields) =>
  keyCommand(access, lastKey, { group: 'generic', ...fields });

export const KEY_COMMANDS: readonly CommandSpec[] = [
  keyRow('read', 1, {
    name: 'type',
    arity: 2,
    syntax: 'key',
    summary: 'string, or none without the key.',
    handler: withValue((out, value) => out.simple(value === undefined ? 'none' : 'string')),
  }),
  ...(['del', 'unlink'] as const).map((name) =>
    keyRow('read-write', -1, {
      name,
      arity: -2,
      syntax: 'key ...',
      summary: 'Deletes keys; the number that existed.',
      handler: del,
    }),
  ),
  keyRow('read', -1, {
    name: 'exists',
    arity: -2,
    syntax: 'key ...',
    summary: 'How many of the keys exist.',
    handler: exists,
  }),
  keyRow('read', 1, {
    name: 'ttl',
    arity: 2,
    syntax: 'key',
    summary: 'Seconds to live.',
    handler: ttl(1_000),
  }),
  keyRow('read', 1, {
    name: 'pttl',
    arity: 2,
    syntax: 'key',
    summary: 'Milliseconds to live.',
    handler: ttl(1),
  }),
];
