/**
 * The keys of the base table as a split-block bloom filter in shared memory: a definite miss never touches the disk.
 * One writer, the node's thread; any thread of the host reads without a lock. Never a false negative.
 *
 *   words: | epoch, blocks, keys, keysMax, 4 spare | block 0: 8 words | block 1 | ...      one bit in each word of a block
 *
 * Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom Filters" (2009), section 2; constants of Apache Parquet.
 */
import { assert } from '../core/errors.js';

const HEADER_WORDS = 8;
const BLOCK_WORDS = 8;
const BLOCK_BITS = 256;

/** Even and not 0: complete, readers may trust a miss. Odd: being rebuilt. 0: never built. */
const EPOCH = 0;
const BLOCKS = 1;
const KEYS = 2;
/** Keys above which the false positive rate leaves its design range. */
const KEYS_MAX = 3;

/** Sized for 12 bits a key (0.5 % false positives), saturated below 10 (1.2 %). */
const SIZED_BITS_PER_KEY = 12;
const SATURATED_BITS_PER_KEY = 10;

/** Words of shared memory that a filter of this many keys needs, header included. */
export function bloomWords(keys: number): number {
  return HEADER_WORDS + blocksFor(keys) * BLOCK_WORDS;
}

/** A filter over a region of shared memory; the writer and each reader make their own over the same words. */
export class BloomFilter {
  readonly #words: Int32Array;
  readonly #blocksMax: number;

  /** `words`: a zeroed region of at least 16 words in a SharedArrayBuffer, as large as the filter may ever grow. */
  constructor(words: Int32Array) {
    this.#words = words;
    this.#blocksMax = Math.floor((words.length - HEADER_WORDS) / BLOCK_WORDS);
    assert(this.#blocksMax >= 1, 'a bloom filter has room for one block');
  }

  /** Whether a miss means a miss; false before the first build and during a rebuild. */
  get ready(): boolean {
    // Acquire: what was added before finishRebuild is visible to whoever sees its epoch.
    return isReady(Atomics.load(this.#words, EPOCH));
  }

  /** More keys than it is sized for, and room to grow: rebuild soon, misses are still right until then. Writer only. */
  get saturated(): boolean {
    return this.#words[KEYS] > this.#words[KEYS_MAX] && this.#words[BLOCKS] < this.#blocksMax;
  }

  /** Distinct keys added since the last rebuild, about: a key that looks present is not counted. Writer only. */
  get keyCount(): number {
    return this.#words[KEYS];
  }

  /**
   * Adds a key. `hash`: the key's 32-bit hash; `slot`: its ring slot. Writer only; about 70 ns. Its bits are plain stores:
   * the caller frees the key's hot slot with a release afterwards, and readers look at the hot table first.
   */
  add(hash: number, slot: number): void {
    const words = this.#words;
    let added = 0;
    const bits = mixBits(hash, slot);
    const base = blockStart(mixBlock(hash, slot), words[BLOCKS]);
    for (let index = 0; index < BLOCK_WORDS; index++) {
      const mask = 1 << (Math.imul(bits, SALTS[index]) >>> 27);
      const word = words[base + index];
      added |= ~word & mask;
      words[base + index] = word | mask;
    }
    if (added !== 0) words[KEYS]++;
  }

  /** false: the key is certainly not in the base table. true: it may be. Any thread; 40 to 100 ns, allocates nothing. */
  mayContain(hash: number, slot: number): boolean {
    const words = this.#words;
    // Acquire: the block count and the bits read below are at least as new as this epoch.
    const epoch = Atomics.load(words, EPOCH);
    if (!isReady(epoch)) return true;
    const bits = mixBits(hash, slot);
    const base = blockStart(mixBlock(hash, slot), words[BLOCKS]);
    for (let index = 0; index < BLOCK_WORDS; index++) {
      const mask = 1 << (Math.imul(bits, SALTS[index]) >>> 27);
      if ((words[base + index] & mask) !== 0) continue;
      // Acquire: the word that decides is read again so that the epoch below is read after it, on ARM64 too.
      if ((Atomics.load(words, base + index) & mask) !== 0) continue;
      // Acquire, after the word: a bit that a rebuild cleared comes with the changed epoch.
      return Atomics.load(words, EPOCH) !== epoch;
    }
    return true;
  }

  /** Empties the filter and sizes it for `expectedKeys`, as far as the region allows; readers answer 'maybe' from here. */
  beginRebuild(expectedKeys: number): void {
    const words = this.#words;
    const epoch = words[EPOCH];
    const odd = (epoch & 1) === 1 ? epoch : (epoch + 1) | 0;
    // Release, then acquire: together they keep the clearing below behind the odd epoch, in the eyes of every reader.
    Atomics.store(words, EPOCH, odd);
    // Acquire: see above; the value is not needed.
    Atomics.load(words, EPOCH);
    const blocks = Math.min(this.#blocksMax, blocksFor(expectedKeys));
    words[BLOCKS] = blocks;
    words[KEYS] = 0;
    words[KEYS_MAX] = Math.floor((blocks * BLOCK_BITS) / SATURATED_BITS_PER_KEY);
    words.fill(0, HEADER_WORDS, HEADER_WORDS + blocks * BLOCK_WORDS);
  }

  /** Publishes what was added since beginRebuild: from here a miss means a miss. */
  finishRebuild(): void {
    const epoch = this.#words[EPOCH];
    assert((epoch & 1) === 1, 'a rebuild of the bloom filter was begun');
    const even = (epoch + 1) | 0;
    // Release: every bit added during the rebuild is visible before the even epoch is. 0 is kept for 'never built'.
    Atomics.store(this.#words, EPOCH, even === 0 ? 2 : even);
  }
}

const SALTS = new Int32Array([
  0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d, 0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
]);

function isReady(epoch: number): boolean {
  return (epoch & 1) === 0 && epoch !== 0;
}

function blocksFor(keys: number): number {
  return Math.max(1, Math.ceil((keys * SIZED_BITS_PER_KEY) / BLOCK_BITS));
}

/** First word of the block: the high bits of a 32 by 32 bit product. Exact enough in a double: it never reaches `blocks`. */
function blockStart(mixed: number, blocks: number): number {
  return HEADER_WORDS + Math.floor(((mixed >>> 0) * blocks) / 4_294_967_296) * BLOCK_WORDS;
}

/** Which block: murmur3's finalizer over hash and slot together. */
function mixBlock(hash: number, slot: number): number {
  return finalize(hash ^ Math.imul(slot + 1, 0x9e3779b1));
}

/** Which bits of the block: the same over another combination, so that keys of one block differ in bits. */
function mixBits(hash: number, slot: number): number {
  return finalize(Math.imul(hash, 0xcc9e2d51) + Math.imul(slot + 1, 0x85ebca77));
}

function finalize(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
