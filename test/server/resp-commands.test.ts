/** What each command answers, over a real socket. */
import test from 'ava';
import { StoreError } from '../../src/core/errors.js';
import { COUNT_MAX } from '../../src/server/scan-commands.js';
import { ask, plain, serve } from './server-fixture.js';

type Exchange = readonly [command: string, reply: unknown];

/** Conversations: the commands of one connection in turn, words parted by blanks, and what each answers. */
const conversations: Readonly<Record<string, readonly Exchange[]>> = {
  'strings: set, then get -> the value': [
    ['SET a 1', 'OK'],
    ['get a', '1'],
    ['GET b', null],
    ['STRLEN a', 1],
    ['STRLEN b', 0],
    ['TYPE a', 'string'],
    ['TYPE b', 'none'],
  ],
  'many: mset, then mget -> values in order, null where absent': [
    ['MSET a 1 b 2', 'OK'],
    ['MGET b x a', ['2', null, '1']],
    ['MSET a 1 b', "ERR wrong number of arguments for 'mset' command"],
    ['EXISTS a b a x', 3],
    ['DEL a a x', 1],
    ['UNLINK b', 1],
    ['DBSIZE', 0],
  ],
  'life: ex, px and setex -> ttl counts down': [
    ['SET a 1 EX 100', 'OK'],
    ['TTL a', 100],
    ['SETEX b 50 1', 'OK'],
    ['TTL b', 50],
    ['PSETEX c 60000 1', 'OK'],
    ['TTL c', 60],
    ['SET d 1 PX 90000', 'OK'],
    ['TTL d', 90],
    ['SET d 1', 'OK'],
    ['TTL d', -1],
    ['PTTL x', -2],
    ['SET a 1 EXAT 1', 'OK'],
    ['GET a', null],
    ['SET b 1 PXAT 3000000000000', 'OK'],
    ['GET b', '1'],
    ['SET a 1 EX 0', "ERR invalid expire time in 'set' command"],
    ['SET a 1 EX -5', "ERR invalid expire time in 'set' command"],
    ['SETEX a 99999999999999 1', "ERR invalid expire time in 'setex' command"],
    ['SET a 1 EX x', 'ERR value is not an integer or out of range'],
    ['SET a 1 EX 1 PX 1', 'ERR syntax error'],
    ['SET a 1 EX', 'ERR syntax error'],
    ['SET a 1 WHAT', 'ERR syntax error'],
  ],
  'refusals: what kvorum cannot do yet -> an error that says so': [
    ['SET a 1 NX', 'ERR SET NX is not supported: kvorum has no compare-and-set yet'],
    ['SET a 1 EX 1 XX', 'ERR SET XX is not supported: kvorum has no compare-and-set yet'],
    ['SET a 1 GET', 'ERR SET GET is not supported: kvorum has no compare-and-set yet'],
    ['SET a 1 KEEPTTL', 'ERR SET KEEPTTL is not supported: a write replaces the life of the old value'],
    ['SHUTDOWN', 'ERR SHUTDOWN is refused: stop the process that holds the store, with SIGTERM'],
    ['AUTH a b', 'ERR AUTH is refused: this server has no users and no passwords. Use HELLO without AUTH'],
    ['HELLO 3 AUTH a b', 'ERR AUTH is refused: this server has no users and no passwords. Use HELLO without AUTH'],
    ['CONFIG SET a b', 'ERR CONFIG SET is refused: options are given when the store is opened'],
    ['GET a', null],
  ],
  'mistakes: unknown names and wrong numbers -> the words of Redis': [
    ['NOSUCH a b', "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' "],
    ['GET', "ERR wrong number of arguments for 'get' command"],
    ['get a b', "ERR wrong number of arguments for 'get' command"],
    ['CLIENT', "ERR wrong number of arguments for 'client' command"],
    ['CLIENT WHAT', "ERR unknown subcommand 'WHAT' of 'client'"],
    ['CLIENT SETNAME', "ERR wrong number of arguments for 'client|setname' command"],
    ['HELLO 4', 'NOPROTO unsupported protocol version'],
    ['HELLO x', 'ERR Protocol version is not an integer or out of range'],
    ['SELECT 1', 'ERR DB index is out of range: there is one database, 0'],
  ],
  'connection: ping, echo, names -> what a client library expects': [
    ['PING', 'PONG'],
    ['PING hi', 'hi'],
    ['ECHO hi', 'hi'],
    ['SELECT 0', 'OK'],
    ['CLIENT GETNAME', null],
    ['CLIENT SETNAME ann', 'OK'],
    ['CLIENT GETNAME', 'ann'],
    ['CLIENT SETINFO LIB-NAME lib', 'OK'],
    ['CLIENT NO-EVICT on', 'OK'],
    ['RESET', 'RESET'],
    ['CLIENT GETNAME', null],
    ['CONFIG GET save', ['save', '']],
    ['CONFIG GET appendonly', ['appendonly', 'yes']],
    ['CONFIG GET nosuch', []],
  ],
};

for (const [title, exchanges] of Object.entries(conversations)) {
  test(title, async (t) => {
    const { client } = await serve(t);
    for (const [command, reply] of exchanges) t.deepEqual(await ask(client, ...command.split(' ')), reply, command);
  });
  test(`${title}, by messages too`, async (t) => {
    const { client, store } = await serve(t);
    store.setLocal(false);
    for (const [command, reply] of exchanges) t.deepEqual(await ask(client, ...command.split(' ')), reply, command);
  });
}

test('values: bytes, strings and others -> bytes, UTF-8, JSON text', async (t) => {
  const { client, store } = await serve(t);
  const bytes = Buffer.from([0, 255, 13, 10]);
  await client.send(['SET', 'bytes', bytes]);
  t.deepEqual(store.getSync('bytes'), bytes);
  await store.put('text', 'né');
  await store.put('object', { a: [1n, new Map([['b', Buffer.from('c')]]), new Date(0)] });
  await store.put('null', null);
  t.deepEqual(await client.send(['GET', 'bytes']), bytes);
  t.deepEqual(await client.send(['GET', 'text']), Buffer.from('né'));
  t.is(await client.send(['STRLEN', 'text']), 3);
  t.is(await ask(client, 'GET', 'object'), '{"a":["1",{"b":"Yw=="},"1970-01-01T00:00:00.000Z"]}');
  t.is(await ask(client, 'GET', 'null'), 'null');
});

test('keys: bytes that are no UTF-8 -> kept as they are', async (t) => {
  const { client, store } = await serve(t);
  const key = Buffer.from([255, 0, 128]);
  await client.send(['SET', key, 'v']);
  t.deepEqual([...store.entries.keys()], [key.latin1Slice()]);
  t.is(await ask(client, 'GET', key), 'v');
  t.deepEqual(await client.send(['SCAN', '0']), [Buffer.from('0'), [key]]);
});

test('values: one without a JSON form -> an error reply, and the connection goes on', async (t) => {
  const { client, store } = await serve(t);
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  await store.put('cycle', cycle);
  t.is(await ask(client, 'GET', 'cycle'), 'KV_INVALID_VALUE the value has no JSON form');
  store.setLocal(false);
  t.is(await ask(client, 'GET', 'cycle'), 'KV_INVALID_VALUE the value has no JSON form');
  t.is(await ask(client, 'PING'), 'PONG');
});

test('errors: of the store -> its code and sentence, and the client makes the same StoreError of it', async (t) => {
  const { client, store } = await serve(t);
  t.regex(String(await ask(client, 'SET', '', 'v')), /^KV_INVALID_KEY /);
  store.failure = new StoreError('KV_OVERLOADED', 'a queue\nis full');
  for (const command of ['GET a', 'SET a 1', 'MGET a', 'MSET a 1', 'DEL a', 'SCAN 0', 'KVORUM GET a']) {
    t.is(await ask(client, ...command.split(' ')), 'KV_OVERLOADED a queue is full', command);
  }
  const error = await t.throwsAsync(client.send(['GET', 'a']), { instanceOf: StoreError });
  t.true((error as StoreError).retryable);
});

test('scan: cursor by cursor -> every key once, in order', async (t) => {
  const { client, store } = await serve(t);
  const keys = Array.from({ length: 137 }, (_, index) => `k${String(index).padStart(3, '0')}`);
  for (const key of keys) await store.put(key, key);
  const seen: unknown[] = [];
  let cursor = '0';
  do {
    const [next, some] = plain(await client.send(['SCAN', cursor, 'COUNT', '20'])) as [string, string[]];
    t.true(some.length <= 20);
    seen.push(...some);
    cursor = next;
  } while (cursor !== '0');
  t.deepEqual(seen, keys);
});

test('scan: MATCH, TYPE and a huge COUNT -> fewer keys, a bounded walk', async (t) => {
  const { client, store } = await serve(t);
  for (const key of ['a:1', 'a:2', 'b:1', 'b:x']) await store.put(key, key);
  t.deepEqual(await ask(client, 'SCAN', '0', 'MATCH', '*:1'), ['0', ['a:1', 'b:1']]);
  t.deepEqual(await ask(client, 'SCAN', '0', 'MATCH', 'b:?', 'COUNT', '1000000'), ['0', ['b:1', 'b:x']]);
  t.like(store.seen.at(-1) as object, { limit: COUNT_MAX, values: false, prefix: Buffer.from('b:') });
  t.deepEqual(await ask(client, 'SCAN', '0', 'TYPE', 'hash'), ['0', []]);
  t.is(await ask(client, 'SCAN', '12'), 'ERR the cursor is unknown or too old; start again with 0');
  t.is(await ask(client, 'SCAN', 'x'), 'ERR invalid cursor');
  t.is(await ask(client, 'SCAN', '0', 'COUNT', '0'), 'ERR syntax error');
});

test('server: COMMAND, INFO, CLIENT LIST -> what tools read', async (t) => {
  const { client, server, store } = await serve(t);
  const rows = (await client.send(['COMMAND'])) as unknown[][];
  t.is(await client.send(['COMMAND', 'COUNT']), rows.length);
  t.deepEqual(plain((await client.send(['COMMAND', 'INFO', 'get', 'nosuch'])) as unknown[]), [
    ['get', 2, ['readonly', 'fast'], 1, 1, 1, [], [], [], []],
    null,
  ]);
  const docs = plain(await client.send(['COMMAND', 'DOCS', 'get'])) as unknown[];
  t.is(docs[0], 'get');
  await store.put('a', '1');
  const info = String(await ask(client, 'INFO'));
  for (const section of ['Server', 'Clients', 'Memory', 'Stats', 'Keyspace']) t.true(info.includes(`# ${section}\r\n`));
  t.true(info.includes(`tcp_port:${server.port}\r\n`));
  t.true(info.includes('db0:keys=1,'));
  t.true(info.includes('internal_errors:0\r\n'));
  t.regex(String(await ask(client, 'INFO', 'clients')), /^# Clients\r\nconnected_clients:1\r\n[^#]*$/);
  t.regex(String(await ask(client, 'CLIENT', 'LIST')), /^id=1 addr=127\.0\.0\.1:\d+ .*cmd=client\|list/);
});

test('pipeline: an MSET that the store sends again, and a SET behind it -> the SET is what stays', async (t) => {
  const { client, store } = await serve(t);
  const putMany = store.putMany.bind(store);
  store.putMany = async (pairs) => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    await putMany(pairs);
  };
  await Promise.all([ask(client, 'MSET', 'a', '1', 'b', '1'), ask(client, 'SET', 'a', '2')]);
  t.deepEqual(await ask(client, 'MGET', 'a', 'b'), ['2', '1']);
});
