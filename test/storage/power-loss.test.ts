/** The log after a power loss: what was not synced may have holes; what was synced may not. */
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { SEGMENT_HEADER_BYTES, segmentName } from '../../src/storage/log-block.js';
import { FaultyFiles } from './faulty-files.js';
import { type NodeOptions, StorageNode, testFolder } from './node-fixture.js';
import { keyOf } from './records.js';

const key = (i: number) => keyOf(`key-${i}`);

/** Ten turns of one record each; the first `synced` of them are synced. Returns where each block begins. */
async function written(t: ExecutionContext, synced: number, options: NodeOptions = {}) {
  const node = await StorageNode.open(t, testFolder(t), options);
  const starts: number[] = [];
  for (let turn = 0; turn < 10; turn++) {
    starts.push(node.engine.log.bytes);
    node.put(key(turn), `value-${turn}`);
    if (turn < synced) node.engine.requireSync();
    node.endTurn();
  }
  await node.crash();
  return { node, starts, path: join(node.logFolder, segmentName(1)) };
}

function zero(path: string, from: number, to: number): void {
  const bytes = readFileSync(path);
  bytes.fill(0, from, to);
  writeFileSync(path, bytes);
}

test('power loss: a hole in what was not synced -> cut there, all before it is back', async (t) => {
  for (const damage of ['zeros', 'noise'] as const) {
    const { node, starts, path } = await written(t, 3);
    if (damage === 'zeros') zero(path, starts[6], starts[7]);
    else {
      const bytes = readFileSync(path);
      bytes[starts[6] + 50] ^= 0xff;
      writeFileSync(path, bytes);
    }
    const after = await node.reopen(t, { afterPowerLoss: true });
    t.truthy(after.report.cut, damage);
    t.is(after.text(key(5)), 'value-5');
    t.is(after.text(key(6)), undefined);
    t.is(after.text(key(9)), undefined);
    after.put(key(6), 'again');
    after.endTurn();
    const last = await after.reopen(t);
    t.is(last.report.cut, undefined);
    t.is(last.text(key(6)), 'again');
  }
});

test('power loss: a hole in what a later block says was synced -> KV_CORRUPT', async (t) => {
  const { node, starts, path } = await written(t, 5);
  zero(path, starts[2], starts[3]);
  await t.throwsAsync(node.reopen(t, { afterPowerLoss: true }), { code: 'KV_CORRUPT' });
});

test('process crash: the same hole without a power loss -> KV_CORRUPT', async (t) => {
  const { node, starts, path } = await written(t, 0);
  const bytes = readFileSync(path);
  bytes[starts[6] + 50] ^= 0xff;
  writeFileSync(path, bytes);
  await t.throwsAsync(node.reopen(t), { code: 'KV_CORRUPT' });
});

test('power loss: after a process crash, a new life and a sync of that -> what the crash left unsynced was synced before', async (t) => {
  const { node } = await written(t, 0, { segmentBytes: 400 });
  const files = new FaultyFiles();
  const next = await node.reopen(t, { files });
  next.put(key(10), 'value-10');
  next.engine.requireSync();
  next.endTurn();
  await next.crash();
  for (const name of readdirSync(next.logFolder)) {
    const path = join(next.logFolder, name);
    if (!files.syncedPaths.has(path)) zero(path, SEGMENT_HEADER_BYTES, statSync(path).size);
  }
  const after = await next.reopen(t, { afterPowerLoss: true, files: new FaultyFiles() });
  for (let i = 0; i <= 10; i++) t.is(after.text(key(i)), `value-${i}`);
  t.is(files.opened.size, 2, 'only the segment that is written stays open, twice');
});

test('power loss: the first page of a new segment, when those before it could be gone -> they stay until it was synced, and nothing is missing', async (t) => {
  const { node } = await written(t, 10);
  const files = new FaultyFiles();
  const next = await node.reopen(t, { files });
  await next.flush();
  const { log, flusher } = next.engine;
  files.held = [];
  flusher.dropSynced(log);
  t.deepEqual(readdirSync(next.logFolder), [1, 2].map(segmentName));
  for (const [index, bytes] of [6_000, 10].entries()) {
    next.put(key(20 + index), 'x'.repeat(bytes));
    next.endTurn();
  }
  await next.crash();
  zero(join(next.logFolder, segmentName(2)), 0, 4_096);
  const after = await next.reopen(t, { afterPowerLoss: true, files: new FaultyFiles() });
  t.truthy(after.report.cut);
  for (let i = 0; i < 10; i++) t.is(after.text(key(i)), `value-${i}`);
  t.is(after.text(key(20)), undefined);
  await after.flush();
  after.engine.log.sync();
  after.engine.flusher.dropSynced(after.engine.log);
  t.is(readdirSync(after.logFolder).length, 1);
});

test('process crash: what it left unsynced cannot be synced -> the node does not go on', async (t) => {
  const { node } = await written(t, 0);
  const files = new FaultyFiles();
  files.syncFails = 'EIO';
  await t.throwsAsync(node.reopen(t, { files }), { code: 'KV_STORAGE_FAILED' });
  t.is(files.opened.size, 0);
});

test('power loss: the end of an earlier segment is missing -> the later ones go with it', async (t) => {
  const { node } = await written(t, 0, { segmentBytes: 400 });
  const names = readdirSync(node.logFolder).sort();
  t.true(names.length >= 3, 'several segments');
  const second = join(node.logFolder, names[1]);
  t.true(statSync(second).size > SEGMENT_HEADER_BYTES);
  truncateSync(second, SEGMENT_HEADER_BYTES);
  const after = await node.reopen(t, { afterPowerLoss: true });
  t.truthy(after.report.cut);
  t.is(after.text(key(0)), 'value-0');
  t.is(after.text(key(9)), undefined);
  const kept = readdirSync(node.logFolder).filter(
    (name) => names.slice(2).includes(name) && statSync(join(node.logFolder, name)).size > 4096,
  );
  t.true(kept.length <= 1, 'only the new segment');
});
