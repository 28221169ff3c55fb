/**
 * The common read, of a group of keys at once: in each of R replicas the index shows a published plain record of the key,
 * and all of them have the same dot. Then the value is read in place from the first. What is anything else (absent,
 * deleted, staged, expiring, siblings, replicas that differ, a lost race) is left to `LocalReads`, key by key.
 *
 * Each step is taken for the whole group before the next, so that its keys wait for memory together, not one by one:
 *
 *   choose replicas -> load slots -> find slots -> load records -> compare, decode -> look whether all of it still holds
 */
import { Rec, sameDot, tagOf, valueBytesOf } from '../protocol/record.js';
import type { KeyScratch } from './key-scratch.js';
import { REPLICAS_MAX, type Replicas } from './replicas.js';
import { decodeValue } from './values.js';

/** Keys of a group: what they need stays within the first cache. */
export const GROUP_KEYS = 32;
/** What stands for a value that is to be read another way. */
export const NOT_PLAIN = Symbol('not plain');

/** Longer keys are left alone. */
const KEY_WORDS_MAX = 16;
const ROWS = GROUP_KEYS * REPLICAS_MAX;

export class PlainReads {
  /** Reads answered. */
  answered = 0;
  /** Keeps early loads from being optimised away. */
  touched = 0;
  readonly #replicas: Replicas;
  readonly #words = new Int32Array(GROUP_KEYS * KEY_WORDS_MAX);
  readonly #hashes = new Int32Array(GROUP_KEYS);
  /** As in a record; 0 of a key that is left alone. */
  readonly #keySlots = new Int32Array(GROUP_KEYS);
  readonly #one: unknown[] = [undefined];
  // of each replica of each key
  readonly #slots = new Int32Array(ROWS);
  readonly #positions = new Int32Array(ROWS);
  readonly #laps = new Int32Array(ROWS);

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
  }

  /** Takes a key into the group. */
  put(index: number, { hash, keySlot, keyWords, words }: KeyScratch): void {
    this.#hashes[index] = hash;
    this.#keySlots[index] = keyWords > KEY_WORDS_MAX ? 0 : keySlot;
    const at = index * KEY_WORDS_MAX;
    for (let i = 0; i < keyWords && i < KEY_WORDS_MAX; i++) this.#words[at + i] = words[i];
  }

  /** Reads the first `count` keys of the group into values[start..]: the value, or NOT_PLAIN. */
  read(count: number, r: number, values: unknown[], start: number): void {
    if (!this.#replicas.begin()) this.#keySlots.fill(0, 0, count);
    this.#choose(count, r);
    this.#loadSlots(count * r);
    this.#findSlots(count, r);
    this.#loadRecords(count, r);
    for (let i = 0; i < count; i++) values[start + i] = this.#keySlots[i] === 0 ? NOT_PLAIN : this.#value(i, r);
    const isSameRing = this.#replicas.isSameRing;
    for (let i = 0; i < count; i++) {
      if (values[start + i] === NOT_PLAIN) continue;
      if (isSameRing && this.#holds(i, r)) this.answered++;
      else values[start + i] = NOT_PLAIN;
    }
  }

  /** Reads one key: its value, or NOT_PLAIN. */
  readOne(key: KeyScratch, r: number): unknown {
    this.put(0, key);
    this.read(1, r, this.#one, 0);
    const value = this.#one[0];
    this.#one[0] = undefined;
    return value;
  }

  #choose(count: number, r: number): void {
    const { readers, nodes, slotShift } = this.#replicas;
    for (let i = 0; i < count; i++) {
      const keySlot = this.#keySlots[i];
      if (keySlot === 0 || !this.#replicas.choose((keySlot >>> 16) >>> slotShift, r, i * r)) {
        this.#leave(i, r);
        continue;
      }
      for (let row = i * r; row < i * r + r; row++) {
        const reader = readers[nodes[row]];
        this.#laps[row] = reader.laps;
        this.#slots[row] = reader.homeOf(this.#hashes[i]);
      }
    }
  }

  /** Leaves a key alone: early loads for it go anywhere. */
  #leave(index: number, r: number): void {
    this.#keySlots[index] = 0;
    for (let row = index * r; row < index * r + r; row++) {
      this.#slots[row] = 0;
      this.#positions[row] = 0;
    }
  }

  /** Begins to load where the search in each replica begins. The loop is short, so that many loads are under way at once. */
  #loadSlots(rows: number): void {
    const { readers, nodes } = this.#replicas;
    const slots = this.#slots;
    let seen = 0;
    for (let row = 0; row < rows; row++) seen ^= readers[nodes[row]].touchSlot(slots[row]);
    this.touched ^= seen;
  }

  #findSlots(count: number, r: number): void {
    const { readers, nodes } = this.#replicas;
    for (let i = 0; i < count; i++) {
      const hash = this.#hashes[i];
      for (let row = i * r; row < i * r + r && this.#keySlots[i] !== 0; row++) {
        const reader = readers[nodes[row]];
        const slot = reader.slotOf(hash, this.#slots[row]);
        if (slot < 0) {
          this.#leave(i, r);
          break;
        }
        this.#slots[row] = slot;
        this.#positions[row] = reader.positionAt(slot);
      }
    }
  }

  /** Begins to load the records, all of a short one in the first replica, and the dot in the others. */
  #loadRecords(count: number, r: number): void {
    const { readers, nodes } = this.#replicas;
    const positions = this.#positions;
    let seen = 0;
    for (let row = 0; row < count * r; row++) seen ^= readers[nodes[row]].touchHead(positions[row]);
    for (let row = 0; row < count * r; row += r) seen ^= readers[nodes[row]].touchValue(positions[row]);
    this.touched ^= seen;
  }

  /** The value where all replicas have the same plain record of the key. */
  #value(index: number, r: number): unknown {
    const { readers, nodes } = this.#replicas;
    const keySlot = this.#keySlots[index];
    const row = index * r;
    const { words, bytes } = readers[nodes[row]];
    let first = 0;
    for (let i = 0; i < r; i++) {
      const reader = readers[nodes[row + i]];
      const at = reader.plainAt(this.#positions[row + i]);
      if (at < 0) return NOT_PLAIN;
      reader.mark(this.#slots[row + i]);
      if (i === 0) first = at;
      // a dot names one write, and so its key too
      else if (!sameDot(words, first, reader.words, at)) return NOT_PLAIN;
    }
    if (!isOfKey(words, first, this.#words, keySlot, index * KEY_WORDS_MAX)) return NOT_PLAIN;
    const start = (first + Rec.key + (((keySlot & 0xffff) + 3) >>> 2)) * 4;
    const length = valueBytesOf(words, first);
    if (start + length > bytes.length) return NOT_PLAIN;
    try {
      return decodeValue(tagOf(words, first), bytes, start, length);
    } catch {
      // bytes that were overwritten under us may be no value at all
      return NOT_PLAIN;
    }
  }

  /** Nothing was overwritten, and every node still serves as it did. */
  #holds(index: number, r: number): boolean {
    const { readers, nodes, slotShift } = this.#replicas;
    const partition = (this.#keySlots[index] >>> 16) >>> slotShift;
    for (let row = index * r; row < index * r + r; row++) {
      if (!readers[nodes[row]].intactSince(this.#positions[row], this.#laps[row])) return false;
      if (!this.#replicas.stillServes(partition, row)) return false;
    }
    return true;
  }
}

function isOfKey(words: Int32Array, at: number, key: Int32Array, keySlot: number, keyAt: number): boolean {
  if (words[at + Rec.keySlot] !== keySlot) return false;
  const keyWords = ((keySlot & 0xffff) + 3) >>> 2;
  for (let i = 0; i < keyWords; i++) if (words[at + Rec.key + i] !== key[keyAt + i]) return false;
  return true;
}
