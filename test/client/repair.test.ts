/** Repair over real threads and disks: what one replica has lost comes back from the others. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Store } from '../../src/index.js';
import { failsWith, makeFolder, openSmall, until } from './store-fixture.js';

const KEYS = 2_000;

async function fill(store: Store): Promise<void> {
  await store.putMany(Array.from({ length: KEYS }, (_, index) => [`key-${index}`, `value-${index}`] as const));
}

const keysOn = async (store: Store, node: number): Promise<number> => (await store.stats()).nodes[node].keysAbout;

const nodeFolder = (path: string, node: number): string =>
  join(path, readdirSync(path).find((name) => name === `node-00${node}`) as string);

test('repair: replicas that agree -> every partition is compared, nothing differs, progress is told', async (t) => {
  const store = await openSmall(t);
  await fill(store);
  const seen: number[] = [];
  const result = await store.repair({ onProgress: ({ done }) => seen.push(done) });
  t.deepEqual(result, { partitions: 16, differing: 0, moved: 0, failed: [] });
  t.deepEqual(
    seen,
    Array.from({ length: 16 }, (_, index) => index + 1),
  );
  t.true((await store.stats()).nodes.some(({ repairs }) => repairs.exchanges > 0));
});

test('repair: one partition, a dry run, a partition that is none, a signal -> as asked', async (t) => {
  const store = await openSmall(t);
  t.like(await store.repair({ partition: 3, dryRun: true }), { partitions: 1, differing: 0 });
  await failsWith(t, 'KV_INVALID_OPTION', () => store.repair({ partition: 16 }));
  await failsWith(t, 'KV_ABORTED', () => store.repair({ signal: AbortSignal.abort() }));
});

test('close: while partitions are compared or counted one after the other -> KV_CLOSED, it waits for those under way only', async (t) => {
  const store = await openSmall(t, { partitions: 64 });
  const done: number[] = [];
  const calls = [store.repair({ onProgress: (progress) => done.push(progress.done) }), store.plan({ kind: 'join' })];
  const ended = calls.map((call) => failsWith(t, 'KV_CLOSED', () => call, /the store is closed/));
  await store.close();
  await Promise.all(ended);
  t.true(done.length < 10, `${done.length} of 64`);
});

test('repair: a node whose directory was wiped while the store was closed -> it fills up by itself, and then counts', async (t) => {
  const path = join(makeFolder(t), 'data');
  const first = await openSmall(t, { path });
  await fill(first);
  await first.close();
  rmSync(nodeFolder(path, 1), { recursive: true });
  const store = await openSmall(t, { path });
  const lost: unknown[] = [];
  store.on('writes-may-be-lost', (event) => lost.push(event));
  await until(async () => {
    const node = (await store.stats()).nodes[1];
    return node.keysAbout >= KEYS && node.repairs.inDoubt === 0;
  });
  t.deepEqual(lost, []);
  t.is(await keysOn(store, 1), KEYS);
});

test('repair: the only host after a power loss, all of its nodes in doubt -> it serves again, and says that writes may be lost', async (t) => {
  const path = join(makeFolder(t), 'data');
  const first = await openSmall(t, { path });
  await fill(first);
  await first.close();
  for (const node of [0, 1, 2]) {
    const file = join(nodeFolder(path, node), 'node.json');
    const { check, ...held } = JSON.parse(readFileSync(file, 'utf8'));
    t.true(check > 0);
    writeFileSync(file, JSON.stringify({ ...held, bootId: 'before', cleanClose: false }));
  }
  const store = await openSmall(t, { path });
  const lost: unknown[] = [];
  store.on('writes-may-be-lost', (event) => lost.push(event));
  await until(async () => (await store.stats()).nodes.every(({ repairs }) => repairs.inDoubt === 0));
  await until(() => lost.length > 0);
  t.is(await store.get('key-7'), 'value-7');
  await store.put('key-7', 'again');
  t.is(await store.get('key-7'), 'again');
});

test('collection: everything is deleted -> the nodes hold nothing any more', async (t) => {
  const store = await openSmall(t, { collectionIntervalMs: 200 });
  await fill(store);
  await store.batch(Array.from({ length: KEYS }, (_, index) => ({ type: 'delete', key: `key-${index}` }) as const));
  await until(async () => {
    const { nodes } = await store.stats();
    return nodes.reduce((sum, { repairs }) => sum + repairs.collected, 0) >= KEYS;
  });
  await until(async () => (await keysOn(store, 0)) === 0);
  t.is(await store.get('key-1'), undefined);
});
