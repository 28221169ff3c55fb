/**
 * The index of the hot table: open addressing with linear probing over two words a slot (position, hash). The node's own
 * thread writes, any thread reads. Deletion shifts later entries back (Knuth 6.4, algorithm R) instead of leaving
 * tombstones; `moves` is odd meanwhile, so that a reader who missed a moving entry looks again.
 *
 * Only as many slots are in use as the entries need: a look-up in a table of a megabyte finds it in the cache, one in the
 * same entries strewn over the whole memory waits for memory, and for the page table before that.
 */
import { wordOf } from './arena.js';
import { Control, homeSlot, INDEX_LOAD_MAX, type NodeMemory } from './node-memory.js';

/** Word of a record by which a key of common length ends: a line of the cache holds its head, this or the next one its key. */
const KEY_END = 14;
/** Slots in use at first. */
const SLOTS_FIRST = 16 * 1024;
/** Share of the slots in use above which they are doubled, as long as there are more. */
const GROW_LOAD = 0.5;
/** From here one step takes all slots, so that growing never moves more than half as many entries in one piece. */
const DOUBLED_SLOTS_MAX = 512 * 1024;

export class HotIndex {
  readonly slotsMax: number;
  readonly entriesMax: number;
  readonly marks: Uint8Array;
  #entries = 0;
  #slots: number;
  #growAt: number;
  /** Slot that a sweep looks at next; entries only move to slots that it still comes to. */
  #sweepAt = 0;
  readonly #index: Int32Array;
  readonly #control: Int32Array;
  readonly #arena: Int32Array;

  /** Takes the memory over and empties it. */
  constructor(memory: NodeMemory) {
    this.#index = new Int32Array(memory.index);
    this.#arena = new Int32Array(memory.arena);
    this.#control = new Int32Array(memory.control);
    this.marks = new Uint8Array(memory.marks);
    this.slotsMax = memory.index.byteLength / 8;
    this.entriesMax = Math.floor(this.slotsMax * INDEX_LOAD_MAX);
    this.#slots = Math.min(SLOTS_FIRST, this.slotsMax);
    this.#growAt = this.#growthOf(this.#slots);
    // a former thread may have died inside a move: make the count even, then empty the table; memory that was never
    // written stays untouched
    if (Atomics.load(this.#control, Control.laps) > 2) this.#index.fill(0); // Atomics: seq_cst, set by Arena before us
    Atomics.store(this.#control, Control.slots, this.#slots); // Atomics: seq_cst, before the count below
    const moves = Atomics.load(this.#control, Control.moves); // Atomics: seq_cst, we are its only writer
    Atomics.store(this.#control, Control.moves, (moves + 2) & ~1); // Atomics: seq_cst, after the table was emptied
  }

  get entries(): number {
    return this.#entries;
  }

  /** Entries at which the table of this many slots has to grow. */
  #growthOf(slots: number): number {
    return slots === this.slotsMax ? Number.POSITIVE_INFINITY : slots * GROW_LOAD;
  }

  /** Begins to load the slot where the search for a hash starts. */
  touch(hash: number): number {
    return this.#index[homeSlot(hash, this.#slots) * 2];
  }

  /**
   * Begins to load the slots, then the records, of these hashes. Short loops: as many loads as the processor can wait for are
   * under way at the same time. The result only keeps them from being optimised away.
   */
  preload(hashes: Int32Array, count: number): number {
    const index = this.#index;
    const arena = this.#arena;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      hashes[i] = homeSlot(hashes[i], this.#slots) * 2;
      seen ^= index[hashes[i]];
    }
    for (let i = 0; i < count; i++) {
      hashes[i] = wordOf(index[hashes[i]]);
      seen ^= arena[hashes[i]];
    }
    for (let i = 0; i < count; i++) seen ^= arena[hashes[i] + KEY_END];
    return seen;
  }

  /** Position of the newest record of the key at `words[keyAt..]`, or 0. `slotOfLast` then names its slot. */
  find(words: Int32Array, hash: number, keySlot: number, keyAt: number): number {
    const index = this.#index;
    const keyWords = ((keySlot & 0xffff) + 3) >>> 2;
    let slot = homeSlot(hash, this.#slots);
    for (;;) {
      const position = index[slot * 2];
      if (position === 0) return 0;
      if (index[slot * 2 + 1] === hash && keyEquals(this.#arena, wordOf(position), words, keySlot, keyAt, keyWords)) {
        return position >>> 0;
      }
      if (++slot === this.#slots) slot = 0;
    }
  }

  /** Slot that holds exactly this position, or -1: what stands there is then superseded. */
  slotOf(hash: number, position: number): number {
    const index = this.#index;
    const wanted = position | 0;
    let slot = homeSlot(hash, this.#slots);
    for (;;) {
      const held = index[slot * 2];
      if (held === wanted) return slot;
      if (held === 0) return -1;
      if (++slot === this.#slots) slot = 0;
    }
  }

  /** A sweep looks at every entry that is in the table from now to its end. */
  beginSweep(): void {
    this.#sweepAt = 0;
  }

  /** Slot that the sweep looks at next. */
  get sweepAt(): number {
    return this.#sweepAt;
  }

  get isSwept(): boolean {
    return this.#sweepAt >= this.#slots;
  }

  /**
   * Goes on with the sweep until it has found `max` entries whose position is in [from, to), or has looked at `slotsMax` slots.
   * @returns how many it found, in `found`
   */
  sweep(from: number, to: number, found: Uint32Array, max: number, slotsMax: number): number {
    const index = this.#index;
    const end = Math.min(this.#slots, this.#sweepAt + slotsMax);
    let count = 0;
    let slot = this.#sweepAt;
    for (; slot < end && count < max; slot++) {
      const position = index[slot * 2];
      // most are behind `to`, which one comparison tells
      if (((position - to) | 0) < 0 && position !== 0 && ((position - from) | 0) >= 0) found[count++] = position;
    }
    this.#sweepAt = slot;
    return count;
  }

  /** Puts a key that is not in the table. */
  insert(hash: number, position: number): void {
    if (this.#entries >= this.#growAt) this.#grow();
    this.#put(hash, position);
    this.#entries++;
  }

  /** Takes more slots into use and puts every entry in its place among them. */
  #grow(): void {
    const index = this.#index;
    const held = new Int32Array(this.#entries * 2);
    const marks = new Uint8Array(this.#entries);
    let count = 0;
    for (let slot = 0; slot < this.#slots; slot++) {
      if (index[slot * 2] === 0) continue;
      held[count * 2] = index[slot * 2];
      held[count * 2 + 1] = index[slot * 2 + 1];
      marks[count++] = this.marks[slot];
    }
    Atomics.add(this.#control, Control.moves, 1); // Atomics: RMW, a full fence; odd before the first slot is emptied
    index.fill(0, 0, this.#slots * 2);
    const doubled = this.#slots * 2;
    this.#sweepAt = 0;
    this.#slots = doubled > Math.min(DOUBLED_SLOTS_MAX, this.slotsMax) ? this.slotsMax : doubled;
    this.#growAt = this.#growthOf(this.#slots);
    Atomics.store(this.#control, Control.slots, this.#slots); // Atomics: seq_cst, while the count is odd
    for (let i = 0; i < count; i++) this.marks[this.#put(held[i * 2 + 1], held[i * 2])] = marks[i];
    Atomics.add(this.#control, Control.moves, 1); // Atomics: RMW; even again, after the last entry
  }

  /** Puts an entry into the first free slot from its home on; returns that slot. */
  #put(hash: number, position: number): number {
    const index = this.#index;
    let slot = homeSlot(hash, this.#slots);
    while (index[slot * 2] !== 0) if (++slot === this.#slots) slot = 0;
    index[slot * 2 + 1] = hash;
    this.marks[slot] = 0;
    Atomics.store(index, slot * 2, position | 0); // Atomics: release; the record and the hash are written
    return slot;
  }

  /** Lets the slot of `from` show `to`, a record of the same key. */
  swing(hash: number, from: number, to: number): void {
    const slot = this.slotOf(hash, from);
    Atomics.store(this.#index, slot * 2, to | 0); // Atomics: release; the record at `to` is written
  }

  /** Removes a slot and closes the gap behind it. */
  removeSlot(slot: number): void {
    const index = this.#index;
    const control = this.#control;
    // Atomics: RMW, a full fence; odd before the first move
    Atomics.add(control, Control.moves, 1);
    let gap = slot;
    let next = slot;
    for (;;) {
      if (++next === this.#slots) next = 0;
      const position = index[next * 2];
      if (position === 0) break;
      const home = homeSlot(index[next * 2 + 1], this.#slots);
      const stays = gap <= next ? gap < home && home <= next : gap < home || home <= next;
      if (stays) continue;
      index[gap * 2 + 1] = index[next * 2 + 1];
      this.marks[gap] = this.marks[next];
      Atomics.store(index, gap * 2, position); // Atomics: release, after the hash
      if (gap < this.#sweepAt && next >= this.#sweepAt) this.#sweepAt = gap;
      gap = next;
    }
    this.marks[gap] = 0;
    Atomics.store(index, gap * 2, 0); // Atomics: release, the last move
    Atomics.add(control, Control.moves, 1); // Atomics: RMW; even again, after the last move
    this.#entries--;
  }
}

function keyEquals(
  arena: Int32Array,
  at: number,
  words: Int32Array,
  keySlot: number,
  keyAt: number,
  keyWords: number,
): boolean {
  if (arena[at + 2] !== keySlot) return false;
  for (let i = 0; i < keyWords; i++) if (arena[at + 10 + i] !== words[keyAt + i]) return false;
  return true;
}
