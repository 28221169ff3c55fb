/** Rings that change with real threads and real disks, under writes, while nodes are ended, and over a reopening. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { RingPlan, Store, StoreChange } from '../../src/index.js';
import { Count } from '../../src/runtime/counters.js';
import { failsWith, makeFolder, openSmall, until } from '../client/store-fixture.js';
import { lost, startLoad } from './ring-load.js';

/** A node that has left runs on for as long as the deadline. */
const WIDE = { partitions: 32, nodesMax: 6, deadlineMs: 2_000 };
const PATIENT = { deadlineMs: 60_000 };

async function fill(store: Store, keys: number): Promise<void> {
  const pairs = Array.from({ length: keys }, (_, i) => [`key-${i}`, `value ${i}`] as const);
  // held by every replica: what a plan counts stays as it is
  await store.putMany(pairs, { w: 3, ...PATIENT });
}

/** A plan once every replica has what it is to have: two in a row say the same. */
async function planWhenQuiet(store: Store, change: StoreChange): Promise<RingPlan> {
  for (let before = -1; ; ) {
    const plan = await store.plan(change);
    if (plan.bytes === before) return plan;
    before = plan.bytes;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function missing(store: Store, keys: number): Promise<number[]> {
  const values = await store.getMany(
    Array.from({ length: keys }, (_, i) => `key-${i}`),
    PATIENT,
  );
  return values.flatMap((value, i) => (value === `value ${i}` ? [] : [i]));
}

test.serial('ring: a join on an idle store -> moves what was planned, to the byte, and shares are fair', async (t) => {
  const store = await openSmall(t, WIDE);
  await fill(store, 3_000);
  const plan = await planWhenQuiet(store, { kind: 'join' });
  t.is(plan.partitions, plan.transfers.length);
  t.true(plan.partitions >= 22 && plan.partitions <= 26, `${plan.partitions} of 32`);
  const seen: number[] = [];
  const result = await store.change({ kind: 'join' }, { onProgress: ({ settled }) => seen.push(settled) });
  t.true(result.done);
  t.deepEqual(result.joined, [3]);
  t.deepEqual([result.partitions, result.bytes, result.records], [plan.partitions, plan.bytes, plan.records]);
  t.is(seen[0], 0);
  t.is(seen.at(-1), plan.partitions);
  const ring = store.ring();
  t.is(ring.change, undefined);
  for (const { replicas, fairShare } of ring.nodes) t.true(Math.abs(replicas - fairShare) <= 1.5);
  t.deepEqual(await missing(store, 3_000), []);
});

test.serial(
  'ring: joins and leaves under writes -> nothing acknowledged is lost; a node that left is gone',
  async (t) => {
    const store = await openSmall(t, WIDE);
    await fill(store, 500);
    const load = startLoad(store);
    await store.change({ kind: 'join', count: 2 });
    t.is(store.members().length, 5);
    await store.change({ kind: 'leave', nodes: [1] });
    await store.change({ kind: 'reweight', node: 0, weight: 2 });
    await load.stop();
    t.log(load.acknowledged.size, [...load.failed]);
    t.deepEqual(await lost(store, load), []);
    t.deepEqual(await missing(store, 500), []);
    t.deepEqual(
      store.members().map(({ node }) => node),
      [0, 2, 3, 4],
    );
    await until(() => hostOf(store).threads.nodes.length === 4);
  },
);

test.serial(
  'ring: a node leaves with hints that it cannot hand over -> it ends all the same and says so',
  async (t) => {
    const store = await openSmall(t, { ...WIDE, hintAgeMaxMs: 1_000 });
    await store.change({ kind: 'join' });
    const left: unknown[] = [];
    store.on('node-left', (event) => left.push(event));
    const host = hostOf(store);
    const counters = new Int32Array(host.map.counters[3]);
    await store.change({ kind: 'leave', nodes: [3] });
    t.deepEqual(left, []);
    await until(() => {
      counters[Count.hints] = 2;
      return left.length > 0;
    });
    t.deepEqual(left, [{ node: 3, hints: 2, notes: 0 }]);
    t.deepEqual(host.threads.nodes, [0, 1, 2]);
    t.deepEqual((await store.change({ kind: 'join' })).joined, [3]);
  },
);

test.serial('ring: it changes again and again under writes, every node up -> no write is refused', async (t) => {
  const store = await openSmall(t, { ...WIDE, deadlineMs: 30_000 });
  await fill(store, 200);
  const load = startLoad(store, { writers: 32 });
  await store.change({ kind: 'join' });
  for (let round = 0; round < 2; round++) {
    await store.change({ kind: 'reweight', node: 0, weight: 2 });
    await store.change({ kind: 'reweight', node: 0, weight: 1 });
  }
  await store.change({ kind: 'leave', nodes: [1] });
  await load.stop();
  t.deepEqual([...load.failed], []);
  t.deepEqual(await lost(store, load), []);
});

test.serial('ring: nodes end in the middle of a join -> it goes on, and nothing acknowledged is lost', async (t) => {
  const store = await openSmall(t, WIDE);
  await fill(store, 2_000);
  const load = startLoad(store);
  const host = hostOf(store);
  const joining = store.change({ kind: 'join' });
  await until(() => store.ring().change !== undefined);
  for (const node of [3, 0, 3, 1]) {
    await until(() => store.members().every(({ state }) => state !== 'down'));
    await host.supervisor(node).terminate();
  }
  t.true((await joining).done);
  await load.stop();
  t.deepEqual(await lost(store, load), []);
  t.deepEqual(await missing(store, 2_000), []);
});

test.serial(
  'ring: a new node is gone for good amid its join -> called off; who waited is told, and the ring can change again',
  async (t) => {
    const store = await openSmall(t, WIDE);
    await fill(store, 2_000);
    const joining = store.change({ kind: 'join' }).then(
      () => 'done',
      ({ code }) => code,
    );
    await until(() => store.ring().change !== undefined);
    await hostOf(store).supervisor(3).close();
    await failsWith(t, 'KV_RING_CHANGING', () => store.plan({ kind: 'leave', nodes: [3] }));
    t.true((await store.change({ kind: 'abort' })).done);
    const isMember = store.members().some(({ node }) => node === 3);
    t.is(await joining, isMember ? 'done' : 'KV_ABORTED');
    if (isMember) await store.change({ kind: 'leave', nodes: [3] });
    t.true((await store.change({ kind: 'reweight', node: 0, weight: 2 })).done);
    t.deepEqual(await missing(store, 2_000), []);
  },
);

test.serial('ring: a dead node is replaced -> another takes exactly its seats, and has everything', async (t) => {
  const store = await openSmall(t, { ...WIDE, nodes: 4, memoryBytes: 8 * 2 ** 20 });
  await fill(store, 1_000);
  const seats = store.ring().preferenceLists.map((list) => list.includes(2));
  await hostOf(store).supervisor(2).close();
  const plan = await planWhenQuiet(store, { kind: 'replace', nodes: [2] });
  t.is(plan.partitions, seats.filter(Boolean).length);
  const result = await store.change({ kind: 'replace', nodes: [2] });
  t.is(result.bytes, plan.bytes);
  const after = store.ring().preferenceLists.map((list) => list.includes(result.joined[0]));
  t.deepEqual(after, seats);
  t.deepEqual(await missing(store, 1_000), []);
});

test.serial(
  'ring: closed and opened again, after a change and in the middle of one -> the same members, and it goes on',
  async (t) => {
    const path = join(makeFolder(t), 'data');
    const first = await openSmall(t, { ...WIDE, path });
    await fill(first, 2_000);
    const { epoch } = await first.change({ kind: 'join' });
    await first.change({ kind: 'leave', nodes: [0] }, { wait: false });
    await first.close();
    t.true(existsSync(join(path, 'ring.json')));
    const second = await openSmall(t, { ...WIDE, path });
    t.true(second.ring().epoch > epoch);
    await until(() => second.ring().change === undefined);
    t.deepEqual(
      second.members().map(({ node }) => node),
      [1, 2, 3],
    );
    t.deepEqual(await missing(second, 2_000), []);
    await second.close();
    const third = await openSmall(t, { ...WIDE, path });
    t.deepEqual(await missing(third, 2_000), []);
  },
);

test.serial(
  'ring: most members are dead -> no change, but by force; what is left is copied, and it says so',
  async (t) => {
    const store = await openSmall(t, WIDE);
    await fill(store, 500);
    for (let key = 0; key < 500; key++) await store.put(`key-${key}`, `value ${key}`, { w: 3 });
    for (const node of [1, 2]) await hostOf(store).supervisor(node).close();
    await failsWith(t, 'KV_FAILURE_DOMAINS', () => store.plan({ kind: 'leave', nodes: [1, 2] }, { force: true }));
    await failsWith(t, 'KV_INVALID_OPTION', () => store.plan({ kind: 'replace', nodes: [1] }, { force: true }));
    const plan = await store.plan({ kind: 'replace', nodes: [1, 2] }, { force: true });
    t.deepEqual(plan.gone, [1, 2]);
    t.is(plan.records, 1_000);
    const seen = new Set<boolean | undefined>();
    const onProgress = () => seen.add(store.ring().change?.forced);
    const result = await store.change({ kind: 'replace', nodes: [1, 2] }, { force: true, onProgress });
    t.deepEqual(result.joined, [3, 4]);
    t.true(seen.has(true));
    t.deepEqual(await missing(store, 500), []);
    // the threads of the host see the new ring a moment before its nodes do
    const put = () =>
      store.put('after', 'all', { w: 3 }).then(
        () => true,
        () => false,
      );
    await until(put);
  },
);

test.serial('ring: what cannot be -> a typed error, and nothing has changed', async (t) => {
  const store = await openSmall(t, { ...WIDE, nodesMax: 4 });
  await failsWith(t, 'KV_FAILURE_DOMAINS', () => store.change({ kind: 'leave', nodes: [0] }));
  await failsWith(t, 'KV_INVALID_OPTION', () => store.change({ kind: 'join', count: 2 }));
  await failsWith(t, 'KV_INVALID_OPTION', () => store.plan({ kind: 'reweight', node: 9, weight: 2 }));
  const [one, other] = await Promise.allSettled(
    [1, 2].map((node) => store.change({ kind: 'reweight', node, weight: 2 }, { wait: false })),
  );
  t.is([one, other].filter(({ status }) => status === 'fulfilled').length, 1);
  const refused = [one, other].find(({ status }) => status === 'rejected') as PromiseRejectedResult;
  t.is(refused.reason.code, 'KV_RING_CHANGING');
});
