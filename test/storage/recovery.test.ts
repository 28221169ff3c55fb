import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { recordBytes } from '../../src/protocol/record.js';
import { LOG_FORMAT, SEGMENT_HEADER_BYTES, segmentHeader, segmentName } from '../../src/storage/log-block.js';
import { MiB, type NodeOptions, StorageNode, testFolder } from './node-fixture.js';
import { keyOf } from './records.js';

const key = (i: number) => keyOf(`key-${i}`);

/** Size of the last block of a log whose one segment was cut to what counts. */
interface Log {
  readonly folder: string;
  readonly path: string;
  readonly bytes: Buffer;
  readonly lastBlockAt: number;
}

/** A log of ten turns with three keys each, closed cleanly, so that the file ends behind its last block. */
async function writtenLog(t: ExecutionContext): Promise<Log> {
  const node = await StorageNode.open(t, testFolder(t));
  for (let turn = 0; turn < 10; turn++) {
    for (let i = 0; i < 3; i++) node.put(key(turn * 3 + i), `value-${turn}`);
    node.endTurn();
  }
  const before = node.engine.log.bytes;
  node.put(key(99), 'the last');
  node.endTurn();
  await node.close();
  const path = join(node.logFolder, segmentName(1));
  return { folder: node.folder, path, bytes: readFileSync(path), lastBlockAt: before };
}

/** A node over this log alone, in a folder of its own that goes at once. */
async function recovered<Result>(
  t: ExecutionContext,
  log: Buffer,
  body: (node: StorageNode) => Result,
  options: NodeOptions = {},
): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-torn-'));
  mkdirSync(join(folder, 'log'));
  writeFileSync(join(folder, 'log', segmentName(1)), log);
  const closers: (() => unknown)[] = [];
  try {
    const node = await StorageNode.open({ teardown: (close) => void closers.push(close) }, folder, options);
    return body(node);
  } finally {
    for (const close of closers) await close();
    rmSync(folder, { recursive: true, force: true });
    t.pass();
  }
}

test('recovery: a log read in pieces of any size, as closed and with its last block torn -> each time what it holds', async (t) => {
  const node = await StorageNode.open(t, testFolder(t));
  for (let turn = 0; turn < 60; turn++) {
    for (let i = 0; i <= turn % 3; i++) node.put(key(turn * 3 + i), 'x'.repeat((turn * 37) % 400));
    node.endTurn();
  }
  await node.close();
  const log = readFileSync(join(node.logFolder, segmentName(1)));
  // the largest block has 1,400 bytes: pieces of twice that, so that each size moves every later piece's begin
  for (let chunkBytes = 2_800; chunkBytes < 3_300; chunkBytes += 8) {
    for (const [cut, records] of [
      [0, 120],
      [8, 117],
    ]) {
      const report = await recovered(t, log.subarray(0, log.length - cut), ({ report }) => report, { chunkBytes });
      t.deepEqual(
        [report.records, report.cut !== undefined],
        [records, cut > 0],
        `pieces of ${chunkBytes}, ${cut} cut`,
      );
    }
  }
});

test('recovery: a clean stop and a crash -> everything is back, with clock and counters', async (t) => {
  for (const end of ['close', 'crash'] as const) {
    let node = await StorageNode.open(t, testFolder(t));
    for (let i = 0; i < 50; i++) {
      node.put(key(i % 20), `value-${i}`);
      if (i % 7 === 0) node.endTurn();
    }
    node.endTurn();
    const { nextCounter } = node.engine;
    await node[end]();
    node = await node.reopen(t);
    t.is(node.report.records, 50);
    t.is(node.report.cut, undefined);
    for (let i = 30; i < 50; i++) t.is(node.text(key(i % 20)), `value-${i}`);
    t.is(node.engine.nextCounter, nextCounter);
    t.is(Number(node.engine.clock), 50);
    t.is(node.engine.counts.keysAbout, 20);
    node.put(key(0), 'after');
    node.endTurn();
    t.is(node.text(key(0)), 'after');
    node = await node.reopen(t);
    t.is(node.text(key(0)), 'after');
  }
});

test('recovery: the log cut at every byte of its last block -> cut and reported, all before it is there', async (t) => {
  const { bytes, lastBlockAt } = await writtenLog(t);
  for (let end = lastBlockAt; end < bytes.length; end++) {
    await recovered(t, bytes.subarray(0, end), (node) => {
      t.is(node.text(key(29)), 'value-9');
      t.is(node.text(key(99)), undefined, `cut at ${end - lastBlockAt}`);
      if (end > lastBlockAt) t.is(node.report.cut?.bytes, end - lastBlockAt);
      else t.is(node.report.cut, undefined);
    });
  }
});

test('recovery: a log of a newer format -> KV_FORMAT_TOO_NEW, untouched', async (t) => {
  const { bytes } = await writtenLog(t);
  const newer = Buffer.from(bytes);
  segmentHeader(1, 1, LOG_FORMAT + 1).copy(newer);
  await t.throwsAsync(
    recovered(t, newer, () => undefined),
    { code: 'KV_FORMAT_TOO_NEW' },
  );
});

test('recovery: an empty, a zeroed or a headless last segment -> nothing lost, and gone for good', async (t) => {
  const { bytes } = await writtenLog(t);
  for (const rest of [Buffer.alloc(0), Buffer.alloc(17), Buffer.alloc(4096)]) {
    const folder = testFolder(t);
    mkdirSync(join(folder, 'log'));
    writeFileSync(join(folder, 'log', segmentName(1)), bytes);
    writeFileSync(join(folder, 'log', segmentName(2)), rest);
    let node = await StorageNode.open(t, folder);
    t.is(node.report.cut?.bytes, rest.length);
    // the same once more: what was cut must not be taken for damage now that other segments follow
    for (let life = 0; life < 3; life++) {
      t.is(node.text(key(99)), 'the last');
      node.put(key(life), `life-${life}`);
      node.endTurn();
      node = await node.reopen(t);
      t.is(node.text(key(life)), `life-${life}`);
    }
  }
});

test('recovery: a damaged header before intact blocks -> KV_CORRUPT, nothing is cut', async (t) => {
  const { bytes } = await writtenLog(t);
  const damaged = Buffer.from(bytes);
  damaged[0] ^= 1;
  await t.throwsAsync(
    recovered(t, damaged, () => undefined),
    { code: 'KV_CORRUPT' },
  );
});

test('recovery: handlers that threw after reserving -> their room is skipped, and it raises no clock', async (t) => {
  let node = await StorageNode.open(t, testFolder(t));
  const { engine } = node;
  engine.words.fill(-1, 2_000, engine.words.length);
  for (let i = 0; i < 10; i++) {
    node.put(key(i), 'kept');
    engine.beginHandler();
    const at = engine.reserve(recordBytes(8, 3_000, false));
    if (i % 2 === 0) engine.words[at] = recordBytes(8, 3_000, false);
    engine.undoHandler();
    node.endTurn();
  }
  node = await node.reopen(t);
  t.is(node.report.records, 20);
  for (let i = 0; i < 10; i++) t.is(node.text(key(i)), 'kept');
  t.true(node.engine.clock < 100);
  t.is(node.engine.index.entries, 10);
});

test('recovery: a log larger than memory, with blocks of half the memory -> everything is there', async (t) => {
  let node = await StorageNode.open(t, testFolder(t), { memoryBytes: 32 * MiB });
  for (let i = 0; i < 9_000; i++) {
    node.put(key(i % 3_000), `${i}`.padEnd(700, '.'));
    if (i % 600 === 0) node.endTurn();
  }
  node.endTurn();
  node = await node.reopen(t, { memoryBytes: MiB });
  for (let i = 6_000; i < 9_000; i++) {
    if (i % 100 === 0) await node.flush();
    t.is(node.text(key(i % 3_000)), `${i}`.padEnd(700, '.'));
  }
  await node.flush();
  t.is(node.engine.base.entryCount, 3_000);
});

test('recovery: after a failed sync with the checkpoint option -> the base table holds everything, the old log is gone', async (t) => {
  let node = await StorageNode.open(t, testFolder(t));
  for (let i = 0; i < 100; i++) node.put(key(i), `value-${i}`);
  node.endTurn();
  node = await node.reopen(t, { checkpoint: true });
  t.is(node.engine.base.entryCount, 100);
  t.deepEqual(readdirSync(node.logFolder), [segmentName(2)]);
  t.is(node.engine.counts.keysAbout, 100);
  for (let i = 0; i < 100; i++) t.is(node.text(key(i)), `value-${i}`);
});

test.serial('recovery: 100,000 records of 200 bytes -> replayed in less than a second of processor time', async (t) => {
  const options = { memoryBytes: 64 * MiB };
  let node = await StorageNode.open(t, testFolder(t), options);
  for (let i = 0; i < 100_000; i++) {
    node.put(key(i), 'v'.repeat(140));
    if (i % 500 === 0) {
      node.engine.commit();
      node.engine.publish();
    }
  }
  node.engine.commit();
  // alone in its process, so that what others do to the machine does not count
  const start = process.cpuUsage();
  node = await node.reopen(t, options);
  const { user, system } = process.cpuUsage(start);
  const ms = (user + system) / 1_000;
  t.log(`${Math.round(ms)} ms for ${node.report.records} records`);
  t.is(node.report.records, 100_000);
  t.true(ms < 1_000);
  t.is(node.text(key(99_999)), 'v'.repeat(140));
});

test('recovery: what a segment reserves ahead -> cut on a clean stop', async (t) => {
  const node = await StorageNode.open(t, testFolder(t));
  const path = join(node.logFolder, segmentName(1));
  t.true(statSync(path).size >= 3 * MiB);
  await node.close();
  t.is(statSync(path).size, SEGMENT_HEADER_BYTES);
});
