import { setImmediate as eventTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { errorOf } from '../../src/protocol/outcome.js';
import { BloomFilter } from '../../src/storage/bloom-filter.js';
import { FaultyFiles } from './faulty-files.js';
import { MiB, type NodeOptions, StorageNode, testFolder } from './node-fixture.js';
import { keyOf } from './records.js';

const key = (i: number) => keyOf(`key-${i}`);
const open = (t: ExecutionContext, options: NodeOptions = {}) => StorageNode.open(t, testFolder(t), options);

test('maintenance: a burst into tiny memory -> KV_OVERLOADED at the limit, a pause before it, and writes again by itself', async (t) => {
  const node = await open(t);
  let taken = 0;
  let pauseMs = 0;
  while (node.put(key(taken), 'v'.repeat(1_000))) {
    taken++;
    if (taken % 10 === 0) node.endTurn();
    pauseMs = Math.max(pauseMs, node.maintenance.pauseMs);
  }
  t.true(taken > 300);
  t.is(errorOf(node.engine.refusal), 'KV_OVERLOADED');
  t.true(pauseMs >= 1 && pauseMs <= 20, `${pauseMs} ms`);
  await node.settle();
  t.is(node.engine.refusal, 0);
  t.is(node.maintenance.pauseMs, 0);
  for (let i = 0; i < 3 * taken; i++) await node.putPatiently(key(i), 'w'.repeat(1_000));
  await node.settle();
  t.deepEqual(node.errors, []);
});

test('maintenance: a few keys overwritten faster than a compaction’s sync -> the loop pauses before anything is refused', async (t) => {
  const files = new FaultyFiles();
  const node = await open(t, { memoryBytes: 2 * MiB, files });
  files.held = [];
  let writes = 0;
  while (node.maintenance.pauseMs === 0) {
    t.true(node.put(key(writes++ % 20), `${writes}`.padEnd(500, '.')), `write ${writes}`);
    if (writes % 20 === 0) node.endTurn();
  }
  t.is(node.engine.refusal, 0);
  t.true(writes > 1_000);
  files.finishSyncs();
  await node.settle();
  t.is(node.maintenance.pauseMs, 0);
  t.is(node.text(key((writes - 1) % 20)), `${writes}`.padEnd(500, '.'));
});

test('maintenance: segments behind a compaction cannot be removed -> told once, the node goes on, and they go later', async (t) => {
  const files = new FaultyFiles();
  const node = await open(t, { memoryBytes: 2 * MiB, segmentBytes: 65_536, files });
  const write = async (count: number) => {
    for (let i = 0; i < count; i++) {
      await node.putPatiently(key(i % 20), `${i}`.padEnd(500, '.'));
      if (i % 20 === 0) node.endTurn();
    }
  };
  files.removeFails = 'EIO';
  await write(8_000);
  await node.settle();
  t.is(node.errors.length, 1);
  const { bytes } = node.engine.log;
  files.removeFails = undefined;
  node.endTurn(2_000);
  await node.settle();
  t.true(node.engine.log.bytes < bytes / 2);
  files.removeFails = 'EIO';
  await write(8_000);
  await node.settle();
  t.is(node.errors.length, 2, 'another time is told anew');
});

test('maintenance: the base table cannot be read while the filter is rebuilt -> that waits, and the node goes on', async (t) => {
  let node = await open(t);
  for (let i = 0; i < 1_000; i++) {
    node.put(key(i), 'v');
    if (i % 100 === 0) node.endTurn();
  }
  await node.flush();
  node = await node.reopen(t);
  node.endTurn();
  t.true(node.maintenance.pending);
  // as behind a write that failed
  await node.engine.base.close();
  t.notThrows(() => node.endTurn());
  t.false(node.maintenance.pending, 'an idle thread may sleep');
  t.false(new BloomFilter(new Int32Array(node.memory.bloom)).ready);
});

test('maintenance: a log of the smallest size and writes of many times that -> never refused for good', async (t) => {
  const node = await open(t, { memoryBytes: 16 * MiB, logBytesMax: 4 * MiB });
  let refused = 0;
  for (let i = 0; i < 30_000; i++) {
    if (node.put(key(i % 900), `${i}`.padEnd(1_000, '.'))) {
      if (i % 100 === 0) node.endTurn();
      continue;
    }
    refused++;
    await node.settle();
    t.is(node.engine.refusal, 0, `write ${i}`);
  }
  t.log(`${refused} refusals`);
  await node.settle();
  t.true(node.engine.log.bytes <= 4 * MiB);
});

test('maintenance: large cold records are overwritten by small ones -> never refused for good', async (t) => {
  const node = await open(t, { memoryBytes: 2 * MiB });
  const { engine } = node;
  const keys = 2_000;
  for (let i = 0; i < keys; i++) {
    await node.putPatiently(key(i), 'v'.repeat(4_000));
    if (i % 20 === 0) node.endTurn();
  }
  await node.settle();
  await node.flush();
  for (let i = 0; i < keys; i++) {
    if (!node.put(key(i), 'w')) {
      await node.settle();
      t.is(engine.refusal, 0, `write ${i}`);
      t.true(node.put(key(i), 'w'), `write ${i}`);
    }
    if (i % 10 === 0) node.endTurn();
  }
  await node.settle();
  for (let i = 0; i < keys; i += 7) t.is(node.text(key(i)), 'w');
});

test('maintenance: a base table that is full -> read-only until it has room, told once, reads go on', async (t) => {
  const node = await open(t, { mapBytesMax: 2 * MiB, memoryBytes: 2 * MiB });
  let i = 0;
  while (node.maintenance.readOnly === undefined) {
    if (node.put(key(i), 'v'.repeat(1_000))) i++;
    if (i % 10 !== 0) continue;
    node.endTurn();
    await eventTurn();
  }
  t.is(node.maintenance.readOnly?.code, 'KV_STORAGE_FULL');
  node.endTurn();
  t.is(errorOf(node.engine.refusal), 'KV_STORAGE_FULL');
  const { length } = node.errors;
  for (let run = 0; run < 20; run++) {
    node.endTurn(400);
    await eventTurn();
    await eventTurn();
    t.is(errorOf(node.engine.refusal), 'KV_STORAGE_FULL', 'it does not flap');
  }
  t.is(node.errors.length, length);
  t.is(node.text(key(i - 10))?.length, 1_000);
  const next = await node.reopen(t, { mapBytesMax: 64 * MiB });
  await next.settle();
  t.is(next.engine.refusal, 0);
  t.is(next.text(key(i - 10))?.length, 1_000);
  await next.putPatiently(key(1), 'again');
});

test('maintenance: the host’s 32-bit clock wraps -> syncs and flushes go on', async (t) => {
  const files = new FaultyFiles();
  const node = await open(t, { files, syncIntervalMs: 100 });
  const { log, flusher } = node.engine;
  const run = async (nowMs: number) => {
    node.put(key(1), String(nowMs));
    node.engine.commit();
    node.engine.publish();
    node.maintenance.run(nowMs >>> 0);
    while (node.maintenance.busy) await eventTurn();
  };
  const wrap = 2 ** 32;
  await run(wrap - 500);
  await run(wrap - 200);
  const { syncs } = log;
  t.true(syncs > 0);
  await run(wrap + 100);
  await run(wrap + 400);
  t.is(log.syncs, syncs + 2);
  const { flushes } = flusher;
  await run(wrap + 70_000);
  t.is(flusher.flushes, flushes + 1, 'old records go to disk');
});

test('maintenance: no write asked for a sync -> none in the background', async (t) => {
  const node = await open(t);
  for (let i = 0; i < 20; i++) {
    node.put(key(i), 'v');
    node.endTurn(1_000);
  }
  t.is(node.engine.log.syncs, 0);
});

test('maintenance: a filter that is outgrown while a flush has begun -> no key of that flush is ever missed', async (t) => {
  // one partition, so that the flush announces all of its keys before the base table shows the first
  const node = await open(t, { memoryBytes: 4 * MiB, partitions: 1 });
  const filter = new BloomFilter(new Int32Array(node.memory.bloom));
  for (let i = 0; i < 6_000; i++) {
    t.true(node.put(key(i), `value-${i}`));
    if (i % 1_000 === 0) {
      node.engine.commit();
      node.engine.publish();
    }
  }
  node.engine.commit();
  node.engine.publish();
  const flushed = node.engine.flusher.flush(node.engine.log);
  for (let run = 1; run <= 3; run++) node.maintenance.run(run);
  await flushed;
  await node.settle();
  t.true(filter.ready);
  for (let i = 0; i < 6_000; i++) {
    const { hash, keySlot } = key(i);
    if (!filter.mayContain(hash, keySlot >>> 16)) t.fail(`key ${i} is on disk and the filter denies it`);
  }
});
