/**
 * `KVORUM <what>`: what the command line tool asks a running store, over the same socket as everybody else. Each reply is
 * one bulk string of JSON (admin-json.ts). Redis has no such command, so nothing collides.
 */
import type { Pair } from '../client/types.js';
import {
  deleteFromJson,
  getFromJson,
  pageText,
  pairsFromJson,
  pairToJson,
  putFromJson,
  readToJson,
  repairFromJson,
  scanFromJson,
  statusToJson,
} from './admin-json.js';
import {
  CommandError,
  type CommandSpec,
  command,
  container,
  type Handler,
  keeping,
  keyword,
  type Reply,
  syntaxError,
} from './command-spec.js';
import { waitFromJson } from './draining.js';
import { RECORD_COMMANDS } from './record-commands.js';
import { changeFromJson } from './ring-json.js';
import { jsonText } from './value-json.js';

/** A page of a scan ends early once its pairs take so many bytes. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

function json(value: unknown): Reply {
  const text = jsonText(value);
  return (out) => out.bulkText(text);
}

/** The JSON of values that were read. */
function read(text: string): Reply {
  return keeping(text.length, (out) => out.bulkText(text));
}

const status: Handler = async (_args, { server }) => {
  const { store, dataPath } = server;
  const [stats, count] = await Promise.all([store.stats(), store.count()]);
  const members = store.members();
  const hosts = store.hosts();
  return json(statusToJson({ path: dataPath, pid: process.pid, hosts, members, stats, count, ring: store.ring() }));
};

const ring: Handler = (_args, { server }, out) => {
  out.bulkText(jsonText(server.store.ring()));
  return undefined;
};

const plan: Handler = async (args, { server }) => {
  const { change, force } = changeFromJson(args[2]);
  return json(await server.store.plan(change, { force }));
};

/** Answers when the change has begun; `RING` then tells how far it is. */
const change: Handler = async (args, { server }) => {
  const { change: wanted, force } = changeFromJson(args[2]);
  return json(await server.store.change(wanted, { force, wait: false }));
};

const get: Handler = async (args, { server }) => {
  const [, , key, options] = args;
  return read(jsonText(readToJson(await server.store.read(key, options === undefined ? {} : getFromJson(options)))));
};

const put: Handler = async (args, { server }) => {
  const { key, value, options } = putFromJson(args[2]);
  return json(await server.store.put(key, value, options));
};

const remove: Handler = async (args, { server }) => {
  const { key, options } = deleteFromJson(args[2]);
  return json(await server.store.delete(key, options));
};

const load: Handler = async (args, { server }) => {
  const pairs = pairsFromJson(args[2]);
  if (pairs.some((pair) => pair.ttlMs !== undefined)) {
    await server.store.batch(pairs.map((pair) => ({ type: 'put', ...pair })));
  } else await server.store.putMany(pairs.map(({ key, value }) => [key, value] as const));
  return json({ loaded: pairs.length });
};

/** Replies with a page, which ends early once its text is long. */
const scan: Handler = async (args, { server }) => {
  const { options, isExact } = scanFromJson(args[2]);
  const pairs: string[] = [];
  let bytes = 0;
  let last: Pair['key'] | undefined;
  for await (const pair of server.store.scan(options)) {
    const text = jsonText(pairToJson(pair, isExact));
    pairs.push(text);
    bytes += text.length;
    last = pair.key;
    if (bytes >= PAGE_BYTES_MAX) break;
  }
  const hasMore = pairs.length >= options.limit || bytes >= PAGE_BYTES_MAX;
  return read(pageText(pairs, hasMore ? last : undefined));
};

const repair: Handler = async (args, { server }) => json(await server.store.repair(repairFromJson(args[2])));

/** Begins to drain, or follows it. */
const drain: Handler = async (args, { server }) => {
  if (server.draining === undefined)
    throw new CommandError('ERR this process cannot be drained: it closes its store itself');
  return json(await server.draining.follow(waitFromJson(args[2])));
};

/** For the commands behind it on this connection: clients that know nothing of it get errors as they expect them. */
const errors: Handler = (args, session, out) => {
  const form = keyword(args[2]);
  if (form !== 'JSON' && form !== 'PLAIN') throw syntaxError();
  session.errorForm = form === 'JSON' ? 'json' : 'plain';
  out.ok();
  return undefined;
};

const rows: readonly CommandSpec[] = [
  command({ name: 'status', arity: 2, access: 'read-all', summary: 'Members, counters, size.', handler: status }),
  command({ name: 'ring', arity: 2, summary: 'Owners of each partition.', handler: ring }),
  command({
    name: 'repair',
    arity: 3,
    access: 'write-all',
    syntax: '{"partition"?,"dryRun"?}',
    summary: 'Compares replicas; what differed and moved.',
    handler: repair,
  }),
  command({
    name: 'plan',
    arity: 3,
    access: 'read-all',
    syntax: '{"kind","nodes"?,"node"?,"weight"?,"count"?,"failureDomain"?,"force"?}',
    summary: 'What a change of the ring would move.',
    handler: plan,
  }),
  command({
    name: 'change',
    arity: 3,
    syntax: '{"kind","nodes"?,"node"?,"weight"?,"count"?,"failureDomain"?,"force"?}',
    summary: 'Begins a change of the ring.',
    handler: change,
  }),
  command({
    name: 'get',
    arity: -3,
    access: 'read-all',
    syntax: 'key [{"r"?}]',
    summary: 'Every sibling of a key, and the context.',
    handler: get,
  }),
  command({
    name: 'put',
    arity: 3,
    access: 'write-all',
    syntax: '{"key","value","type"?,"ttlMs"?,"w"?,"mode"?,"durability"?,"context"?}',
    summary: 'Writes a pair; what held.',
    handler: put,
  }),
  command({
    name: 'load',
    arity: 3,
    access: 'write-all',
    syntax: '[{"key","value","type"?,"ttlMs"?},...]',
    summary: 'Writes pairs; how many.',
    handler: load,
  }),
  command({
    name: 'delete',
    arity: 3,
    access: 'write-all',
    syntax: '{"key","w"?,"mode"?,"durability"?,"context"?}',
    summary: 'Deletes a key; what held.',
    handler: remove,
  }),
  command({
    name: 'scan',
    arity: 3,
    access: 'read-all',
    syntax: '{"prefix"?,"gt"?,"gte"?,"lt"?,"lte"?,"reverse"?,"limit"?,"after"?,"values"?,"exact"?}',
    summary: 'A page of pairs in key order, and where the next begins.',
    handler: scan,
  }),
  command({
    name: 'drain',
    arity: 3,
    syntax: '{"waitMs"?}',
    summary: 'Refuses writes, hands over hints, and ends the process; how far it is.',
    handler: drain,
  }),
  command({
    name: 'errors',
    arity: 3,
    syntax: 'JSON | PLAIN',
    summary: 'Whether errors of the store come on this connection with their details, as KV_... {"message","details"}.',
    handler: errors,
  }),
  ...RECORD_COMMANDS,
];

export const ADMIN_COMMANDS: readonly CommandSpec[] = [
  container({ name: 'kvorum', flags: ['admin'], summary: 'The kvorum command line tool asks with it.' }, rows),
];
