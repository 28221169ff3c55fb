/**
 * What a node counts about its records as they are staged: live keys, tombstones, and the bytes that are dirty and alive.
 * All of them are estimates for people and for maintenance; nothing is decided about a key by them.
 */
import { SYSTEM_SLOT } from '../core/ids.js';
import { Flag, flagsOf, isForgotten, Rec, sizeOf, slotOfRecord } from '../protocol/record.js';
import { COPY_OF_BASE, wordOf } from './arena.js';
import type { BaseTable } from './base-table.js';
import type { Flusher } from './flusher.js';

/** Records that the node keeps for itself, hints above all, are counted up to this; further ones count as keys. */
const PRIVATE_MAX = 100_000;

export class RecordCounts {
  /** Keys staged that the node did not hold, less what a flush has counted. */
  newKeys = 0;
  /** Keys entered that the node keeps for itself. */
  privateKeys = 0;
  #baseKeys: number;
  #tombstones = 0;
  /** Keys forgotten that the base table still counts. */
  #forgotten = 0;
  #forgottenBefore = 0;
  #dirtyLiveBytes = 0;
  readonly #words: Int32Array;
  readonly #base: BaseTable;
  readonly #flusher: Flusher;
  readonly #systemPartition: number;
  #privateOnDisk = 0;

  constructor(words: Int32Array, base: BaseTable, flusher: Flusher, systemPartition: number) {
    this.#words = words;
    this.#base = base;
    this.#flusher = flusher;
    this.#systemPartition = systemPartition;
    this.#baseKeys = this.#keysOnDisk();
  }

  #keysOnDisk(): number {
    try {
      this.#privateOnDisk = this.#base.countIn(this.#systemPartition, PRIVATE_MAX);
    } catch {
      // the table was closed behind a flush: this is an estimate
    }
    return this.#base.entryCount - this.#privateOnDisk;
  }

  /** A record was staged over the one at position `before` (0: none). */
  staged(at: number, before: number): void {
    if (before === 0 && slotOfRecord(this.#words, at) < SYSTEM_SLOT) this.newKeys++;
    this.adopted(at, before);
  }

  /** Recovery took a record over: whether its key is new is not known. */
  adopted(at: number, before: number): void {
    if (before === 0 && slotOfRecord(this.#words, at) >= SYSTEM_SLOT) this.privateKeys++;
    this.#tombstones += this.#deadness(at, before);
    this.#forgotten += this.#absence(at, before);
    this.#dirtyLiveBytes += this.#growth(at, before);
  }

  /** Dirty bytes that are alive in place of those that were. */
  #growth(at: number, before: number): number {
    const bytes = sizeOf(this.#words, at);
    // what stands before the mark is clean, or will be
    if (before === 0 || ((before - this.#flusher.mark) | 0) < 0) return bytes;
    const replaced = wordOf(before);
    // a copy of what the base table has is clean wherever it stands, and was never counted
    return this.#words[replaced + Rec.previous] === COPY_OF_BASE ? bytes : bytes - sizeOf(this.#words, replaced);
  }

  /** A staged record was taken back. */
  undone(at: number, before: number): void {
    if (before === 0) {
      if (slotOfRecord(this.#words, at) < SYSTEM_SLOT) this.newKeys--;
      else this.privateKeys--;
    }
    this.#tombstones -= this.#deadness(at, before);
    this.#forgotten -= this.#absence(at, before);
    this.#dirtyLiveBytes -= this.#growth(at, before);
  }

  /** 1 where a tombstone replaces a live record or none, -1 where a live record replaces a tombstone. */
  #deadness(at: number, before: number): number {
    return this.#isDead(at) - (before === 0 ? 0 : this.#isDead(wordOf(before)));
  }

  #isDead(at: number): number {
    return (flagsOf(this.#words, at) & (Flag.tombstone | Flag.forgotten)) === Flag.tombstone ? 1 : 0;
  }

  /** 1 where the node forgets a key, -1 where it holds one again that it had forgotten. */
  #absence(at: number, before: number): number {
    if (slotOfRecord(this.#words, at) >= SYSTEM_SLOT) return 0;
    const wasForgotten = before !== 0 && isForgotten(this.#words, wordOf(before));
    return Number(isForgotten(this.#words, at)) - Number(wasForgotten);
  }

  /** About how many live keys the node holds: tombstones of a former life that were flushed count as keys. */
  get keysAbout(): number {
    return Math.max(0, this.#baseKeys + this.newKeys - this.#tombstones - this.#forgotten);
  }

  /** Bytes of dirty records that nothing has replaced yet, but for those of a flush under way. */
  get dirtyLiveBytes(): number {
    return this.#dirtyLiveBytes;
  }

  /** A flush begins: what is dirty now will not be when it is done. It returns what to give back if it fails. */
  beginFlush(): number {
    const bytes = this.#dirtyLiveBytes;
    this.#dirtyLiveBytes = 0;
    this.#forgottenBefore = this.#forgotten;
    return bytes;
  }

  flushFailed(bytes: number): void {
    this.#dirtyLiveBytes += bytes;
  }

  /** A flush is done: `flushedKeys` of the new ones are in the base table now. */
  countFlushed(flushedKeys: number): void {
    this.#baseKeys = this.#keysOnDisk();
    this.newKeys -= flushedKeys;
    this.#forgotten -= this.#forgottenBefore;
    this.#forgottenBefore = 0;
  }
}
