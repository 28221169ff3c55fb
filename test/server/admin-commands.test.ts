/** `KVORUM ...`: its JSON in both directions, over a socket and as pure functions. */
import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/core/errors.js';
import {
  keyToJson,
  pageText,
  pairsFromJson,
  putFromJson,
  SCAN_LIMIT_MAX,
  scanFromJson,
} from '../../src/server/admin-json.js';
import type { RespClient } from '../../src/server/resp-client.js';
import { valueFromJson, valueToJson } from '../../src/server/value-json.js';
import { ask, raw, serve } from './server-fixture.js';

async function kvorum(client: RespClient, what: string, request?: unknown): Promise<unknown> {
  const argument = typeof request === 'string' ? request : JSON.stringify(request);
  const reply = await ask(client, 'KVORUM', what, ...(request === undefined ? [] : [argument]));
  const text = String(reply);
  return text.startsWith('KV_') || text.startsWith('ERR') ? text : JSON.parse(text);
}

test('admin: put, get, delete -> what held, every sibling, nothing', async (t) => {
  const { client, store } = await serve(t);
  const held = { replicas: 2, fallbacks: 0, durability: 'sync' };
  t.deepEqual(
    await kvorum(client, 'PUT', { key: 'a', value: { b: [1] }, ttlMs: 60_000, w: 2, durability: 'sync' }),
    held,
  );
  t.deepEqual(store.seen.at(-1), { ttlMs: 60_000, w: 2, durability: 'sync' });
  const found = (await kvorum(client, 'GET', 'a')) as { siblings: { writtenAtMs: number; expiresAtMs: number }[] };
  t.like(found, { found: true, context: 'fake-context', siblings: [{ value: { b: [1] }, type: 'cbor' }] });
  t.is(found.siblings[0].expiresAtMs - found.siblings[0].writtenAtMs, 60_000);
  await kvorum(client, 'PUT', { key: 'a', value: 'AP8=', type: 'bytes' });
  t.deepEqual(store.getSync('a'), Buffer.from([0, 255]));
  t.like((await kvorum(client, 'GET', 'a')) as object, { siblings: [{ value: 'AP8=', type: 'bytes' }] });
  t.like((await kvorum(client, 'DELETE', { key: 'a', w: 1 })) as object, { replicas: 2 });
  t.like((await kvorum(client, 'GET', 'a')) as object, { found: false, siblings: [] });
});

test('admin: quorums by zone -> are handed to the store as they are', async (t) => {
  const { client, store } = await serve(t);
  for (const w of ['each-quorum', { local: 2 }]) {
    await kvorum(client, 'PUT', { key: 'a', value: 1, w });
    t.deepEqual(store.seen.at(-1), { w });
  }
  t.like(await ask(client, 'KVORUM', 'GET', 'a', '{"r":"local-quorum"}').then((text) => JSON.parse(String(text))), {
    found: true,
  });
  t.regex(String(await ask(client, 'KVORUM', 'GET', 'a', '{"x":1}')), /KV_INVALID_OPTION/);
});

test('admin: a change that is none -> KV_INVALID_OPTION, and the store is not asked', async (t) => {
  const { client, store } = await serve(t);
  for (const bad of [
    'nonsense',
    {},
    { kind: 'dance' },
    { kind: 'leave' },
    { kind: 'leave', nodes: [] },
    { kind: 'leave', hosts: [] },
    { kind: 'leave', hosts: [1] },
    { kind: 'leave', nodes: ['1'] },
    { kind: 'join', count: 0 },
    { kind: 'reweight', node: 1 },
    { kind: 'reweight', weight: 1 },
    { kind: 'failure-domain' },
    { kind: 'failure-domain', failureDomain: 7 },
    { kind: 'join', force: 'yes' },
    { kind: 'join', colour: 'blue' },
  ]) {
    for (const what of ['PLAN', 'CHANGE']) {
      t.regex(String(await kvorum(client, what, bad)), /^KV_INVALID_OPTION/, `${what} ${JSON.stringify(bad)}`);
    }
  }
  t.deepEqual(store.seen, []);
});

test('admin: load -> all pairs with their types and lives; scan page by page -> all of them in order', async (t) => {
  const { client, store } = await serve(t);
  const pairs = Array.from({ length: 25 }, (_, index) => ({ key: `k${index + 10}`, value: index }));
  t.deepEqual(await kvorum(client, 'LOAD', pairs), { loaded: 25 });
  t.deepEqual(await kvorum(client, 'LOAD', [{ key: 'z', value: 'text', ttlMs: 50_000 }]), { loaded: 1 });
  t.is(store.getSync('k10'), 0);
  for (const reverse of [false, true]) {
    const seen: { key: string; value: unknown }[] = [];
    let after: string | null = null;
    let pages = 0;
    do {
      const page = (await kvorum(client, 'SCAN', { prefix: 'k', limit: 10, reverse, ...(after ? { after } : {}) })) as {
        pairs: { key: string; value: unknown }[];
        next: string | null;
      };
      seen.push(...page.pairs);
      after = page.next;
      pages += 1;
    } while (after !== null);
    t.is(pages, 3);
    const expected = pairs.map((pair) => ({ ...pair, type: 'cbor' }));
    t.deepEqual<unknown, unknown>(seen, reverse ? expected.reverse() : expected);
  }
});

test('admin: status and ring -> members, counters, owners', async (t) => {
  const { client } = await serve(t, { dataPath: '/data' });
  t.like((await kvorum(client, 'STATUS')) as object, {
    path: '/data',
    pid: process.pid,
    count: 0,
    members: [{ node: 0, state: 'up' }],
    stats: { nodes: [] },
    ring: { epoch: 1, partitions: 8, n: 1 },
  });
  t.like((await kvorum(client, 'RING')) as object, { epoch: 1, preferenceLists: [[0]] });
});

test('admin: requests that are wrong -> a code and a sentence, nothing written', async (t) => {
  const { client, store } = await serve(t);
  const wrong: readonly (readonly [string, unknown, string])[] = [
    ['PUT', '{', 'KV_INVALID_OPTION not JSON'],
    ['PUT', '[]', 'KV_INVALID_OPTION not a JSON object'],
    ['PUT', { key: 'a' }, 'KV_INVALID_VALUE "value" is missing'],
    ['PUT', { value: 1 }, 'KV_INVALID_KEY "key" must be a string'],
    ['PUT', { key: 'a', value: 1, ttl: 5 }, 'KV_INVALID_OPTION unknown field "ttl"'],
    ['PUT', { key: 'a', value: 1, ttlMs: -5 }, 'KV_INVALID_OPTION "ttlMs" must be a whole number'],
    ['PUT', { key: 'a', value: 1, durability: 'x' }, 'KV_INVALID_OPTION "durability" must be'],
    ['PUT', { key: 'a', value: 1, type: 'string' }, 'KV_INVALID_VALUE "value" of type string must be a string'],
    ['PUT', { key: 'a', value: '!', type: 'bytes' }, 'KV_INVALID_VALUE "value" of type bytes must be base64'],
    ['PUT', { key: 'a', value: 1, type: 'x' }, 'KV_INVALID_OPTION "type" must be'],
    ['LOAD', {}, 'KV_INVALID_OPTION LOAD takes a JSON array'],
    ['LOAD', [{ key: 'a', value: 1 }, { key: 'b' }], 'KV_INVALID_VALUE "value" is missing'],
    ['SCAN', { limit: 0 }, 'KV_INVALID_OPTION "limit" must be'],
    ['SCAN', { gt: 5 }, 'KV_INVALID_OPTION "gt" must be a string'],
    ['SCAN', { exact: 1 }, 'KV_INVALID_OPTION "exact" must be true or false'],
    ['WHAT', undefined, "ERR unknown subcommand 'WHAT' of 'kvorum'"],
    ['STATUS', 'x', "ERR wrong number of arguments for 'kvorum|status' command"],
  ];
  for (const [what, request, start] of wrong) {
    const reply = String(await kvorum(client, what, request));
    t.true(reply.startsWith(start), `${what} ${JSON.stringify(request)}: ${reply}`);
  }
  t.is(store.entries.size, 0);
});

test('admin json: any string, bytes or JSON value -> itself after there and back', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.uint8Array().map((bytes) => Buffer.from(bytes)),
        fc.jsonValue(),
      ),
      (value) => {
        const shown = JSON.parse(JSON.stringify(valueToJson(value))) as { value: unknown; type: string };
        // JSON has one zero.
        const same = JSON.stringify(valueFromJson(shown.value, shown.type)) === JSON.stringify(value);
        t.true(same);
      },
    ),
  );
});

test('admin: a scan of large objects -> pages of a few MiB, whatever the limit', async (t) => {
  const { client, store } = await serve(t);
  for (let index = 0; index < 20; index++) await store.put(`k${index}`, { text: 'x'.repeat(1024 * 1024) });
  const page = (await kvorum(client, 'SCAN', { limit: 10_000 })) as { pairs: unknown[]; next: string | null };
  t.is(page.pairs.length, 4);
  t.is(page.next, 'k11');
});

test('admin json: keys that are no UTF-8 -> base64, in pages and in requests', (t) => {
  const key = Buffer.from([255, 1]);
  t.deepEqual(keyToJson(key), { keyBase64: '/wE=' });
  t.deepEqual(keyToJson(Buffer.from('né')), { key: 'né' });
  t.deepEqual(JSON.parse(pageText(['1', '2'], key)), { pairs: [1, 2], next: null, nextBase64: '/wE=' });
  t.deepEqual(JSON.parse(pageText(['1'], 'a')), { pairs: [1], next: 'a' });
  t.deepEqual(JSON.parse(pageText([], undefined)), { pairs: [], next: null });
  t.deepEqual(scanFromJson('{"afterBase64":"/wE=","limit":1000000}'), {
    options: { keys: 'bytes', gt: key, limit: SCAN_LIMIT_MAX },
    isExact: false,
  });
  t.true(scanFromJson('{"exact":true}').isExact);
  t.deepEqual(putFromJson('{"keyBase64":"/wE=","value":1,"context":"c"}'), {
    key,
    value: 1,
    options: { context: 'c' as never },
  });
  t.throws(() => pairsFromJson('[{"keyBase64":"!","value":1}]'), { instanceOf: StoreError, code: 'KV_INVALID_OPTION' });
});

test('admin: repair -> what the store is asked for, and what it came to', async (t) => {
  const { client, store } = await serve(t);
  const result = { partitions: 1, differing: 2, moved: 3, failed: [] };
  t.deepEqual(await kvorum(client, 'REPAIR', { partition: 4, dryRun: true }), result);
  t.deepEqual(store.seen.at(-1), { partition: 4, dryRun: true });
  t.regex(String(await kvorum(client, 'REPAIR', { dryRun: 'yes' })), /^KV_INVALID_OPTION/);
});

test('admin: errors as JSON are asked for -> those of the store have details, on this connection, until RESET', async (t) => {
  const { client, server, store } = await serve(t);
  const other = raw(t, server);
  const plainly = 'KV_UNAVAILABLE too few replicas';
  const whole = 'KV_UNAVAILABLE {"message":"too few\\nreplicas","details":{"needed":2,"up":1}}';
  store.failure = new StoreError('KV_UNAVAILABLE', 'too few\nreplicas', { needed: 2, up: 1 });
  t.is(await ask(client, 'GET', 'a'), plainly);
  t.is(await ask(client, 'KVORUM', 'ERRORS', 'XML'), 'ERR syntax error');
  t.is(await ask(client, 'KVORUM', 'ERRORS', 'JSON'), 'OK');
  for (const words of [
    ['KVORUM', 'GET', 'a'],
    ['GET', 'a'],
    ['SET', 'a', '1'],
  ])
    t.is(await ask(client, ...words), whole);
  t.is(await ask(client, 'NOPE'), "ERR unknown command 'NOPE', with args beginning with: ");
  other.send('GET a\r\n');
  t.is(await other.until((text) => text.endsWith('\n')), `-${plainly}\r\n`);
  await ask(client, 'RESET');
  t.is(await ask(client, 'GET', 'a'), plainly);
  await ask(client, 'KVORUM', 'ERRORS', 'JSON');
  await ask(client, 'KVORUM', 'ERRORS', 'PLAIN');
  t.is(await ask(client, 'GET', 'a'), plainly);
});
