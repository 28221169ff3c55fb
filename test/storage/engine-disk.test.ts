import { readdirSync } from 'node:fs';
import { setImmediate as eventTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { StoreError } from '../../src/core/errors.js';
import { partitionId } from '../../src/core/ids.js';
import { BloomFilter } from '../../src/storage/bloom-filter.js';
import { MiB, type NodeOptions, StorageNode, testFolder } from './node-fixture.js';
import { keyOf, keyTextAt, readText, type TestKey } from './records.js';

const key = (i: number) => keyOf(`key-${i}`);

const open = (t: ExecutionContext, options: NodeOptions = {}) => StorageNode.open(t, testFolder(t), options);

for (const compression of [false, true]) {
  test(`engine: data of six times the memory, compression ${compression} -> written, read during flushes, evicted, read back`, async (t) => {
    let node = await open(t, { compression, segmentBytes: 256 * 1024 });
    const value = (i: number) => `${i}:`.padEnd(900, String(i % 10));
    const count = 6_000;
    for (let i = 0; i < count; i++) {
      await node.putPatiently(key(i), value(i));
      if (i % 20 !== 0) continue;
      node.endTurn();
      await eventTurn();
      const earlier = (i * 7) % (i + 1);
      t.is(node.text(key(earlier)), value(earlier));
    }
    node.endTurn();
    t.true(node.engine.reclaimer.evictions > count / 2);
    t.true(node.engine.log.bytes < 4 * MiB, 'segments go once they are flushed');
    node = await node.reopen(t);
    for (let i = 0; i < count; i += 7) t.is(node.text(key(i)), value(i));
    t.deepEqual(node.errors, []);
  });
}

test('engine: overwriting a few keys much longer than the log may be -> compaction keeps both small, nothing is lost', async (t) => {
  let node = await open(t, { memoryBytes: 2 * MiB, logBytesMax: 4 * MiB });
  const value = (i: number) => `${i}:`.padEnd(400, 'x');
  for (let i = 0; i < 400; i++) node.put(key(i), value(i));
  for (let i = 0; i < 40_000; i++) {
    const which = key(400 + (i % 50));
    await node.putPatiently(which, value(i));
    if (i % 25 === 0) {
      node.endTurn();
      if (node.maintenance.busy) await eventTurn();
    }
    if (i % 5_000 === 0) {
      for (let j = 0; j < 400; j += 7) t.is(node.text(key(j)), value(j));
    }
  }
  node.endTurn();
  t.true(node.engine.log.bytes <= 4 * MiB);
  node = await node.reopen(t);
  for (let j = 0; j < 400; j++) t.is(node.text(key(j)), value(j));
  for (let i = 39_950; i < 40_000; i++) t.is(node.text(key(400 + (i % 50))), value(i));
});

test('engine: reading and rewriting cold keys with a small log -> no write is refused for ever', async (t) => {
  const node = await open(t, { memoryBytes: 2 * MiB, logBytesMax: 4 * MiB });
  const value = (i: number) => `${i}:`.padEnd(1_000, 'x');
  for (let i = 0; i < 3_000; i++) await node.putPatiently(key(i), value(i));
  await node.flush();
  for (let i = 0; i < 9_000; i++) {
    const which = (i * 1_237) % 3_000;
    node.text(key(which));
    await node.putPatiently(key(which), value(i));
    if (i % 30 === 0) {
      node.endTurn();
      await eventTurn();
    }
  }
  await node.settle();
  t.is(node.engine.refusal, 0);
  t.true(node.engine.log.bytes < 4 * MiB);
});

test('engine: keys and values of 8 bytes, so that the index fills before the arena -> all of them taken and found', async (t) => {
  const node = await open(t);
  const count = 30_000;
  const small = (i: number) => keyOf(String(i).padStart(8, '0'));
  for (let i = 0; i < count; i++) {
    await node.putPatiently(small(i), String(i).padStart(8, '.'));
    if (i % 50 !== 0) continue;
    node.endTurn();
    if (node.maintenance.busy) await eventTurn();
  }
  t.true(node.engine.index.entries <= node.engine.index.entriesMax);
  t.true(node.engine.flusher.flushes < count / 500, `${node.engine.flusher.flushes} flushes`);
  for (let i = 0; i < count; i += 11) t.is(node.text(small(i)), String(i).padStart(8, '.'));
});

test('engine: memory full of records that wait for the disk -> cold keys are read, and take no room', async (t) => {
  const node = await open(t);
  const value = (i: number) => `${i}:`.padEnd(2_000, String(i % 10));
  for (let i = 0; i < 2_000; i++) await node.putPatiently(key(i), value(i));
  await node.flush();
  // no turn of the event loop from here: nothing that is dirty leaves
  let fresh = 0;
  while (node.put(keyOf(`fresh-${fresh}`), value(fresh))) fresh++;
  t.true(fresh > 100);
  for (let i = 0; i < 2_000; i++) t.is(node.text(key(i)), value(i));
  for (let i = 0; i < fresh; i++) t.is(node.text(keyOf(`fresh-${i}`)), value(i));
  t.false(node.put(key(0), value(1)));
  node.endTurn();
  await node.flush();
  node.endTurn();
  for (let i = 0; i < 2_000; i += 3) await node.putPatiently(key(i), value(i + 1));
  for (let i = 0; i < 2_000; i++) t.is(node.text(key(i)), value(i % 3 === 0 ? i + 1 : i));
});

test('engine: a cold record is lent from the disk -> the handler that read it writes over it, or takes that back', async (t) => {
  const node = await open(t);
  const value = (i: number) => `${i}:`.padEnd(2_000, String(i % 10));
  for (let i = 0; i < 2_000; i++) await node.putPatiently(key(i), value(i));
  await node.flush();
  const { engine } = node;
  let lent = 0;
  for (let i = 0; node.put(keyOf(`fresh-${i}`), value(i)); i++) {
    const which = key(i % 300);
    engine.beginHandler();
    const at = engine.find(which.words, which.hash, which.keySlot, 0);
    if (at !== engine.arena.spareWord) continue;
    lent++;
    if (!node.put(which, `over ${i}`)) break;
    t.is(readText(engine, which), `over ${i}`);
    engine.undoHandler();
    t.is(node.text(which), value(i % 300));
  }
  t.true(lent > 0);
});

/** Reads as a vnode's caller does: again where the hot table waits for the disk. */
async function readPatiently(node: StorageNode, which: TestKey): Promise<string | undefined> {
  const start = performance.now();
  for (;;) {
    try {
      return node.text(which);
    } catch (error) {
      const overloaded = error instanceof StoreError && error.code === 'KV_OVERLOADED';
      if (!overloaded || performance.now() - start > 60_000) throw error;
      node.endTurn();
      await eventTurn();
    }
  }
}

test('engine: records of a quarter of the memory -> written, evicted and read back', async (t) => {
  const node = await open(t);
  const large = Math.floor((node.engine.arena.capacityUnits * 8) / 4);
  for (let i = 0; i < 20; i++) {
    await node.putPatiently(key(i), String(i % 10).repeat(large));
    node.endTurn();
    await eventTurn();
  }
  for (let i = 0; i < 20; i++) t.is(await readPatiently(node, key(i)), String(i % 10).repeat(large));
});

test('engine: a find followed by a reserve that evicts what was found -> the write still replaces it', async (t) => {
  const node = await open(t);
  const { engine } = node;
  for (let i = 0; i < 60; i++) node.put(key(i), 'v'.repeat(9_000));
  await node.flush();
  for (let round = 0; round < 400; round++) {
    const which = key(round % 60);
    await node.putPatiently(which, `${round}`.padEnd(9_000, '.'));
    if (round % 5 === 0) node.endTurn();
  }
  await node.flush();
  t.true(engine.reclaimer.evictions > 0);
  for (let round = 360; round < 400; round++) {
    const text = await readPatiently(node, key(round % 60));
    t.true(text?.startsWith(`${round}`), text?.slice(0, 5));
  }
});

test('engine: a write whose room is made by evicting what it replaces -> it is taken, and undone to the base table’s version', async (t) => {
  const node = await open(t);
  const { engine } = node;
  const { arena } = engine;
  node.put(key(0), 'v'.repeat(9_000));
  // no maintenance: everything is clean, and the oldest record stands at the tail when there is no room left
  for (let i = 1; arena.freeUnits * 8 > 9_200; i++) {
    node.put(key(i), 'w'.repeat(9_000));
    engine.commit();
    engine.publish();
    await engine.flusher.flush(engine.log);
  }
  const { evictions } = engine.reclaimer;
  t.true(node.put(key(0), 'n'.repeat(9_000)));
  t.true(engine.reclaimer.evictions > evictions);
  t.is(readText(engine, key(0)), 'n'.repeat(9_000));
  engine.undoHandler();
  t.is(await readPatiently(node, key(0)), 'v'.repeat(9_000));
  node.endTurn();
  t.is(await readPatiently(node, key(0)), 'v'.repeat(9_000));
});

test('engine: a handler undone after its room was made by evicting what it replaced -> the base table’s version is found', async (t) => {
  const node = await open(t);
  const { engine } = node;
  node.put(key(0), 'kept');
  await node.flush();
  engine.beginHandler();
  t.true(node.text(key(0)) === 'kept');
  engine.beginHandler();
  const { index } = engine;
  t.true(node.put(key(0), 'undone'));
  // the same handler goes on until the arena has lapped
  let taken = 0;
  for (let i = 1; engine.reserve(9_000) >= 0; i++) taken = i;
  t.true(taken > 50);
  engine.undoHandler();
  t.is(index.entries, 0);
  node.endTurn();
  await node.flush();
  t.is(await readPatiently(node, key(0)), 'kept');
});

test('engine: pages over table and disk while flushes and compactions go on -> exactly the keys, in order', async (t) => {
  const node = await open(t, { memoryBytes: 2 * MiB });
  const tagged = (i: number) => keyOf(`{one}${String(i).padStart(5, '0')}`);
  const partition = partitionId((tagged(0).keySlot >>> 16) >>> 11);
  let written = 0;
  for (let i = 0; i < 1_500; i++) {
    await node.putPatiently(tagged(i), 'v'.repeat(800));
    written = i + 1;
    if (i % 10 === 0) await node.putPatiently(key(i % 30), 'w'.repeat(5_000));
    if (i % 20 === 0) {
      node.endTurn();
      await eventTurn();
    }
    if (i % 100 !== 0) continue;
    const seen: string[] = [];
    const { bytes } = node.engine;
    node.engine.page(partition, {}, (words, at) => {
      seen.push(keyTextAt(words, words === node.engine.words ? bytes : Buffer.from(words.buffer), at));
      return true;
    });
    const wanted = Array.from({ length: written }, (_, j) => tagged(j).text);
    t.deepEqual(
      seen.filter((text) => text.startsWith('{one}')),
      wanted,
    );
  }
});

test('engine: a restart with data on disk -> the filter is rebuilt in slices, misses stay off the disk, hits are found', async (t) => {
  let node = await open(t, { memoryBytes: 4 * MiB });
  for (let i = 0; i < 3_000; i++) await node.putPatiently(key(i), `value-${i}`);
  await node.flush();
  node = await node.reopen(t);
  const filter = new BloomFilter(new Int32Array(node.memory.bloom));
  t.false(filter.ready);
  t.is(node.text(key(1)), 'value-1', 'while it is being rebuilt');
  await node.settle();
  t.true(filter.ready);
  let maybe = 0;
  for (let i = 0; i < 3_000; i++) {
    const missing = keyOf(`missing-${i}`);
    if (filter.mayContain(missing.hash, missing.keySlot >>> 16)) maybe++;
    t.true(filter.mayContain(key(i).hash, key(i).keySlot >>> 16));
  }
  t.true(maybe < 100, `${maybe} false positives`);
});

test('engine: a filter that grows under writes -> never a false miss for what is on disk', async (t) => {
  const node = await open(t);
  const filter = new BloomFilter(new Int32Array(node.memory.bloom));
  for (let i = 0; i < 20_000; i++) {
    await node.putPatiently(key(i), 'v'.repeat(100));
    if (i % 40 !== 0) continue;
    node.endTurn();
    await eventTurn();
    const earlier = key((i * 31) % (i + 1));
    const { index } = node.engine;
    if (index.find(earlier.words, earlier.hash, earlier.keySlot, 0) !== 0) continue;
    t.true(filter.mayContain(earlier.hash, earlier.keySlot >>> 16), `key ${(i * 31) % (i + 1)} of ${i}`);
  }
  t.true(readdirSync(node.logFolder).length > 0);
});
