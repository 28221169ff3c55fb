/** Contexts and siblings, how they resolve, lifetimes, quorums of a call, and what a reply says that held. */
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { Durability } from '../../src/index.js';
import { collect, failsWith, openSmall, shareStore, until } from './store-fixture.js';

const store = shareStore(test, { siblingsMax: 4 });

test('a context: two writers with the same one -> siblings; a write with the merged one -> replaces both', async (t) => {
  await store().put('cart', ['base']);
  const { context } = await store().read('cart');
  await store().put('cart', ['one'], { context });
  await store().put('cart', ['two'], { context });
  const both = await store().read('cart', { r: 3 });
  t.deepEqual(
    both.siblings.map(({ value }) => value),
    [['two'], ['one']],
  );
  t.true(both.siblings[0].writtenAtMs >= both.siblings[1].writtenAtMs);
  t.true(Math.abs(both.siblings[0].writtenAtMs - Date.now()) < 10_000);
  t.deepEqual(await store().get('cart'), ['two']);
  await store().put('cart', ['one', 'two'], { context: both.context });
  t.deepEqual(
    (await store().read('cart')).siblings.map(({ value }) => value),
    [['one', 'two']],
  );
});

test('a context: of an absent key -> concurrent with everything; a plain put -> replaces all siblings', async (t) => {
  const { context, siblings } = await store().read('fresh');
  t.deepEqual(siblings, []);
  await store().put('fresh', 1, { context });
  await store().put('fresh', 2, { context });
  t.is((await store().read('fresh')).siblings.length, 2);
  await store().put('fresh', 3);
  t.deepEqual(
    (await store().read('fresh', { r: 3, monotonic: true })).siblings.map(({ value }) => value),
    [3],
  );
});

test('a delete: with a context -> removes what it covers, a concurrent write survives', async (t) => {
  await store().put('doomed', 'old');
  const { context } = await store().read('doomed');
  await store().put('doomed', 'concurrent', { context });
  await store().delete('doomed', { context });
  t.deepEqual(
    (await store().read('doomed')).siblings.map(({ value }) => value),
    ['concurrent'],
  );
  await store().delete('doomed');
  t.is(await store().get('doomed'), undefined);
  t.false(await store().has('doomed'));
});

test('siblings: more than siblingsMax -> KV_TOO_MANY_SIBLINGS, resolving helps', async (t) => {
  const { context } = await store().read('crowd');
  for (let index = 0; index < 4; index++) await store().put('crowd', index, { context });
  await failsWith(t, 'KV_TOO_MANY_SIBLINGS', () => store().put('crowd', 4, { context }), /merge them/);
  const all = await store().read('crowd');
  t.is(all.siblings.length, 4);
  await store().put('crowd', 'merged', { context: all.context });
  t.is(await store().get('crowd'), 'merged');
});

test('resolve: siblings and a merge function -> what get, getMany, scan and update see', async (t) => {
  const all = await openSmall(t, { resolve: 'siblings' });
  const sum = await openSmall(t, { resolve: (values) => values.map(Number).reduce((a, b) => a + b, 0) });
  for (const each of [all, sum]) {
    const { context } = await each.read('k');
    await each.put('k', 1, { context });
    await each.put('k', 2, { context });
    await each.put('single', 5);
  }
  t.deepEqual(await all.get('k'), [2, 1]);
  t.deepEqual(all.getSync('single'), [5]);
  t.deepEqual(await all.getMany(['k', 'single', 'none']), [[2, 1], [5], undefined]);
  t.deepEqual(await collect(all.scan()), [
    { key: 'k', value: [2, 1] },
    { key: 'single', value: [5] },
  ]);
  t.is(await sum.get('k'), 3);
  t.is(sum.getSync('single'), 5);
  t.deepEqual(await collect(sum.scan()), [
    { key: 'k', value: 3 },
    { key: 'single', value: 5 },
  ]);
  t.is(await sum.update('k', (value) => Number(value) * 10), 30);
  t.deepEqual(
    (await sum.read('k')).siblings.map(({ value }) => value),
    [30],
  );
});

test('update: many at once -> ends with one value that holds them all, where the merge does', async (t) => {
  const union = (values: unknown[]) => [...new Set(values.flat())].sort();
  const sets = await openSmall(t, { resolve: union });
  await Promise.all(Array.from({ length: 12 }, (_, index) => sets.update('set', (old) => union([old ?? [], [index]]))));
  t.deepEqual(await sets.get('set', { r: 3 }), union([Array.from({ length: 12 }, (_, index) => index)]));
});

test('ttlMs: passed -> absent in get, getSync, getMany, has, read and scan; a new put lives again', async (t) => {
  await store().put('ttl-long', 2, { ttlMs: 3_600_000, w: 3 });
  const keys = ['ttl-short', 'ttl-long', 'ttl-batch', 'ttl-many', 'ttl-update'];
  const readLive = async (ttlMs: number): Promise<unknown[] | undefined> => {
    const beganMs = Date.now();
    await store().put('ttl-short', 1, { ttlMs, w: 3 });
    await store().batch([{ type: 'put', key: 'ttl-batch', value: 3, ttlMs }]);
    await store().putMany([['ttl-many', 4]], { ttlMs });
    t.is(await store().update('ttl-update', () => 5, { ttlMs }), 5);
    const values = await store().getMany(keys);
    return Date.now() - beganMs < ttlMs ? values : undefined;
  };
  // longer on a machine that does not get there in time
  t.deepEqual((await readLive(500)) ?? (await readLive(5_000)) ?? (await readLive(25_000)), [1, 2, 3, 4, 5]);
  const { siblings } = await store().read('ttl-long');
  t.true(Math.abs((siblings[0].expiresAtMs ?? 0) - Date.now() - 3_600_000) < 10_000);
  await until(async () => (await store().get('ttl-update')) === undefined);
  t.deepEqual(await store().getMany(keys), [undefined, 2, undefined, undefined, undefined]);
  t.is(store().getSync('ttl-short'), undefined);
  t.false(await store().has('ttl-short'));
  t.deepEqual((await store().read('ttl-short')).siblings, []);
  t.deepEqual(
    (await collect(store().scan({ prefix: 'ttl-' }))).map(({ key }) => key),
    ['ttl-long'],
  );
  await store().put('ttl-short', 'again');
  t.is(await store().get('ttl-short'), 'again');
});

test('w, r and durability: of a call -> what the reply says that held', async (t) => {
  for (const durability of ['sync', 'interval', 'none'] as Durability[]) {
    for (const w of [1, 2, 3]) {
      const result = await store().put('quorum', w, { w, durability });
      t.true(result.replicas >= w && result.replicas <= 3);
      t.is(result.durability, durability);
    }
  }
  for (const r of [1, 2, 3]) {
    const read = await store().read('quorum', { r, monotonic: r === 1 });
    t.is(read.siblings[0].value, 3);
    t.true(read.replicas >= r);
    t.is(read.monotonic, r === 1);
    t.true(read.via === 'memory' || read.via === 'messages');
  }
});

test('a monotonic read: while a key is written -> never goes back in time', async (t) => {
  let writing = true;
  const writes = (async () => {
    for (let number = 1; number <= 400; number++) await store().put('rising', number, { w: 1 });
    writing = false;
  })();
  let last = 0;
  let reads = 0;
  while (writing) {
    const seen = Number((await store().get('rising', { r: 1, monotonic: true })) ?? 0);
    if (seen < last) t.fail(`${seen} after ${last}`);
    last = seen;
    reads++;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writes;
  t.true(reads > 10);
  t.is(await store().get('rising', { monotonic: true }), 400);
});

test('stats, ring, members and count: of a store in use -> their shapes', async (t) => {
  const own = await openSmall(t, { zone: 'here', weights: [1, 1, 2] });
  await own.putMany(
    Array.from({ length: 300 }, (_, index) => [`key-${index}`, index]),
    { w: 3 },
  );
  t.is(await own.get('key-7'), 7);
  const ring = own.ring();
  t.is(ring.partitions, 16);
  t.is(ring.n, 3);
  t.is(ring.preferenceLists.length, 16);
  for (const list of ring.preferenceLists) t.deepEqual([...list].sort(), [0, 1, 2]);
  t.deepEqual(
    ring.nodes.map(({ node, replicas }) => [node, replicas]),
    [
      [0, 16],
      [1, 16],
      [2, 16],
    ],
  );
  const { hostId } = hostOf(own).options;
  t.deepEqual(
    own.members(),
    [1, 1, 2].map((weight, node) => ({
      node,
      host: hostId,
      zone: 'here',
      weight,
      state: 'up' as const,
      reporters: [],
      counts: true,
      incarnation: 1,
    })),
  );
  // counters are shown every few turns
  await until(async () => Math.abs((await own.count()) - 300) <= 3);
  const { nodes, client } = await own.stats();
  t.is(nodes.length, 3);
  for (const node of nodes) {
    t.true(node.up);
    t.true(node.messages > 0 && node.turns > 0 && node.logWrites > 0);
    t.true(node.hotBytesMax >= node.hotBytes && node.hotBytes > 0);
    t.is(node.missedWakeUps, 0);
    t.is(node.actorRestarts, 0);
    t.false(node.readOnly);
    t.deepEqual(
      node.mailboxes.map(({ to, from }) => `${from} ${to}`).filter((name) => name.includes('seat')),
      [`seat-0 node-${node.node}`, `node-${node.node} seat-0`],
    );
  }
  t.deepEqual(Object.keys(client).sort(), ['inFlight', 'lostRaces', 'messageReads', 'sharedReads']);
  t.is(client.inFlight, 0);
  t.true(client.sharedReads > 0);
});

test('update: its deadline passes between read and write -> KV_DEADLINE_EXCEEDED, no time of its own for the write', async (t) => {
  const slowly = () => {
    for (const untilMs = performance.now() + 100; performance.now() < untilMs; );
    return 'late';
  };
  await failsWith(t, 'KV_DEADLINE_EXCEEDED', () => store().update('late', slowly, { deadlineMs: 50 }));
  t.is(await store().get('late'), undefined);
  t.is(await store().update('late', slowly), 'late');
});
