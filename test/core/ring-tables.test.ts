import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { BitReader, BitWriter } from '../../src/core/bit-stream.js';
import { readRuns, writeRuns } from '../../src/core/ring-tables.js';

function written(numbers: readonly number[]): BitReader {
  const to = new BitWriter();
  writeRuns(to, numbers);
  return new BitReader(to.finish());
}

test('runs: distinct numbers in any order -> the same, in that order; those that follow one another take a few bytes', (t) => {
  const property = fc.property(fc.uniqueArray(fc.nat(199), { maxLength: 200 }), (numbers) => {
    assert.deepEqual(readRuns(written(numbers), 200), numbers);
  });
  t.notThrows(() => fc.assert(property));
  t.true(written(Array.from({ length: 4_000 }, (_, i) => i)).bitsLeft <= 4 * 8);
});

test('runs: a number that cannot be, or more numbers than there are, in a few bytes -> refused before room is made', (t) => {
  t.throws(() => readRuns(written([5]), 5), { code: 'KV_PROTOCOL' });
  t.throws(() => readRuns(written([-1]), 5), { code: 'KV_PROTOCOL' });
  t.throws(() => readRuns(written([0, 1, 2, 0, 1, 2]), 5), { code: 'KV_PROTOCOL' });
  t.deepEqual(readRuns(written([3, 4, 0, 1, 2]), 5), [3, 4, 0, 1, 2]);
});
