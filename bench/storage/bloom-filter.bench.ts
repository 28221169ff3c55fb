/** The filter over 100,000 keys: adding, a hit, and a miss, which is what it is for. */
import { BloomFilter, bloomWords } from '../../src/storage/bloom-filter.js';
import { xorshift32 } from '../harness/random.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const KEYS = 100_000;
/** Of 1,000 absent keys, how many the filter may wrongly find: five times the design rate. */
const WRONG_MAX = 25;

export const suite: MicroSuite = {
  open: () => {
    const draw = xorshift32(1);
    const hashes = Int32Array.from({ length: KEYS }, () => draw() | 0);
    const absent = Int32Array.from({ length: KEYS }, () => draw() | 0);
    const slots = Uint16Array.from({ length: KEYS }, () => draw() & 0x3fff);
    const filter = filled(hashes, slots);
    const mayContain = (of: Int32Array, index: number): number => (filter.mayContain(of[index], slots[index]) ? 1 : 0);
    const wrong = absent.subarray(0, 1_000).reduce((sum, _, index) => sum + mayContain(absent, index), 0);
    if (wrong > WRONG_MAX) throw new Error(`the filter finds ${wrong} of 1000 absent keys`);
    const add = (index: number): number => {
      filter.add(hashes[index], slots[index]);
      return 1;
    };
    return {
      cases: [
        repeated('add-present', 1_000, add),
        repeated('hit', 1_000, (index) => mayContain(hashes, index)),
        repeated('miss', wrong, (index) => mayContain(absent, index)),
      ],
    };
  },
};

function filled(hashes: Int32Array, slots: Uint16Array): BloomFilter {
  const filter = new BloomFilter(new Int32Array(new SharedArrayBuffer(bloomWords(KEYS) * 4)));
  filter.beginRebuild(KEYS);
  for (let index = 0; index < KEYS; index++) filter.add(hashes[index], slots[index]);
  filter.finishRebuild();
  return filter;
}
