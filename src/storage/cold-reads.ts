/**
 * Brings a record of the base table to where handlers can read it: into the hot table (promotion), or, where memory waits
 * for the disk, into the arena's spare bytes, where it stands until the next one. So a read needs no room: it is answered
 * while writes are refused, and never itself the reason that they are.
 */
import { StoreError } from '../core/errors.js';
import { Rec } from '../protocol/record.js';
import { type Arena, COPY_OF_BASE } from './arena.js';
import type { BaseTable } from './base-table.js';
import type { HotIndex } from './hot-index.js';

export interface ColdReadsParts {
  readonly arena: Arena;
  readonly index: HotIndex;
  readonly base: BaseTable;
  /** slot >>> this is the partition. */
  readonly slotShift: number;
  /** Room for a record that is not logged: its word index, or -1. */
  readonly reserve: (bytes: number) => number;
  /** Share of the arena that waits for the flush, 0..1. */
  readonly dirtyShare: () => number;
}

/** Bytes of a key in words: the longest key, padded. */
const KEY_SCRATCH_BYTES = 2048;
/**
 * From this share of dirty bytes on nothing is promoted: above the one where a compaction begins (maintenance.ts), so that
 * promotions alone lead to one, and below the one where writes are refused.
 */
const PROMOTE_SHARE_MAX = 0.8;

export class ColdReads {
  readonly #parts: ColdReadsParts;
  readonly #keyWords = new Int32Array(KEY_SCRATCH_BYTES / 4);
  readonly #keyBytes = Buffer.from(this.#keyWords.buffer);

  constructor(parts: ColdReadsParts) {
    this.#parts = parts;
  }

  /** Word index of the key's record, or -1. @throws StoreError KV_CORRUPT; KV_OVERLOADED for one larger than what is spare */
  find(words: Int32Array, keySlot: number, keyAt: number): number {
    const { base, slotShift } = this.#parts;
    const keyBytes = keySlot & 0xffff;
    const keyWords = (keyBytes + 3) >>> 2;
    for (let i = 0; i < keyWords; i++) this.#keyWords[i] = words[keyAt + i];
    const record = base.get((keySlot >>> 16) >>> slotShift, this.#keyBytes.subarray(0, keyBytes));
    return record === undefined ? -1 : this.#place(record);
  }

  #place(record: Buffer): number {
    const { arena, index, reserve, dirtyShare } = this.#parts;
    const fitsSpare = record.length <= arena.spareBytes;
    const at = fitsSpare && dirtyShare() >= PROMOTE_SHARE_MAX ? -1 : reserve(record.length);
    if (at < 0 && !fitsSpare) throw new StoreError('KV_OVERLOADED', 'the hot table waits for the disk; try again');
    const placed = at < 0 ? arena.spareWord : at;
    record.copy(arena.bytes, placed * 4);
    if (at < 0) return placed;
    arena.words[at + Rec.previous] = COPY_OF_BASE;
    index.insert(arena.words[at + Rec.keyHash], arena.positionAt(at));
    return at;
  }
}
