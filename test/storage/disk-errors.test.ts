/** A disk that is full amid a flush, of which a part is in the base table by then; and one that loses what it was to write. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import test, { type ExecutionContext } from 'ava';
import { FaultyFiles } from './faulty-files.js';
import { MiB, StorageNode, testFolder } from './node-fixture.js';
import { keyOf } from './records.js';

const key = (i: number) => keyOf(`key-${i}`);
const { statfsSync } = fs;

/** The disk has room for so many looks at it, and then none. */
function fillDiskAfter(t: ExecutionContext, looks: number): void {
  let left = looks;
  const planted = (path: string) => ({ ...statfsSync(path), ...(left-- <= 0 && { bavail: 0 }) });
  setStatfs(planted as typeof statfsSync);
  t.teardown(emptyDisk);
}

const emptyDisk = (): void => setStatfs(statfsSync);

function setStatfs(to: typeof statfsSync): void {
  fs.statfsSync = to;
  syncBuiltinESMExports();
}

async function putAll(node: StorageNode, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    await node.putPatiently(key(i), `value-${i}`);
    if (i % 500 === 0) node.endTurn();
  }
  node.endTurn();
}

test.serial(
  'flush: the disk is full amid it, and the filter is rebuilt then -> the base table is not taken for damaged',
  async (t) => {
    const node = await StorageNode.open(t, testFolder(t), { memoryBytes: 16 * MiB });
    await putAll(node, 0, 3_000);
    await node.flush();
    const { base, bloom, flusher, log } = node.engine;
    t.is(base.entryCount, 3_000);
    await putAll(node, 3_000, 9_000);
    // one look at the batch as a whole, one for each slice
    fillDiskAfter(t, 10);
    await t.throwsAsync(flusher.flush(log), { code: 'KV_STORAGE_FULL' });
    emptyDisk();
    t.true(base.entryCount > 3_000 && base.entryCount < 9_000, `${base.entryCount} are there`);
    t.true(bloom.saturated);
    while (bloom.saturated || !bloom.ready) node.endTurn();
    base.checkDamage();
    await node.flush();
    t.is(base.entryCount, 9_000);
  },
);

test('engine: a background sync has met an error and not said so yet -> a sync that is asked for meets it too', async (t) => {
  const files = new FaultyFiles();
  const node = await StorageNode.open(t, testFolder(t), { files, syncIntervalMs: 10 });
  files.held = [];
  node.put(key(1), 'one');
  node.endTurn();
  for (const fd of files.opened) files.untold.add(fd);
  node.endTurn(20);
  t.true(node.maintenance.busy);
  node.put(key(2), 'two');
  node.engine.requireSync();
  t.throws(() => node.endTurn(), { code: 'KV_STORAGE_FAILED' });
});
