/** One suite over both ways to a store: in this process, and through the socket of another. The store is a Map. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { LocalAccess } from '../../src/cli/local-access.js';
import { connectAccess } from '../../src/cli/remote-access.js';
import type { PairToWrite, StoreAccess } from '../../src/cli/store-access.js';
import { StoreError } from '../../src/core/errors.js';
import { serveResp } from '../../src/server/resp-server.js';
import { SERVER_VERSION } from '../../src/server/version.js';
import { collect } from '../client/store-fixture.js';
import { FakeStore } from '../server/fake-store.js';
import { OLDER_VERSION, serveOlder } from './older-server.js';

interface Scene {
  readonly access: StoreAccess;
  readonly store: FakeStore;
}

async function temporaryDirectory(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'kvorum-cli-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function local(_: ExecutionContext): Promise<Scene> {
  const store = new FakeStore();
  return { store, access: new LocalAccess(store, '/data') };
}

async function remote(t: ExecutionContext): Promise<Scene> {
  const store = new FakeStore();
  const socketPath = join(await temporaryDirectory(t), 'kvorum.sock');
  const server = await serveResp(store, { socketPath, dataPath: '/data' });
  t.teardown(() => server.close());
  const access = await connectAccess({ socketPath });
  if (!access) throw new Error('nobody answers');
  t.teardown(() => access.close());
  return { store, access };
}

for (const [name, setUp] of Object.entries({ local, remote })) {
  test(`access, ${name}: put and get of each type -> the same value and type`, async (t) => {
    const { access } = await setUp(t);
    for (const [value, type] of [
      ['text', 'string'],
      ['AAH/', 'bytes'],
      [{ list: [1, null, 'ä'] }, 'cbor'],
      [null, 'cbor'],
    ] as const) {
      t.like(await access.put({ key: 'k', value, type, w: 1, durability: 'sync' }), { durability: 'sync' });
      const { found, siblings } = await access.get('k');
      t.true(found);
      t.like(siblings[0], { value, type });
    }
  });

  test(`access, ${name}: a plan and a change of the ring -> reach the store as they were asked`, async (t) => {
    const { access, store } = await setUp(t);
    const change = { kind: 'leave', nodes: [2, 3] } as const;
    t.like(await access.plan({ change, force: true }), { kind: 'leave', partitions: 2, bytes: 640 });
    t.deepEqual(store.seen.at(-1), { plan: change, force: true });
    for (const asked of [
      { kind: 'join', count: 2, weight: 0.5 },
      { kind: 'join' },
      { kind: 'replace', nodes: [1] },
      { kind: 'reweight', node: 1, weight: 3 },
    ] as const) {
      t.like(await access.change({ change: asked, force: false }), { id: 2, partitions: 2 });
      t.deepEqual(store.seen.at(-1), { change: asked, force: false, wait: false });
    }
    store.failure = new StoreError('KV_RING_CHANGING', 'one at a time');
    t.is(
      (await t.throwsAsync(access.change({ change, force: false }), { instanceOf: StoreError }))?.code,
      'KV_RING_CHANGING',
    );
  });

  test(`access, ${name}: a life, a context and w -> reach the store`, async (t) => {
    const { access, store } = await setUp(t);
    await access.put({ key: 'k', value: 1, ttlMs: 60_000, w: 2, context: 'token' });
    t.like(store.seen.at(-1), { ttlMs: 60_000, w: 2, context: 'token' });
    t.is(typeof (await access.get('k')).siblings[0].expiresAtMs, 'number');
    await access.delete('k', { w: 1, context: 'token' });
    t.like(store.seen.at(-1), { w: 1, context: 'token' });
    t.false((await access.get('k')).found);
  });

  test(`access, ${name}: 2,500 pairs loaded -> scanned in order, page by page, with limit, range and reverse`, async (t) => {
    const { access } = await setUp(t);
    const keys = Array.from({ length: 2_500 }, (_, number) => `key:${String(number).padStart(5, '0')}`);
    for (let from = 0; from < keys.length; from += 500) {
      await access.load(keys.slice(from, from + 500).map((key) => ({ key, value: key })));
    }
    await access.put({ keyBase64: '/wA=', value: 'not UTF-8' });
    const scanned = async (request: Parameters<StoreAccess['scan']>[0]) => {
      const found: unknown[] = [];
      for await (const pair of access.scan(request)) found.push('key' in pair ? pair.key : pair.keyBase64);
      return found;
    };
    t.deepEqual(await scanned({}), [...keys, '/wA=']);
    t.deepEqual(await scanned({ reverse: true, limit: 1_001 }), ['/wA=', ...keys.slice(1_500).reverse()]);
    t.deepEqual(await scanned({ prefix: 'key:000', gt: keys[97] }), keys.slice(98, 100));
    t.deepEqual(await scanned({ gte: keys[5], lt: keys[7], values: false }), keys.slice(5, 7));
    t.deepEqual(await scanned({ limit: 0 }), []);
  });

  test(`access, ${name}: values that JSON loses, scanned exactly and loaded again -> the same; not exactly, the nearest`, async (t) => {
    const { access, store } = await setUp(t);
    const values = [
      new Map([[1, new Set([2n])]]),
      new Date(5),
      [Number.POSITIVE_INFINITY],
      { bytes: Buffer.from('b') },
      12n,
      'text',
      { plain: [1] },
    ];
    for (const [index, value] of values.entries()) await store.put(`k${index}`, value);
    const pairs = await collect(access.scan({ exact: true }));
    store.entries.clear();
    await access.load(pairs as PairToWrite[]);
    t.deepEqual(
      values.map((_, index) => store.getSync(`k${index}`)),
      values,
    );
    t.like((await collect(access.scan({ limit: 1 })))[0], { value: { 1: ['2'] }, type: 'cbor' });
  });

  test(`access, ${name}: 1e999 in a JSON text, which is a number -> stays one`, async (t) => {
    const { access, store } = await setUp(t);
    const value: unknown = JSON.parse('[1e999]');
    await access.put({ key: 'put', value, type: 'cbor' });
    await access.load([{ key: 'load', value }]);
    t.deepEqual(
      [store.getSync('put'), store.getSync('load')],
      [[Number.POSITIVE_INFINITY], [Number.POSITIVE_INFINITY]],
    );
  });

  test(`access, ${name}: whole records, out page by page and in again -> the same; more bytes than one argument takes`, async (t) => {
    const { access, store } = await setUp(t);
    const value = 'x'.repeat(9_000);
    for (let number = 0; number < 300; number++) await access.put({ key: `key:${number}`, value });
    const pages = await collect(access.records({ partition: 0 }));
    t.true(pages.length > 1);
    t.is(
      pages.reduce((sum, { count }) => sum + count, 0),
      300,
    );
    store.entries.clear();
    const frames = Buffer.concat(pages.map((page) => page.frames));
    t.deepEqual(await access.restore(frames), { written: 300, unchanged: 0, failed: [] });
    t.is(store.getSync('key:299'), value);
    await t.throwsAsync(access.restore(frames.subarray(1)), { instanceOf: StoreError });
  });

  test(`access, ${name}: records of one instant, page by page -> told once, and as they were when it began`, async (t) => {
    const { access, store } = await setUp(t);
    const value = 'x'.repeat(9_000);
    for (let number = 0; number < 300; number++) await access.put({ key: `key:${number}`, value });
    const reports: unknown[] = [];
    const pages = await collect(access.records({ partition: 0, onInstant: (report) => reports.push(report) }));
    t.deepEqual(reports, [{ instant: true }]);
    t.deepEqual(store.seen.at(-1), { spillTo: '/data' });
    t.true(pages.length > 2);
    t.deepEqual(
      Buffer.concat(pages.map((page) => page.frames)),
      Buffer.concat((await collect(access.records({ partition: 0 }))).map((page) => page.frames)),
    );
    store.instant = { instant: false, reason: 'too-busy' };
    const others = await collect(access.records({ partition: 0, onInstant: (report) => reports.push(report) }));
    t.deepEqual(reports[1], { instant: false, reason: 'too-busy' });
    t.is(
      others.reduce((sum, { count }) => sum + count, 0),
      300,
    );
  });

  test(`access, ${name}: status and ring -> the same reports`, async (t) => {
    const { access } = await setUp(t);
    await access.put({ key: 'k', value: 1 });
    t.like(await access.status(), { path: '/data', pid: process.pid, count: 1, ring: { n: 1, partitions: 8 } });
    t.like(await access.ring(), { epoch: 1, partitions: 8 });
  });

  test(`access, ${name}: an error of the store -> the same StoreError`, async (t) => {
    const { access, store } = await setUp(t);
    const failure = new StoreError('KV_UNAVAILABLE', 'too few\nreplicas: "é"', { needed: 2, up: 1, key: 'é' });
    store.failure = failure;
    for (const call of [() => access.put({ key: 'k', value: 1 }), () => access.get('k')]) {
      const error = await t.throwsAsync(call, { instanceOf: StoreError });
      t.deepEqual(error?.toWire(), failure.toWire());
      t.true(error?.retryable);
    }
  });
}

test('access: nobody at the socket -> undefined; a stranger -> KV_UNREACHABLE', async (t) => {
  const path = await temporaryDirectory(t);
  t.is(await connectAccess({ socketPath: join(path, 'none.sock') }), undefined);
  const stranger = createServer((socket) =>
    socket.on('error', () => {}).on('data', () => socket.write('-ERR unknown\r\n')),
  );
  const socketPath = join(path, 'stranger.sock');
  await new Promise<void>((resolve) => stranger.listen(socketPath, resolve));
  t.teardown(() => stranger.close());
  const access = await connectAccess({ socketPath });
  t.like(await t.throwsAsync(access?.status() ?? Promise.resolve()), { code: 'KV_UNREACHABLE' });
  await access?.close();
});

test('access: a server of an older version is asked for exact values -> KV_PROTOCOL, no values that JSON has changed', async (t) => {
  const store = new FakeStore();
  await store.put('k', new Map([['a', 1]]));
  const access = await connectAccess({ socketPath: await serveOlder(t, store, await temporaryDirectory(t)) });
  if (!access) throw new Error('nobody answers');
  t.teardown(() => access.close());
  const error = await t.throwsAsync(collect(access.scan({ exact: true })), { instanceOf: StoreError });
  t.is(error?.code, 'KV_PROTOCOL');
  t.regex(error?.message ?? '', /runs kvorum 0\.0\.9, which does not know/);
  t.like((await collect(access.scan({})))[0], { value: { a: 1 } });
});

test('access: a server of an older version is asked for one instant -> the records as they come, and why; in full pages', async (t) => {
  const store = new FakeStore();
  const access = await connectAccess({ socketPath: await serveOlder(t, store, await temporaryDirectory(t)) });
  if (access === undefined) throw new Error('nobody answers');
  t.teardown(() => access.close());
  for (let number = 0; number < 300; number++) await access.put({ key: `key:${number}`, value: 'x'.repeat(9_000) });
  const reports: unknown[] = [];
  const pages = await collect(access.records({ partition: 0, onInstant: (report) => reports.push(report) }));
  t.deepEqual(reports, [{ instant: false, reason: 'older-server' }]);
  t.true(pages.length > 2);
  t.is(
    pages.reduce((sum, { count }) => sum + count, 0),
    300,
  );
});

test('access: an error of the store, from a server of an older version -> its code and message', async (t) => {
  const store = new FakeStore();
  const access = await connectAccess({ socketPath: await serveOlder(t, store, await temporaryDirectory(t)) });
  t.teardown(() => access?.close());
  store.failure = new StoreError('KV_OVERLOADED', 'too much is under way', { limit: 1 });
  const error = await t.throwsAsync(access?.get('k') ?? Promise.resolve(), { instanceOf: StoreError });
  t.deepEqual(error?.toWire(), { code: 'KV_OVERLOADED', message: 'too much is under way', details: {} });
});

for (const { what, version, saying } of [
  { what: 'an older version', version: OLDER_VERSION, saying: /runs kvorum 0\.0\.9, which does not know/ },
  { what: 'another build', version: SERVER_VERSION, saying: /runs another build of kvorum \d+\.\d+\.\d+, which/ },
]) {
  test(`access: a server of ${what} is asked for what it does not know -> an error that names both versions`, async (t) => {
    const socketPath = await serveOlder(t, new FakeStore(), await temporaryDirectory(t), version);
    const access = await connectAccess({ socketPath });
    const error = await t.throwsAsync(access?.drain(0) ?? Promise.resolve(), { instanceOf: StoreError });
    t.like(error, { code: 'KV_PROTOCOL', details: { version } });
    t.regex(error?.message ?? '', saying);
    t.true(error?.message.includes(`of version ${SERVER_VERSION}, asks for (it says: unknown subcommand 'drain'`));
    t.like(await access?.ring(), { epoch: 1 }, 'what it knows it does');
    await access?.close();
  });
}

test('access: a server that goes away -> KV_UNREACHABLE', async (t) => {
  const socketPath = join(await temporaryDirectory(t), 'kvorum.sock');
  const server = await serveResp(new FakeStore(), { socketPath });
  const access = await connectAccess({ socketPath });
  await server.close();
  t.like(await t.throwsAsync(access?.status() ?? Promise.resolve()), { code: 'KV_UNREACHABLE' });
});
