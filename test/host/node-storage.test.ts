/** How a node's storage opens over a damaged log: what it says on disk comes before what it does. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { NodeFiles } from '../../src/host/node-files.js';
import { openNodeStorage } from '../../src/host/node-storage.js';
import type { NodeStart } from '../../src/host/worker-main.js';
import type { Engine } from '../../src/storage/engine.js';
import { EXIT_GATE_WORDS } from '../../src/storage/exit-gate.js';
import { allocateNodeMemory } from '../../src/storage/node-memory.js';
import type { RecoveryReport } from '../../src/storage/recovery.js';
import { makeFolder } from '../client/store-fixture.js';
import { blocksOf, flip } from '../storage/log-bytes.js';
import { MiB } from '../storage/node-fixture.js';
import { keyOf, readText, stageWrite } from '../storage/records.js';

const VALUE = 'v'.repeat(4_000);

interface Life {
  readonly files: NodeFiles;
  readonly engine: Engine;
  readonly report: RecoveryReport;
}

/** Opens the storage as a node's thread does. */
async function live(t: ExecutionContext, folder: string, changes: Partial<NodeStart> = {}): Promise<Life> {
  const files = new NodeFiles(folder);
  const start = {
    map: { memories: [allocateNodeMemory(4 * MiB, 8)], partitions: 8 },
    node: 0,
    gate: new SharedArrayBuffer(EXIT_GATE_WORDS * 4),
    isKnown: false,
    salvages: false,
    mapBytesMax: 64 * MiB,
    compression: false,
    ...changes,
  } as NodeStart;
  let engine: Engine | undefined;
  try {
    const report = await openNodeStorage(start, files, (made) => {
      engine = made;
    });
    t.teardown(() => engine?.base.close());
    return { files, engine: engine as Engine, report };
  } catch (error) {
    await engine?.base.close();
    throw error;
  }
}

/** Two hundred turns, one record each; then the log is damaged in its middle. */
async function damagedNode(t: ExecutionContext): Promise<{ folder: string; log: string }> {
  const folder = join(makeFolder(t), 'node');
  const { engine, files } = await live(t, folder);
  for (let i = 0; i < 200; i++) {
    engine.beginHandler();
    stageWrite(engine, keyOf(`key-${i}`), Buffer.from(VALUE));
    engine.commit();
    engine.publish();
  }
  engine.log.close();
  await engine.base.close();
  files.closeClean(engine.log.writtenSequence);
  const log = join(folder, 'log');
  const { path, at } = blocksOf(log)[100];
  flip(path, at + 200);
  return { folder, log };
}

const nodeFile = (folder: string) =>
  JSON.parse(readFileSync(join(folder, 'node.json'), 'utf8')) as { replica: number; doubt?: string };

test('node storage: a damaged log -> KV_CORRUPT and nothing is changed, unless it is to be salvaged', async (t) => {
  const { folder, log } = await damagedNode(t);
  const before = nodeFile(folder).replica;
  const names = readdirSync(log);
  await t.throwsAsync(live(t, folder), { code: 'KV_CORRUPT' });
  t.deepEqual(readdirSync(log), names);
  t.deepEqual([nodeFile(folder).replica, nodeFile(folder).doubt], [before, undefined]);
  const { files, engine, report } = await live(t, folder, { salvages: true });
  t.is(report.damages?.[0].lost, 1);
  t.is(files.doubt, 'rollback');
  t.not(files.replica, before as typeof files.replica);
  t.is(engine.replica, files.replica);
  t.is(engine.nextCounter, 201);
  t.is(readText(engine, keyOf('key-100')), undefined);
  t.is(readText(engine, keyOf('key-101')), VALUE);
  t.deepEqual(readdirSync(files.damagedDirectory), names.slice(0, 1));
});

test('node storage: a salvage that comes to nothing -> the node is in doubt already, of another incarnation, and the log is there', async (t) => {
  const { folder, log } = await damagedNode(t);
  const before = nodeFile(folder).replica;
  const [name] = readdirSync(log);
  const bytes = readFileSync(join(log, name));
  for (let time = 0; time < 2; time++) {
    const replica = nodeFile(folder).replica;
    // the base table has no room for what is salvaged
    await t.throwsAsync(live(t, folder, { salvages: true, mapBytesMax: 256 * 1024 }), { code: 'KV_STORAGE_FULL' });
    t.not(nodeFile(folder).replica, replica);
    t.is(nodeFile(folder).doubt, 'rollback');
    t.deepEqual(readFileSync(join(log, name)), bytes);
  }
  // not salvaged the next time, it would still not count
  await t.throwsAsync(live(t, folder), { code: 'KV_CORRUPT' });
  t.is(nodeFile(folder).doubt, 'rollback');
  const { files, engine } = await live(t, folder, { salvages: true });
  t.is(files.doubt, 'rollback');
  t.not(files.replica, before as typeof files.replica);
  for (let i = 0; i < 200; i++) t.is(readText(engine, keyOf(`key-${i}`)), i === 100 ? undefined : VALUE);
  await engine.base.close();
  // the life after it, and one that counts again
  const next = await live(t, folder);
  t.deepEqual([next.files.doubt, next.files.replica], ['rollback', files.replica]);
  next.files.endDoubt();
  await next.engine.base.close();
  t.is((await live(t, folder)).files.doubt, 'none');
});

test('node files: a salvage of a storage that others have seen newer -> an incarnation that is newer still', (t) => {
  const folder = join(makeFolder(t), 'node');
  const files = new NodeFiles(folder);
  files.open();
  writeFileSync(join(files.logDirectory, '000000000001.log'), '');
  const next = new NodeFiles(folder);
  next.open({ isKnown: true });
  t.is(next.replica, files.replica);
  const bornMs = Date.now() + 1_000_000;
  const seen = { replica: 5, bornMs, sequence: 7 };
  next.beginSalvage(seen);
  next.recovered(9, seen);
  t.not(next.replica, files.replica);
  const { bornMs: born } = JSON.parse(readFileSync(join(folder, 'node.json'), 'utf8')) as { bornMs: number };
  t.true(born > bornMs);
});
