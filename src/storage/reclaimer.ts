/**
 * Makes room in the arena at its tail: dead records are skipped, clean ones that nobody read since the last lap are
 * dropped from the index (the base table has them), clean ones that were read get a second lap (CLOCK: Corbato 1968).
 * Dirty ones stop it: they wait for the flush.
 */
import { Flag, Rec, sizeOf } from '../protocol/record.js';
import { type Arena, wordOf } from './arena.js';
import type { HotIndex } from './hot-index.js';

/** Bytes of second chances in one call: bounds the pause. */
const COPY_BYTES_MAX = 256 * 1024;

export class Reclaimer {
  evictions = 0;
  readonly #arena: Arena;
  readonly #index: HotIndex;
  /** Between these positions nothing is alive; equal where nothing is known. */
  #deadFrom = 0;
  #deadTo = 0;

  constructor(arena: Arena, index: HotIndex) {
    this.#arena = arena;
    this.#index = index;
  }

  /** Nothing between these positions is alive: the tail passes over it in one piece when it gets there. */
  giveUp(from: number, to: number): void {
    if (from !== this.#deadTo) this.#deadFrom = from;
    this.#deadTo = to;
  }

  /**
   * Frees until `units` are free and the index has room, or until the tail meets `flushed` (the position of the oldest
   * record that may be dirty). `relocate` copies a record of this size to the head, or returns -1 where it cannot.
   * @returns whether there is room now
   */
  makeRoom(units: number, flushed: number, relocate: (at: number, bytes: number) => number): boolean {
    const { words } = this.#arena;
    const arena = this.#arena;
    let copied = 0;
    let moved = false;
    while (arena.freeUnits < units || this.#index.entries >= this.#index.entriesMax) {
      const position = arena.tail;
      if (((position - flushed) | 0) >= 0) break;
      if (position === this.#deadFrom && position !== this.#deadTo) {
        arena.moveTailTo(this.#deadTo);
        this.#deadFrom = this.#deadTo;
        moved = true;
        continue;
      }
      const at = wordOf(position);
      const bytes = sizeOf(words, at);
      const flags = words[at + Rec.size] >>> 24;
      if ((flags & (Flag.block | Flag.pad)) === 0) copied += this.#retire(at, position, bytes, copied, relocate);
      arena.advanceTail(bytes >>> 3);
      moved = true;
    }
    if (moved) arena.releaseTail();
    return arena.freeUnits >= units && this.#index.entries < this.#index.entriesMax;
  }

  /** Drops the record at the tail, or copies it to the head; returns the bytes copied. */
  #retire(
    at: number,
    position: number,
    bytes: number,
    copied: number,
    relocate: (at: number, bytes: number) => number,
  ): number {
    const hash = this.#arena.words[at + Rec.keyHash];
    const slot = this.#index.slotOf(hash, position);
    if (slot < 0) return 0;
    if (this.#index.marks[slot] !== 0 && copied + bytes <= COPY_BYTES_MAX) {
      // the copy may land on what this call has freed: readers have to know first
      this.#arena.releaseTail();
      const copy = relocate(at, bytes);
      if (copy >= 0) {
        this.#index.swing(hash, position, this.#arena.positionAt(copy));
        this.#index.marks[slot] = 0;
        return bytes;
      }
    }
    this.#index.removeSlot(slot);
    this.evictions++;
    return 0;
  }
}
