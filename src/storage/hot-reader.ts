/**
 * Reading a node's hot table from any thread of its host, without a lock and without a message.
 *
 * find  -> word index of the newest *published* record of the key (`client/plain-reads.ts` takes the same way in steps)
 * copy  -> the caller copies what it needs out of `words` / `bytes`
 * intact-> true if nothing of it was overwritten meanwhile; otherwise the copy is worthless and the caller tries again
 *
 * An unpublished record carries the position of the version before it, so a reader steps back until it meets one that
 * is published. A record's bytes change only when the circle comes round, which `reclaimed` announces beforehand.
 */
import { Flag, isForgotten, Rec, sizeOf, valueBytesOf, valueWord } from '../protocol/record.js';
import { COPY_OF_BASE, wordOf } from './arena.js';
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

  /** Laps of the arena begun. */
  get laps(): number {
    return Atomics.load(this.#control, Control.laps); // Atomics: acquire, before the first slot
  }

  /** The slot where the search for a hash begins. */
  homeOf(hash: number): number {
    return homeSlot(hash, this.#control[Control.slots]);
  }

  /** Begins to load a slot. The results of all `touch...` only keep the loads from being optimised away. */
  touchSlot(slot: number): number {
    return this.#index[slot * 2] ^ this.#marks[slot];
  }

  /** Begins to load the head of the record at a position, up to its dot. */
  touchHead(position: number): number {
    const at = wordOf(position);
    return this.words[at] ^ this.words[at + Rec.highs];
  }

  /** Begins to load what is behind the head of a short record. */
  touchValue(position: number): number {
    const at = wordOf(position);
    return this.words[at + KEY_END] ^ this.words[at + VALUE_MIDDLE] ^ this.words[at + VALUE_END];
  }

  /** The first slot from `home` on that shows this hash, or -1 where there is none, or slots may be on the move. */
  slotOf(hash: number, home: number): number {
    const index = this.#index;
    const slots = this.#control[Control.slots];
    for (let slot = home; slot < slots && index[slot * 2] !== 0; slot++) if (index[slot * 2 + 1] === hash) return slot;
    return -1;
  }

  /** The position in a slot. */
  positionAt(slot: number): number {
    return Atomics.load(this.#index, slot * 2); // Atomics: acquire, before the record's bytes
  }

  /** Word index of the record at a position that a slot showed, if it is published and plain, and does not expire; else -1. */
  plainAt(position: number): number {
    const published = Atomics.load(this.#control, Control.published); // Atomics: acquire, after the slot
    if (position === 0 || ((position - published) | 0) >= 0) return -1;
    const at = wordOf(position);
    return this.words[at + Rec.size] >>> 24 === 0 ? at : -1;
  }

  /** The entry was read since the last sweep. */
  mark(slot: number): void {
    if (this.#marks[slot] === 0) this.#marks[slot] = 1;
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
          this.mark(slot);
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
      if (position === 0 || position === COPY_OF_BASE) return Found.absent;
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
    return this.intactSince(this.#position, this.#laps);
  }

  /** True where everything from this position on is its own, since the laps were read. */
  intactSince(position: number, lapsBefore: number): boolean {
    const control = this.#control;
    // Atomics: x86-64 keeps the earlier plain loads before this load; elsewhere only a read-modify-write does
    const reclaimed = STRONGLY_ORDERED
      ? Atomics.load(control, Control.reclaimed) // Atomics: see above
      : Atomics.add(control, Control.reclaimed, 0); // Atomics: see above
    const laps = Atomics.load(control, Control.laps); // Atomics: acquire, after reclaimed
    return ((position - reclaimed) | 0) >= 0 && laps - lapsBefore < 2;
  }

  /** False only where the base table certainly lacks the key. Ask after `find` said absent: bits are set before eviction. */
  mayBeOnDisk(hash: number, keySlot: number): boolean {
    return this.#bloom.mayContain(hash, keySlot >>> 16);
  }
}
