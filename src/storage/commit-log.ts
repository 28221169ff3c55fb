/**
 * The commit log of one node: append-only segments, written one block a turn (group commit without a timer), synced
 * when a turn asks for it or by interval in the background, dropped from the front when the base table has caught up.
 *
 * Room is reserved ahead by writing zeros, so that a full disk is seen between turns, not within one, and so that a
 * sync has no file size to change. A failed write or sync is for the caller to end the node on: nothing of it counts.
 */
import { join } from 'node:path';
import { StoreError } from '../core/errors.js';
import { TURN_BYTES_MAX } from '../protocol/limits.js';
import { segmentName, segmentOfName } from './log-block.js';
import { type LogFiles, realFiles } from './log-files.js';
import { beginSegment, closeSegments, reserveRoom, type Segment } from './log-segment.js';

export interface CommitLogOptions {
  readonly directory: string;
  /** Number of the first segment that this log writes; all older files belong to `held`. */
  readonly firstSegment: number;
  /** Sequence number of the first record to come. */
  readonly nextSequence: number;
  /** Segments on disk from before, oldest first, with their bytes. */
  readonly held: readonly { readonly segment: number; readonly bytes: number }[];
  readonly segmentBytes?: number;
  readonly files?: LogFiles;
}

const SEGMENT_BYTES = 32 * 1024 * 1024;

export class CommitLog {
  nextSequence: number;
  writes = 0;
  bytesWritten = 0;
  syncs = 0;
  /** Everything before this sequence number was written; told at the end of each turn's commit. */
  writtenSequence = 0;
  /** Everything before this sequence number is on disk. */
  syncedSequence = 0;
  readonly #directory: string;
  readonly #files: LogFiles;
  #segmentBytes: number;
  readonly #held: { segment: number; bytes: number }[];
  #current: Segment;
  #retired: Segment[] = [];
  /** Retired segments that the background sync under way has taken over. */
  #inSync: readonly Segment[] = [];
  #syncing = false;
  #failure: StoreError | undefined;

  /** What it goes on behind is on disk when this returns. @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED */
  constructor(options: CommitLogOptions) {
    this.#directory = options.directory;
    this.#files = options.files ?? realFiles;
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES;
    this.#held = [...options.held];
    this.nextSequence = options.nextSequence;
    this.#syncHeld();
    this.writtenSequence = this.nextSequence;
    this.syncedSequence = this.nextSequence;
    this.#current = this.#begin(options.firstSegment);
  }

  /** A process that crashed has left unsynced what was replayed: no later sync of another segment must count for it. */
  #syncHeld(): void {
    for (const { segment } of this.#held) {
      let fd = -1;
      try {
        fd = this.#files.openRead(join(this.#directory, segmentName(segment)));
        this.#files.sync(fd);
      } catch (error) {
        throw syncError(error);
      } finally {
        if (fd >= 0) this.#files.close(fd);
      }
    }
  }

  /** Segment that is being written. */
  get segment(): number {
    return this.#current.number;
  }

  /** Bytes of all segments still needed. */
  get bytes(): number {
    let total = this.#current.offset;
    for (const { bytes } of this.#held) total += bytes;
    return total;
  }

  /** Bytes reserved ahead: as many can be appended on a full disk. */
  get roomBytes(): number {
    return Math.max(0, this.#current.reserved - this.#current.offset);
  }

  /**
   * Whether the segment that is written could be without those before it: behind a power loss its header is there. Its blocks
   * say what had been synced before them, which the segments before it show otherwise.
   */
  get standsAlone(): boolean {
    return this.#current.isOnDisk;
  }

  /** Whether there are segments that a flush may drop. */
  get droppable(): boolean {
    return this.#held.length > 0;
  }

  /** True while a background sync is under way: its end needs a turn of the event loop. */
  get busy(): boolean {
    return this.#syncing;
  }

  /** Keeps segments small beside the bound of the whole log: what is being written cannot be dropped. */
  boundSegments(bytesMax: number): void {
    this.#segmentBytes = Math.min(this.#segmentBytes, bytesMax);
  }

  get unsynced(): boolean {
    return this.#current.unsynced || this.#retired.length > 0;
  }

  #begin(number: number): Segment {
    try {
      return beginSegment(this.#files, this.#directory, number, this.nextSequence);
    } catch (error) {
      throw storageError('cannot begin a log segment', error);
    }
  }

  /** Makes room for one more turn; call it between turns. @throws StoreError KV_STORAGE_FULL: the node is to be read-only */
  reserveTurn(): void {
    const current = this.#current;
    if (current.offset >= this.#segmentBytes) this.#rotate();
    else if (current.reserved < current.offset + 2 * TURN_BYTES_MAX) this.#tryReserve(current);
  }

  #tryReserve(segment: Segment): void {
    try {
      reserveRoom(this.#files, segment);
    } catch (error) {
      throw storageError('cannot reserve room for the log', error);
    }
  }

  #rotate(): void {
    const next = this.#begin(this.#current.number + 1);
    this.#held.push({ segment: this.#current.number, bytes: this.#current.offset });
    this.#retired.push(this.#current);
    this.#current = next;
  }

  /** Writes one sealed block. @throws StoreError KV_STORAGE_FULL or KV_STORAGE_FAILED: then nothing of it counts */
  append(bytes: Buffer, start: number, length: number): void {
    const current = this.#current;
    this.checkFailure();
    try {
      this.#files.write(current.fd, bytes, start, length, current.offset);
    } catch (error) {
      throw storageError('cannot write the log', error);
    }
    current.offset += length;
    current.unsynced = true;
    this.bytesWritten += length;
    this.writes++;
  }

  /** Everything appended is on disk when this returns. @throws StoreError KV_STORAGE_FAILED: nothing unsynced is trusted */
  sync(): void {
    // a failed sync leaves pages that look clean: the next one would succeed without them
    this.checkFailure();
    try {
      for (const segment of this.#inSync) this.#files.sync(segment.fd);
      for (const segment of this.#retired) this.#files.sync(segment.fd);
      if (!this.#syncing) this.#closeRetired();
      this.#files.sync(this.#current.fd);
      this.#current.unsynced = false;
      this.#current.isOnDisk = true;
      this.syncedSequence = this.writtenSequence;
      this.syncs++;
    } catch (error) {
      throw syncError(error);
    }
  }

  /** Begins a sync in the background unless one is under way; `failure` tells how it ended. */
  syncLater(): void {
    if (this.#syncing || !this.unsynced) return;
    this.#syncing = true;
    const retired = this.#retired;
    this.#retired = [];
    this.#inSync = retired;
    const current = this.#current;
    const sequence = this.writtenSequence;
    current.unsynced = false;
    const targets = [...retired, current];
    let left = targets.length;
    for (const target of targets) {
      this.#files.syncLater(target.laterFd, (error) => {
        if (error !== null) this.#failure = syncError(error);
        if (--left > 0) return;
        closeSegments(this.#files, retired);
        this.#inSync = [];
        this.#syncing = false;
        if (this.#failure === undefined) {
          current.isOnDisk = true;
          this.syncedSequence = Math.max(this.syncedSequence, sequence);
        }
        this.syncs++;
      });
    }
  }

  /** Throws what a background sync failed with. @throws StoreError KV_STORAGE_FAILED */
  checkFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Drops the segments before this one: the base table holds all of their records, synced. */
  dropBefore(segment: number): void {
    while (this.#held.length > 0 && this.#held[0].segment < segment) {
      // oldest first and none left out: an old segment must not outlive a newer one, or its records would come back
      this.#files.remove(join(this.#directory, segmentName(this.#held[0].segment)));
      this.#held.shift();
    }
  }

  #closeRetired(): void {
    closeSegments(this.#files, this.#retired);
    this.#retired = [];
  }

  /** Syncs and closes; the last segment loses the room reserved ahead. @throws StoreError KV_STORAGE_FAILED */
  close(): void {
    this.sync();
    this.#closeRetired();
    closeSegments(this.#files, [this.#current]);
    this.#files.truncate(join(this.#directory, segmentName(this.#current.number)), this.#current.offset);
  }
}

/** A failed sync is never a full disk to wait for: what it was to cover can no longer be trusted. */
function syncError(cause: unknown): StoreError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError('KV_STORAGE_FAILED', `cannot sync the log: ${reason}`, {}, cause);
}

/** KV_STORAGE_FULL where the disk is full, KV_STORAGE_FAILED otherwise. */
export function storageError(what: string, cause: unknown): StoreError {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new StoreError(full ? 'KV_STORAGE_FULL' : 'KV_STORAGE_FAILED', `${what}: ${reason}`, {}, cause);
}

/** Numbers of the segments in a directory, oldest first. @throws StoreError KV_STORAGE_FAILED */
export function segmentsIn(files: LogFiles, directory: string): number[] {
  try {
    const numbers = files.list(directory).map(segmentOfName);
    return numbers.filter((number) => number !== undefined).sort((a, b) => a - b);
  } catch (error) {
    throw storageError(`cannot list the log in ${directory}`, error);
  }
}
