/** Draining before a close on purpose: what is refused, what is waited for. */
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { DrainProgress, Store } from '../../src/index.js';
import { failsWith, openSmall, until } from './store-fixture.js';

/** Words of a host's shared ring. */
const SEQUENCE = 0;
const EPOCH = 1;
const KEYS = Array.from({ length: 200 }, (_, index) => `key-${index}`);

async function writeWithout(store: Store, node: number): Promise<void> {
  await hostOf(store).supervisor(node).hold();
  for (const key of KEYS) await store.put(key, key);
  await until(async () => (await store.stats()).nodes.reduce((sum, { hints }) => sum + hints, 0) === KEYS.length);
}

test('drain: writes in flight -> confirmed; later ones of every kind -> KV_DRAINING; reads go on', async (t) => {
  const store = await openSmall(t);
  const early = KEYS.map((key) => store.put(key, key));
  const draining = store.drain();
  const sibling = { type: 'bytes', value: Buffer.from('v'), tombstone: false, expiresAtMs: 0, writtenAtMs: 0 } as const;
  for (const late of [
    () => store.put('late', 1),
    () => store.put('late', 1, { w: 1 }),
    () => store.delete('key-1'),
    () => store.update('key-1', () => 2),
    () => store.putMany([['late', 1]]),
    () => store.batch([{ type: 'delete', key: 'key-1' }]),
    () => store.restore([{ key: Buffer.from('late'), siblings: [sibling] }]),
  ]) {
    const { retryable } = await failsWith(t, 'KV_DRAINING', late);
    t.true(retryable);
  }
  t.deepEqual(await draining, { drained: true, hints: 0, notes: 0 });
  for (const { replicas } of await Promise.all(early)) t.true(replicas >= 2);
  t.is(await store.get('key-1'), 'key-1');
  t.is(await store.get('late'), undefined);
});

test('drain: hints for a node that is down -> waited for until it is back, and then it has everything', async (t) => {
  const store = await openSmall(t, { mode: 'available' });
  await writeWithout(store, 1);
  const seen: DrainProgress[] = [];
  const draining = store.drain({ onProgress: (progress) => seen.push(progress) });
  await until(() => seen.length > 5);
  t.is(seen.at(-1)?.hints, KEYS.length);
  hostOf(store).supervisor(1).release();
  t.deepEqual(await draining, { drained: true, hints: 0, notes: 0 });
  await until(async () => (await store.stats()).nodes[1].keysAbout >= KEYS.length);
  t.pass();
});

test('drain: a node that does not come back -> over when the time is, with what is left; a signal ends it', async (t) => {
  const store = await openSmall(t, { mode: 'available' });
  await writeWithout(store, 1);
  t.deepEqual(await store.drain({ waitMs: 100 }), { drained: false, hints: KEYS.length, notes: 0 });
  await failsWith(t, 'KV_ABORTED', () => store.drain({ signal: AbortSignal.abort() }));
  await failsWith(t, 'KV_DRAINING', () => store.put('late', 1));
});

test('close: writes that a node has refused, and that are to be sent again -> are finished like all that is in flight', async (t) => {
  const store = await openSmall(t);
  // of this thread, not of the nodes: they refuse what it sends as older than their ring
  const ring = new Int32Array(hostOf(store).map.ring, 0, EPOCH + 1);
  const show = (epochs: number) => {
    ring[SEQUENCE]++;
    ring[EPOCH] += epochs;
    ring[SEQUENCE]++;
  };
  show(-1);
  const { signal } = new AbortController();
  const writes = [store.put('a', 1), store.put('b', 2, { w: 3 }), store.put('c', 3, { signal }), store.delete('d')];
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.is((await store.stats()).client.inFlight, writes.length);
  const closing = store.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  show(1);
  for (const { replicas } of await Promise.all(writes)) t.true(replicas >= 2);
  await closing;
  await failsWith(t, 'KV_CLOSED', () => store.put('late', 1));
});
