/**
 * Keys of one call that are encoded, and whose records are asked for, together: each step is taken for all of them before
 * the next, so that the group waits for memory three or four times, where its keys one by one would wait as often each.
 *
 *   strings -> hashes -> slots of the index -> heads of the records -> values
 */
import type { KeyScratch } from './key-scratch.js';
import type { LocalReads } from './local-reads.js';
import type { Key } from './types.js';

/** What a group asks for stays within the first cache; a power of two. */
export const GROUP_KEYS = 32;
/** Longer keys are encoded again when they are read. */
const KEY_WORDS_MAX = 16;

export class KeyGroup {
  /** Keeps the early loads from being optimised away. */
  touched = 0;
  readonly #local: LocalReads;
  readonly #words = new Int32Array(GROUP_KEYS * KEY_WORDS_MAX);
  readonly #hashes = new Int32Array(GROUP_KEYS);
  readonly #keySlots = new Int32Array(GROUP_KEYS);
  /** Replicas that will be asked, `r` for each key. */
  #nodes = new Int32Array(GROUP_KEYS);

  constructor(local: LocalReads) {
    this.#local = local;
  }

  /** Encodes keys[start, end) and begins to load what reads of R replicas will look at. @throws StoreError KV_INVALID_KEY */
  begin(keys: readonly Key[], start: number, end: number, r: number, scratch: KeyScratch): void {
    let seen = 0;
    for (let i = start; i < end; i++) {
      const key = keys[i];
      if (typeof key === 'string') seen += key.length;
    }
    this.touched ^= seen;
    for (let i = start; i < end; i++) {
      scratch.set(keys[i]);
      this.#keep(i - start, scratch);
    }
    this.#touch(end - start, r);
  }

  #keep(index: number, { hash, keySlot, keyWords, words }: KeyScratch): void {
    this.#hashes[index] = hash;
    this.#keySlots[index] = keySlot;
    if (keyWords > KEY_WORDS_MAX) return;
    const at = index * KEY_WORDS_MAX;
    for (let i = 0; i < keyWords; i++) this.#words[at + i] = words[i];
  }

  /** Puts the key of this index within the group back into the scratch. */
  load(index: number, key: Key, scratch: KeyScratch): void {
    const keySlot = this.#keySlots[index];
    if ((keySlot & 0xffff) > KEY_WORDS_MAX * 4) scratch.set(key);
    else scratch.take(this.#words, index * KEY_WORDS_MAX, this.#hashes[index], keySlot);
  }

  #touch(count: number, r: number): void {
    const { readers, ring, slotShift, n } = this.#local;
    if (this.#nodes.length < GROUP_KEYS * r) this.#nodes = new Int32Array(GROUP_KEYS * r);
    const nodes = this.#nodes;
    const hashes = this.#hashes;
    for (let i = 0; i < count; i++) {
      const partition = (this.#keySlots[i] >>> 16) >>> slotShift;
      const list = ring.reads(partition);
      for (let j = 0; j < r; j++) nodes[i * r + j] = list[partition * n + j];
    }
    let seen = 0;
    for (let i = 0; i < count; i++)
      for (let j = 0; j < r; j++) seen ^= readers[nodes[i * r + j]]?.touchSlot(hashes[i]) ?? 0;
    for (let i = 0; i < count; i++)
      for (let j = 0; j < r; j++) seen ^= readers[nodes[i * r + j]]?.touchRecord(hashes[i]) ?? 0;
    for (let i = 0; i < count; i++) seen ^= readers[nodes[i * r]]?.touchValue(hashes[i]) ?? 0;
    this.touched ^= seen;
  }
}
