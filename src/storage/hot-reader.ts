/**
 * Reading a node's hot table from any thread of its host, without a lock and without a message.
 *
 * find  -> word index of the newest *published* record of the key
 * copy  -> the caller copies what it needs out of `words` / `bytes`
 * intact-> true if nothing of it was overwritten meanwhile; otherwise the copy is worthless and the caller tries again
 *
 * An unpublished record carries the position of the version before it, so a reader steps back until it meets one that
 * is published. A record's bytes change only when the circle comes round, which `reclaimed` announces beforehand.
 */
import { Flag, isForgotten, Rec, sizeOf, valueBytesOf, valueWord } from '../protocol/record.js';
import { wordOf } from './arena.js';
import { BloomFilter } from './bloom-filter.js';
import { Control, homeSlot, type NodeMemory } from './node-memory.js';

/** What `find` returns where it has no record. */
export const enum Found {
  /** Not in the table; the disk may still have it (see mayBeOnDisk). */
  absent = -1,
  /** The table moved under the reader; try again. */
  unsettled = -2,
  /** The node forgot the key: its disk, where it may still stand, does not count. */
  forgotten = -3,
}

/** Versions that a reader steps back at most: a turn seldom writes one key more often. */
const STEPS_MAX = 64;
/** Words of a record by which short keys end, and values of about a hundred bytes reach: one for each line of the cache. */
const KEY_END = 14;
const VALUE_MIDDLE = 28;
const VALUE_END = 38;
const STRONGLY_ORDERED = process.arch === 'x64' || process.arch === 'ia32';

export class HotReader {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly serving: Int32Array;
  readonly #index: Int32Array;
  readonly #marks: Uint8Array;
  readonly #control: Int32Array;
  readonly #bloom: BloomFilter;
  #position = 0;
  #laps = 0;

  constructor(memory: NodeMemory) {
    this.words = new Int32Array(memory.arena);
    this.bytes = Buffer.from(memory.arena);
    this.serving = new Int32Array(memory.serving);
    this.#index = new Int32Array(memory.index);
    this.#marks = new Uint8Array(memory.marks);
    this.#control = new Int32Array(memory.control);
    this.#bloom = new BloomFilter(new Int32Array(memory.bloom));
  }

  /**
   * Begins to load what `find` will read of a hash: its slot first, then the record, whose place the slot says. Where there
   * are more keys, each step is taken for all of them before the next, so that they wait for memory together. The
   * results only keep the loads from being optimised away.
   */
  touchSlot(hash: number): number {
    const slot = homeSlot(hash, this.#control[Control.slots]);
    return this.#index[slot * 2] ^ this.#marks[slot];
  }

  /** The second step: the lines of the record's head and of a short key. */
  touchRecord(hash: number): number {
    const at = wordOf(this.#index[homeSlot(hash, this.#control[Control.slots]) * 2]);
    return this.words[at] ^ this.words[at + KEY_END];
  }

  /** Beside the second step: the lines of a short value. */
  touchValue(hash: number): number {
    const at = wordOf(this.#index[homeSlot(hash, this.#control[Control.slots]) * 2]);
    return this.words[at + VALUE_MIDDLE] ^ this.words[at + VALUE_END];
  }

  /** Word index of the published record of the key at `words[keyAt..]`, or a Found code. */
  find(words: Int32Array, hash: number, keySlot: number, keyAt: number): number {
    const moves = Atomics.load(this.#control, Control.moves); // Atomics: acquire, before the first slot
    this.#laps = Atomics.load(this.#control, Control.laps); // Atomics: acquire, before the first slot
    const index = this.#index;
    // behind the acquire of moves: a miss in a table of another size comes with another count of moves
    const slots = this.#control[Control.slots];
    let slot = homeSlot(hash, slots);
    for (let probes = 0; probes < slots; probes++) {
      const position = Atomics.load(index, slot * 2); // Atomics: acquire, before the record's bytes
      if (position === 0) break;
      if (index[slot * 2 + 1] === hash) {
        const at = wordOf(position);
        if (this.#sameKey(at, words, keySlot, keyAt)) {
          if (this.#marks[slot] === 0) this.#marks[slot] = 1;
          return this.#published(position);
        }
        // another key of this hash, or bytes that were overwritten under us: then the key may be elsewhere
        this.#position = position;
        if (!this.intact()) return Found.unsettled;
      }
      if (++slot === slots) slot = 0;
    }
    // Atomics: acquire; a miss counts only when no slot moved since the first one was read
    if ((moves & 1) !== 0 || Atomics.load(this.#control, Control.moves) !== moves) return Found.unsettled;
    return Found.absent;
  }

  #sameKey(at: number, words: Int32Array, keySlot: number, keyAt: number): boolean {
    const arena = this.words;
    if (arena[at + Rec.keySlot] !== keySlot) return false;
    const keyWords = ((keySlot & 0xffff) + 3) >>> 2;
    for (let i = 0; i < keyWords; i++) if (arena[at + Rec.key + i] !== words[keyAt + i]) return false;
    return true;
  }

  /** The record at this position if it is published, else the newest published one before it. */
  #published(newest: number): number {
    const published = Atomics.load(this.#control, Control.published); // Atomics: acquire, after the slot
    let position = newest;
    for (let steps = 0; ((position - published) | 0) >= 0; steps++) {
      if (steps === STEPS_MAX) return Found.unsettled;
      this.#position = position;
      position = this.words[wordOf(position) + Rec.previous];
      if (!this.intact()) return Found.unsettled;
      if (position === 0) return Found.absent;
    }
    this.#position = position;
    const at = wordOf(position);
    const end = at + sizeOf(this.words, at) / 4;
    const valueEnd = at + valueWord(this.words, at) + valueBytesOf(this.words, at) / 4;
    if (end > this.words.length || valueEnd > end) return Found.unsettled;
    if (isForgotten(this.words, at)) return this.intact() ? Found.forgotten : Found.unsettled;
    // withdrawn by its own turn, before it was published
    return ((this.words[at + Rec.size] >>> 24) & Flag.pad) !== 0 ? Found.unsettled : at;
  }

  /** True where everything read of the record since `find` was its own. */
  intact(): boolean {
    const control = this.#control;
    // Atomics: x86-64 keeps the earlier plain loads before this load; elsewhere only a read-modify-write does
    const reclaimed = STRONGLY_ORDERED
      ? Atomics.load(control, Control.reclaimed) // Atomics: see above
      : Atomics.add(control, Control.reclaimed, 0); // Atomics: see above
    const laps = Atomics.load(control, Control.laps); // Atomics: acquire, after reclaimed
    return ((this.#position - reclaimed) | 0) >= 0 && laps - this.#laps < 2;
  }

  /** False only where the base table certainly lacks the key. Ask after `find` said absent: bits are set before eviction. */
  mayBeOnDisk(hash: number, keySlot: number): boolean {
    return this.#bloom.mayContain(hash, keySlot >>> 16);
  }
}
