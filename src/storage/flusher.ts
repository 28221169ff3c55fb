/**
 * Moves dirty records into the base table: everything published before a mark, partition by partition in key order, a
 * slice at a time, while the node goes on serving. When all of it is on disk the mark becomes `flushed`, what lies before
 * it in the arena may be reclaimed, and the log segments before it are dropped.
 */
import { isForgotten, RECORD_HEADER_BYTES, Rec, sizeOf } from '../protocol/record.js';
import type { Arena } from './arena.js';
import type { BaseEntry, BaseTable } from './base-table.js';
import type { BloomFilter } from './bloom-filter.js';
import { DirtyList, DirtyLists, type DirtySort, sortDirty, sortedLive } from './dirty-list.js';
import type { HotIndex } from './hot-index.js';

/** Entries gathered for one write of the base table; sorting and copying them takes a few milliseconds. */
const GATHER_ENTRIES = 1_000;
/** Deletes the key. */
const NOTHING = new Uint8Array(0);

export interface FlushParts {
  readonly arena: Arena;
  readonly index: HotIndex;
  readonly base: BaseTable;
  readonly bloom: BloomFilter;
  readonly partitions: number;
  /** slot >>> this gives the partition. */
  readonly slotShift: number;
}

/** What a flush needs of the log: where it stands, and to drop what is no longer needed. */
export interface LogFront {
  readonly segment: number;
  readonly writtenSequence: number;
  readonly syncedSequence: number;
  /** See `CommitLog.standsAlone`. */
  readonly standsAlone: boolean;
  readonly busy: boolean;
  syncLater(): void;
  dropBefore(segment: number): void;
}

export class Flusher {
  /** Records written after the mark of the flush under way, by partition. */
  readonly fresh: DirtyLists;
  /** Records of the flush under way. */
  readonly #frozen: readonly DirtyList[];
  readonly #parts: FlushParts;
  #running: Promise<void> | undefined;
  #flushed: number;
  #mark: number;
  #dropWhenSynced: { readonly segment: number; readonly sequence: number } | undefined;
  flushes = 0;
  /** Share of the flush under way that the base table has, 0..1. */
  progress = 0;

  constructor(parts: FlushParts) {
    this.#parts = parts;
    this.fresh = new DirtyLists(parts.arena, parts.partitions, parts.slotShift);
    this.#frozen = Array.from({ length: parts.partitions }, () => new DirtyList());
    this.#flushed = parts.arena.head;
    this.#mark = this.#flushed;
  }

  /** Position of the oldest record that may be dirty. */
  get flushed(): number {
    return this.#flushed;
  }

  /** Position before which nothing will be dirty any more once the flush under way is done. */
  get mark(): number {
    return this.#mark;
  }

  /** A compaction has moved everything alive behind this position, and synced it up to this sequence number. */
  compacted(mark: number, segment: number, sequence: number): void {
    this.#advance(mark);
    this.#dropWhenSynced = { segment, sequence };
  }

  #advance(mark: number): void {
    this.#flushed = mark;
    this.#mark = mark;
  }

  /** A compaction has moved what is alive of a partition's records before this position. */
  dropBefore(partition: number, position: number): void {
    this.fresh.of(partition).dropBefore(position);
  }

  get running(): boolean {
    return this.#running !== undefined;
  }

  /** A partition's records that the base table may lack, in key order; see `sortDirty`. */
  dirtyOf(partition: number, earlier?: DirtySort): DirtySort {
    const lists = [this.#frozen[partition], this.fresh.of(partition)];
    return sortDirty(lists, this.#parts.arena, this.#parts.index, earlier);
  }

  /**
   * Flushes everything published by now. One at a time; resolves when it is on disk and the log is cut. After a failure
   * everything is still dirty and in the log, and the next flush covers it again.
   * @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED
   */
  flush(log: LogFront): Promise<void> {
    this.#running ??= this.#run(log).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(log: LogFront): Promise<void> {
    const { arena, base, partitions } = this.#parts;
    const mark = arena.published;
    const segment = log.segment;
    this.#mark = mark;
    this.progress = 0;
    for (let p = 0; p < partitions; p++) this.fresh.of(p).moveTo(this.#frozen[p]);
    let batch: BaseEntry[] = [];
    for (let p = 0; p < partitions; p++) {
      this.#gather(p, batch);
      if (batch.length < GATHER_ENTRIES && p < partitions - 1) continue;
      if (batch.length > 0) await base.write(batch);
      batch = [];
      this.progress = (p + 1) / partitions;
    }
    this.#advance(mark);
    for (const list of this.#frozen) list.clear();
    this.flushes++;
    this.#dropWhenSynced = { segment, sequence: log.writtenSequence };
  }

  /**
   * Drops the log segments of the last flush once everything that was written by its end is synced: a record that was
   * overwritten meanwhile is in no batch, and its successor may not be on disk yet; and once what stays stands alone. Call it
   * between turns.
   */
  dropSynced(log: LogFront): void {
    const waiting = this.#dropWhenSynced;
    if (waiting === undefined) return;
    if (log.syncedSequence < waiting.sequence || !log.standsAlone) {
      if (!log.busy) log.syncLater();
      return;
    }
    log.dropBefore(waiting.segment);
    this.#dropWhenSynced = undefined;
  }

  /** Whether segments wait for a sync to be dropped. */
  get dropping(): boolean {
    return this.#dropWhenSynced !== undefined;
  }

  #gather(partition: number, batch: BaseEntry[]): void {
    const { arena, index, bloom } = this.#parts;
    const { words, bytes } = arena;
    for (const at of sortedLive([this.#frozen[partition]], arena, index, 0)) {
      const start = at * 4;
      const keyStart = start + RECORD_HEADER_BYTES;
      const key = bytes.subarray(keyStart, keyStart + (words[at + Rec.keySlot] & 0xffff));
      if (isForgotten(words, at)) {
        batch.push({ partition, key, record: NOTHING });
        continue;
      }
      bloom.add(words[at + Rec.keyHash], words[at + Rec.keySlot] >>> 16);
      // no copy: nothing before the mark is reclaimed until the flush is done
      batch.push({ partition, key, record: bytes.subarray(start, start + sizeOf(words, at)) });
    }
  }
}
