import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import fc from 'fast-check';
import { BloomFilter, bloomWords } from '../../src/storage/bloom-filter.js';

function region(keys: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(bloomWords(keys) * 4));
}

/** Well-mixed 32-bit hash and slot of the i-th key of a family; families do not overlap. */
function keyOf(index: number, family: number): { hash: number; slot: number } {
  let mixed = Math.imul(index + family * 0x1000_0000, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
  mixed = Math.imul(mixed ^ (mixed >>> 12), 0x297a2d39);
  mixed = (mixed ^ (mixed >>> 15)) >>> 0;
  return { hash: mixed, slot: (Math.imul(mixed, 0x6c8e9cf5) ^ index) & 16_383 };
}

function falsePositiveRate(filter: BloomFilter, probes: number): number {
  let hits = 0;
  for (let index = 0; index < probes; index++) {
    const { hash, slot } = keyOf(index, 2);
    if (filter.mayContain(hash, slot)) hits++;
  }
  return hits / probes;
}

test('bloom filter: any set of added keys -> each may be contained', (t) => {
  const key = fc.record({ hash: fc.integer({ min: 0, max: 0xffff_ffff }), slot: fc.integer({ min: 0, max: 16_383 }) });
  fc.assert(
    fc.property(fc.array(key, { maxLength: 300 }), fc.integer({ min: 1, max: 400 }), (keys, expected) => {
      const filter = new BloomFilter(region(200));
      filter.beginRebuild(expected);
      for (const { hash, slot } of keys) filter.add(hash, slot);
      filter.finishRebuild();
      return keys.every(({ hash, slot }) => filter.mayContain(hash, slot));
    }),
  );
  t.pass();
});

test('bloom filter: at its design load -> false positives stay below 1.5 %, and most absent keys are refused', (t) => {
  for (const [keys, load] of [
    [20_000, 1],
    [100_000, 1.2],
  ] as const) {
    const filter = new BloomFilter(region(keys));
    filter.beginRebuild(keys);
    const added = Math.floor(keys * load);
    for (let index = 0; index < added; index++) {
      const { hash, slot } = keyOf(index, 1);
      filter.add(hash, slot);
    }
    filter.finishRebuild();
    const rate = falsePositiveRate(filter, 50_000);
    t.true(rate < 0.015, `${added} keys in a filter for ${keys}: ${rate}`);
    t.true(Math.abs(filter.keyCount - added) < added * 0.01);
  }
});

test('bloom filter: keys of one slot, or of one hash -> still told apart', (t) => {
  const filter = new BloomFilter(region(10_000));
  filter.beginRebuild(10_000);
  for (let index = 0; index < 5_000; index++) filter.add(keyOf(index, 1).hash, 7);
  for (let index = 0; index < 5_000; index++) filter.add(123_456_789, index);
  filter.finishRebuild();
  let hits = 0;
  for (let index = 0; index < 5_000; index++) {
    if (filter.mayContain(keyOf(index, 2).hash, 7)) hits++;
    if (filter.mayContain(123_456_789, 5_000 + index)) hits++;
  }
  t.true(hits < 150, `${hits} of 10,000`);
});

test('bloom filter: fresh zeroed memory -> not ready, answers maybe', (t) => {
  const filter = new BloomFilter(region(100));
  t.false(filter.ready);
  t.true(filter.mayContain(1, 2));
});

test('bloom filter: during a rebuild -> another reader answers maybe, then only what was added since', (t) => {
  const words = region(1_000);
  const writer = new BloomFilter(words);
  const reader = new BloomFilter(words);
  writer.beginRebuild(1_000);
  writer.add(11, 1);
  writer.finishRebuild();
  t.true(reader.ready);
  t.true(reader.mayContain(11, 1));
  t.false(reader.mayContain(22, 2));

  writer.beginRebuild(1_000);
  t.false(reader.ready);
  t.true(reader.mayContain(22, 2));
  t.true(reader.mayContain(11, 1));
  writer.add(22, 2);
  writer.finishRebuild();
  t.true(reader.mayContain(22, 2));
  t.false(reader.mayContain(11, 1));
});

test('bloom filter: a rebuild begun twice -> one finish completes it; finish without begin -> KV_INTERNAL', (t) => {
  const filter = new BloomFilter(region(100));
  filter.beginRebuild(10);
  filter.beginRebuild(100);
  filter.finishRebuild();
  t.true(filter.ready);
  t.throws(() => filter.finishRebuild(), { code: 'KV_INTERNAL' });
});

test('bloom filter: more keys than sized for -> saturated until it is rebuilt larger, never at its full region', (t) => {
  const filter = new BloomFilter(region(4_000));
  const fill = (expected: number, count: number): void => {
    filter.beginRebuild(expected);
    for (let index = 0; index < count; index++) {
      const { hash, slot } = keyOf(index, 1);
      filter.add(hash, slot);
    }
    filter.finishRebuild();
  };
  fill(1_000, 1_000);
  t.false(filter.saturated);
  fill(1_000, 1_500);
  t.true(filter.saturated);
  t.true(filter.mayContain(keyOf(1_499, 1).hash, keyOf(1_499, 1).slot));
  fill(4_000, 1_500);
  t.false(filter.saturated);
  fill(4_000, 8_000);
  t.false(filter.saturated, 'nothing larger to grow to');
});

test('bloom filter: the epoch counter wraps around -> ready again, and never the value of a filter that was not built', (t) => {
  const words = region(100);
  const filter = new BloomFilter(words);
  words[0] = -2;
  filter.beginRebuild(100);
  t.false(filter.ready);
  filter.finishRebuild();
  t.true(filter.ready);
});

test('bloom filter: a reader on another thread while the writer rebuilds all the time -> no false negative', async (t) => {
  const words = region(2_000);
  const stop = new Int32Array(new SharedArrayBuffer(8));
  const url = new URL('../../src/storage/bloom-filter.js', import.meta.url).href;
  const source = `
    const { workerData } = require('node:worker_threads');
    import(workerData.url).then(({ BloomFilter }) => {
      const filter = new BloomFilter(workerData.words);
      let wrong = 0, misses = 0;
      do for (let key = 0; key < 40; key++) {
        if (!filter.mayContain(key * 7919, key)) wrong++;
        if (!filter.mayContain(key * 7919 + 1, key)) misses++;
      } while (Atomics.load(workerData.stop, 0) === 0);
      Atomics.store(workerData.stop, 1, misses > 0 ? 1 : 0);
      process.exit(wrong === 0 ? 0 : 1);
    });`;
  const writer = new BloomFilter(words);
  const worker = new Worker(source, { eval: true, workerData: { url, words, stop } });
  await once(worker, 'online');
  const until = Date.now() + 400;
  for (let round = 0; Date.now() < until; round++) {
    writer.beginRebuild(round % 2 === 0 ? 2_000 : 500);
    for (let key = 0; key < 40; key++) writer.add(key * 7919, key);
    writer.finishRebuild();
    if (round % 256 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  Atomics.store(stop, 0, 1);
  const [code] = await once(worker, 'exit');
  t.is(code, 0, 'the reader saw a false negative');
  t.is(stop[1], 1, 'the reader saw the filter ready now and then');
});
