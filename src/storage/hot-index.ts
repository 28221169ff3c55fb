/**
 * The index of the hot table: open addressing with linear probing over two words a slot (position, hash). The node's own
 * thread writes, any thread reads. Deletion shifts later entries back (Knuth 6.4, algorithm R) instead of leaving
 * tombstones; `moves` is odd meanwhile, so that a reader who missed a moving entry looks again.
 */
import { wordOf } from './arena.js';
import { Control, homeSlot, INDEX_LOAD_MAX, type NodeMemory } from './node-memory.js';

export class HotIndex {
  readonly slots: number;
  readonly entriesMax: number;
  readonly marks: Uint8Array;
  #entries = 0;
  readonly #index: Int32Array;
  readonly #control: Int32Array;
  readonly #arena: Int32Array;

  /** Takes the memory over and empties it. */
  constructor(memory: NodeMemory) {
    this.#index = new Int32Array(memory.index);
    this.#arena = new Int32Array(memory.arena);
    this.#control = new Int32Array(memory.control);
    this.marks = new Uint8Array(memory.marks);
    this.slots = memory.index.byteLength / 8;
    this.entriesMax = Math.floor(this.slots * INDEX_LOAD_MAX);
    // a former thread may have died inside a move: make the count even, then empty the table; memory that was never
    // written stays untouched
    if (Atomics.load(this.#control, Control.laps) > 2) this.#index.fill(0); // Atomics: seq_cst, set by Arena before us
    const moves = Atomics.load(this.#control, Control.moves); // Atomics: seq_cst, we are its only writer
    Atomics.store(this.#control, Control.moves, (moves + 2) & ~1); // Atomics: seq_cst, after the table was emptied
  }

  get entries(): number {
    return this.#entries;
  }

  /** Begins to load the slot where the search for a hash starts. */
  touch(hash: number): number {
    return this.#index[homeSlot(hash, this.slots) * 2];
  }

  /** Begins to load the record that stands in that slot. */
  touchRecord(hash: number): number {
    const at = wordOf(this.#index[homeSlot(hash, this.slots) * 2]);
    return this.#arena[at] ^ this.#arena[at + 14];
  }

  /** Position of the newest record of the key at `words[keyAt..]`, or 0. `slotOfLast` then names its slot. */
  find(words: Int32Array, hash: number, keySlot: number, keyAt: number): number {
    const index = this.#index;
    const keyWords = ((keySlot & 0xffff) + 3) >>> 2;
    let slot = homeSlot(hash, this.slots);
    for (;;) {
      const position = index[slot * 2];
      if (position === 0) return 0;
      if (index[slot * 2 + 1] === hash && keyEquals(this.#arena, wordOf(position), words, keySlot, keyAt, keyWords)) {
        return position >>> 0;
      }
      if (++slot === this.slots) slot = 0;
    }
  }

  /** Slot that holds exactly this position, or -1: what stands there is then superseded. */
  slotOf(hash: number, position: number): number {
    const index = this.#index;
    const wanted = position | 0;
    let slot = homeSlot(hash, this.slots);
    for (;;) {
      const held = index[slot * 2];
      if (held === wanted) return slot;
      if (held === 0) return -1;
      if (++slot === this.slots) slot = 0;
    }
  }

  /** Puts a key that is not in the table. */
  insert(hash: number, position: number): void {
    const index = this.#index;
    let slot = homeSlot(hash, this.slots);
    while (index[slot * 2] !== 0) if (++slot === this.slots) slot = 0;
    index[slot * 2 + 1] = hash;
    this.marks[slot] = 0;
    Atomics.store(index, slot * 2, position | 0); // Atomics: release; the record and the hash are written
    this.#entries++;
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
      if (++next === this.slots) next = 0;
      const position = index[next * 2];
      if (position === 0) break;
      const home = homeSlot(index[next * 2 + 1], this.slots);
      const stays = gap <= next ? gap < home && home <= next : gap < home || home <= next;
      if (stays) continue;
      index[gap * 2 + 1] = index[next * 2 + 1];
      this.marks[gap] = this.marks[next];
      Atomics.store(index, gap * 2, position); // Atomics: release, after the hash
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
