/** Repair over real threads and disks: what one replica has lost comes back from the others. */
import { readdirSync, rmSync } from 'node:fs';
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

test('repair: a node whose directory was wiped while the store was closed -> it holds everything again', async (t) => {
  const path = join(makeFolder(t), 'data');
  const first = await openSmall(t, { path });
  await fill(first);
  await first.close();
  rmSync(nodeFolder(path, 1), { recursive: true });
  const store = await openSmall(t, { path });
  const { failed } = await store.repair();
  t.deepEqual(failed, []);
  await until(async () => (await keysOn(store, 1)) >= KEYS);
  t.is(await keysOn(store, 1), KEYS);
});
