/** The whole-store suite over a Map-backed store: it reports every id, and notices a wrong answer. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { STORE_CASES } from '../../bench/store/cases.js';
import { type OpenStore, runStoreSuite } from '../../bench/store/suite.js';
import { openMapStore } from './map-store.js';

async function runSmall(openStore: OpenStore, wants: (id: string) => boolean) {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-bench-test-'));
  try {
    const progress = (): void => {};
    return await runStoreSuite({
      openStore,
      folder,
      keyCount: 500,
      rounds: 2,
      sliceMs: 2,
      pauseMs: 0,
      warmUpMs: 5,
      wants,
      progress,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('store suite: every case -> one result with a control and a ratio for each peer that is there', async (t) => {
  const { results, skipped } = await runSmall(
    () => openMapStore(),
    () => true,
  );
  t.deepEqual(
    results.map((result) => result.id),
    STORE_CASES.map((one) => one.id),
  );
  for (const result of results) {
    t.true(result.ours > 0 && Number.isFinite(result.control?.ratio), result.id);
    const wanted = STORE_CASES.find((one) => one.id === result.id)?.peers ?? [];
    const there = wanted.filter((name) => skipped.length === 0 || !/redis/.test(name));
    const expected = there.map((name) => (name === 'lmdb-durable' ? 'lmdb' : name));
    t.deepEqual(Object.keys(result.peers), expected, result.id);
    for (const name of expected) t.is(result.ratio[name], result.ours / result.peers[name], `${result.id} ${name}`);
  }
});

for (const action of ['get', 'put', 'getMany', 'putMany']) {
  test(`store suite: a store that answers ${action} wrongly -> the run fails`, async (t) => {
    const lies: OpenStore = () => openMapStore({ lieEvery: 50 });
    const failing = runSmall(lies, (id) => id.startsWith(`embedded.${action}.n`) && !id.includes('inflight'));
    await t.throwsAsync(failing, { message: /holds a lie, not/ });
  });
}
