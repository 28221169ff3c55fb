/**
 * One turn's writing: reserves room for records in log blocks, undoes what a handler leaves behind when it throws, and
 * commits the whole turn to the log with one write for each block (one, unless the circle wraps or a record was promoted
 * from disk in between).
 */
import { Flag, Rec, sizeOf } from '../protocol/record.js';
import type { Arena } from './arena.js';
import type { CommitLog } from './commit-log.js';
import { BLOCK_HEADER_BYTES, sealBlock } from './log-block.js';

const BLOCK_UNITS = BLOCK_HEADER_BYTES / 8;

interface OpenBlock {
  readonly at: number;
  readonly firstSequence: number;
  records: number;
  bytes: number;
  /** Set when the block is sealed. */
  syncedSequence: number;
}

/** What a turn needs of the log. */
export type TurnTarget = Pick<
  CommitLog,
  'nextSequence' | 'writtenSequence' | 'syncedSequence' | 'segment' | 'append' | 'sync'
>;

export class TurnLog {
  /** Bytes reserved in this turn. */
  turnBytes = 0;
  readonly #arena: Arena;
  readonly #log: TurnTarget;
  #open: OpenBlock | undefined;
  #closed: OpenBlock[] = [];
  #sync = false;

  constructor(arena: Arena, log: TurnTarget) {
    this.#arena = arena;
    this.#log = log;
  }

  /** Units that a record of this size may take in the worst case: its own, a block header, and the end of the lap. */
  unitsFor(bytes: number): number {
    const units = (bytes >>> 3) + BLOCK_UNITS;
    return units + this.#arena.padUnits(units);
  }

  /** Room for a logged record; the caller has made sure of `unitsFor(bytes)`. Returns its word index. */
  reserve(bytes: number): number {
    const arena = this.#arena;
    const units = bytes >>> 3;
    if (!arena.fitsLap(units + BLOCK_UNITS)) {
      this.#close();
      arena.wrap();
    }
    if (this.#open === undefined) {
      const firstSequence = this.#log.nextSequence;
      const at = arena.push(BLOCK_UNITS);
      this.#open = { at, firstSequence, records: 0, bytes: BLOCK_HEADER_BYTES, syncedSequence: 0 };
    }
    const at = arena.push(units);
    // withdrawn until its writer fills it in, so that a handler that throws leaves nothing to replay
    arena.words[at + Rec.size] = bytes | (Flag.pad << 24);
    this.#open.records++;
    this.#open.bytes += bytes;
    this.#log.nextSequence++;
    this.turnBytes += bytes;
    return at;
  }

  /** Room for a record that is not logged: a copy of what the disk has. The caller has made sure of `unitsFor(bytes)`. */
  reserveUnlogged(bytes: number): number {
    this.#close();
    const units = bytes >>> 3;
    if (!this.#arena.fitsLap(units)) this.#arena.wrap();
    const at = this.#arena.push(units);
    this.#arena.words[at + Rec.size] = bytes | (Flag.pad << 24);
    return at;
  }

  /** Withdraws a record of this turn: it keeps its sequence number and nothing else. */
  withdraw(at: number): void {
    const words = this.#arena.words;
    words[at + Rec.size] = sizeOf(words, at) | (Flag.pad << 24);
  }

  requireSync(): void {
    this.#sync = true;
  }

  /**
   * Writes the turn to the log, and syncs where a handler asked for it. Nothing is visible to other threads yet.
   * @throws StoreError KV_STORAGE_FULL or KV_STORAGE_FAILED: nothing of the turn counts, the node must end
   */
  commit(): void {
    this.#close();
    const { words, bytes } = this.#arena;
    const { syncedSequence } = this.#log;
    for (const block of this.#closed) {
      // the header of a block that its records filled in; the mark makes the circle skip it
      block.syncedSequence = syncedSequence;
      sealBlock(words, bytes, block.at, block, this.#log.segment);
      this.#log.append(bytes, block.at * 4, block.bytes);
    }
    this.#log.writtenSequence = this.#log.nextSequence;
    if (this.#sync) this.#log.sync();
    if (this.#closed.length > 0) this.#closed = [];
    this.#sync = false;
    this.turnBytes = 0;
  }

  #close(): void {
    if (this.#open === undefined) return;
    this.#closed.push(this.#open);
    this.#open = undefined;
  }
}
