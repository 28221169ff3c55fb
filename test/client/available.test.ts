/** A node is kept down: what requests do meanwhile in either mode, and that it has everything when it is back. */
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { Store } from '../../src/index.js';
import { failsWith, openSmall, until } from './store-fixture.js';

const KEYS = Array.from({ length: 300 }, (_, index) => `key-${index}`);

const isUp = (store: Store, node: number): boolean => store.members()[node].state !== 'down';

async function hold(store: Store, node: number): Promise<void> {
  await hostOf(store).supervisor(node).hold();
}

async function release(store: Store, node: number): Promise<void> {
  hostOf(store).supervisor(node).release();
  await until(async () => (await store.stats()).nodes[node].up);
}

async function hintsLeft(store: Store): Promise<number> {
  return (await store.stats()).nodes.reduce((sum, { hints }) => sum + hints, 0);
}

async function keysOf(store: Store): Promise<unknown[]> {
  const keys: unknown[] = [];
  for await (const { key } of store.scan()) keys.push(key);
  return keys;
}

/** What this node alone holds: the others are kept down. */
async function readFrom(store: Store, node: number, nodes: readonly number[]): Promise<unknown[]> {
  for (const other of nodes) if (other !== node) await hold(store, other);
  const values = await store.getMany(KEYS, { r: 1 });
  for (const other of nodes) if (other !== node) await release(store, other);
  return values;
}

test('available: three nodes, N=3, one is kept down -> writes go on, and it has all of them when it is back', async (t) => {
  const store = await openSmall(t, { mode: 'available' });
  await store.putMany(KEYS.map((key) => [key, 'before']));
  await hold(store, 1);
  for (const key of KEYS) {
    const { replicas, fallbacks } = await store.put(key, `${key} later`);
    t.deepEqual([replicas, fallbacks], [2, 0]);
  }
  await until(async () => (await hintsLeft(store)) === KEYS.length);
  await release(store, 1);
  await until(async () => (await hintsLeft(store)) === 0);
  const wanted = KEYS.map((key) => `${key} later`);
  for (const node of [0, 1, 2]) t.deepEqual(await readFrom(store, node, [0, 1, 2]), wanted, `node ${node}`);
});

test('available: four nodes, one is kept down -> another one stands in and is named; strict requests are refused', async (t) => {
  const store = await openSmall(t, { nodes: 4, w: 3, r: 3, memoryBytes: 8 * 2 ** 20 });
  await hold(store, 2);
  let fallbacks = 0;
  let refused: string | undefined;
  for (const key of KEYS) {
    const written = await store.put(key, 'v', { mode: 'available' });
    t.is(written.replicas + written.fallbacks, 3);
    fallbacks += written.fallbacks;
    if (written.fallbacks > 0) refused ??= key;
  }
  t.true(fallbacks > KEYS.length / 2);
  const key = refused as string;
  await failsWith(t, 'KV_UNAVAILABLE', () => store.put(key, 'v'));
  await failsWith(t, 'KV_READ_QUORUM_UNMET', () => store.get(key));
  const read = await store.read(key, { mode: 'available' });
  t.like(read, { replicas: 2, fallbacks: 1, via: 'messages', siblings: [{ value: 'v' }] });
  await release(store, 2);
  await until(async () => (await hintsLeft(store)) === 0);
  t.true((await store.stats()).nodes.reduce((sum, { hintsHandedOver }) => sum + hintsHandedOver, 0) >= fallbacks);
  for (const each of KEYS) t.is(await store.get(each), 'v');
  t.true(isUp(store, 2));
});

test('available: every primary of a key is kept down -> the fourth node takes the write and gives it away again', async (t) => {
  const store = await openSmall(t, { nodes: 4, n: 2, r: 1, w: 1, memoryBytes: 8 * 2 ** 20 });
  const held = [0, 1];
  for (const node of held) await hold(store, node);
  const results = await Promise.all(KEYS.map((key) => store.put(key, 'v', { mode: 'available' })));
  t.true(results.some(({ replicas, fallbacks }) => replicas === 0 && fallbacks > 0));
  await until(async () => (await store.getMany(KEYS, { mode: 'available' })).every((value) => value === 'v'));
  for (const node of held) await release(store, node);
  await until(async () => (await hintsLeft(store)) === 0);
  t.deepEqual(
    await store.getMany(KEYS, { r: 2 }),
    KEYS.map(() => 'v'),
  );
});

test('available: a scan while holders are kept down -> asks everybody who may stand in', async (t) => {
  const store = await openSmall(t, { nodes: 4, n: 2, r: 1, w: 1, memoryBytes: 8 * 2 ** 20, mode: 'available' });
  for (const node of [0, 1]) await hold(store, node);
  await store.putMany(KEYS.map((key) => [key, 'v']));
  // a holder that was suspected for a moment may have to wait for its hint
  await until(async () => isDeepStrictEqual(await keysOf(store), KEYS.toSorted()));
  await failsWith(t, 'KV_READ_QUORUM_UNMET', () => store.scan({ mode: 'strict' }).next());
});
