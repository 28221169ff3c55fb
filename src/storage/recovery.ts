/**
 * Brings a node's hot table back from its commit log: every block of every segment, in order, is copied into the arena
 * and its records enter the index as dirty. The log on disk is what the base table may lack, so the end state is the
 * state before the stop, whatever was flushed in between.
 *
 * A tail torn by a crash is cut and reported. After a power loss the tail may also have holes, since pages reach the disk
 * in any order: it is cut at the first, unless a block behind says that what is missing had been synced. A damaged block with intact ones behind it is no torn tail: the node stays
 * down with KV_CORRUPT, and its replicas answer.
 */
import { join } from 'node:path';
import { StoreError } from '../core/errors.js';
import { sizeOf } from '../protocol/record.js';
import { adopt } from './adopt.js';
import { CommitLog, segmentsIn } from './commit-log.js';
import type { Engine } from './engine.js';
import {
  BLOCK_HEADER_BYTES,
  type BlockHeader,
  claimedBlockBytes,
  LOG_FORMAT,
  openBlock,
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from './log-block.js';
import { damaged, plausible } from './log-damage.js';
import { type LogFiles, realFiles } from './log-files.js';

export interface RecoveryOptions {
  readonly directory: string;
  readonly segmentBytes?: number;
  readonly files?: LogFiles;
  /** Write everything to the base table before the log goes on: after a failed sync nothing unsynced is trusted. */
  readonly checkpoint?: boolean;
  /** The machine went down without a clean close: what was not synced may have holes. */
  readonly afterPowerLoss?: boolean;
  /** Bytes of a segment that are read together. Default: 4 MiB; two of the largest block. */
  readonly chunkBytes?: number;
}

export interface RecoveryReport {
  readonly records: number;
  readonly segments: number;
  /** A torn tail that was cut, if there was one. */
  readonly cut?: { readonly segment: string; readonly bytes: number };
}

interface Segment {
  readonly number: number;
  readonly path: string;
  readonly later: readonly { readonly number: number; readonly path: string }[];
}

/**
 * Replays the log into the engine and attaches a log that goes on behind it.
 * @throws StoreError KV_CORRUPT, KV_FORMAT_TOO_NEW, KV_STORAGE_FULL, KV_STORAGE_FAILED
 */
export async function recover(engine: Engine, options: RecoveryOptions): Promise<RecoveryReport> {
  const { directory, files = realFiles } = options;
  const replay = new Replay(engine, files, options);
  const numbers = segmentsIn(files, directory);
  const held: { segment: number; bytes: number }[] = [];
  for (const [index, number] of numbers.entries()) {
    const path = join(directory, segmentName(number));
    const later = numbers
      .slice(index + 1)
      .map((other) => ({ number: other, path: join(directory, segmentName(other)) }));
    const bytes = await replay.segment({ number, path, later });
    if (bytes > 0) held.push({ segment: number, bytes });
    if (replay.cut !== undefined) break;
  }
  const firstSegment = (numbers.at(-1) ?? 0) + 1;
  const nextSequence = Math.max(1, replay.nextSequence);
  const { segmentBytes } = options;
  const log = new CommitLog({
    directory,
    firstSegment,
    nextSequence,
    held,
    files,
    ...(segmentBytes !== undefined && { segmentBytes }),
  });
  engine.attachLog(log);
  engine.arena.publish();
  if (options.checkpoint === true) {
    await engine.flusher.flush(log);
    log.sync();
    engine.flusher.dropSynced(log);
  }
  engine.counts.countFlushed(0);
  if (engine.base.entryCount === 0) engine.counts.newKeys = engine.index.entries - engine.counts.privateKeys;
  const { cut } = replay;
  return { records: replay.records, segments: numbers.length, ...(cut !== undefined && { cut }) };
}

const CHUNK_BYTES = 4 * 1024 * 1024;
/** Bytes of one block that are copied together; a larger record goes alone. */
const PIECE_BYTES_MAX = 64 * 1024;

class Replay {
  records = 0;
  nextSequence = 0;
  cut: { segment: string; bytes: number } | undefined;
  readonly #engine: Engine;
  readonly #files: LogFiles;
  readonly #mayHaveHoles: boolean;
  #words: Int32Array;
  #bytes: Buffer;

  constructor(engine: Engine, files: LogFiles, { afterPowerLoss = false, chunkBytes = CHUNK_BYTES }: RecoveryOptions) {
    this.#engine = engine;
    this.#files = files;
    this.#mayHaveHoles = afterPowerLoss;
    this.#words = new Int32Array(chunkBytes / 4);
    this.#bytes = Buffer.from(this.#words.buffer);
  }

  /** Replays one segment; returns the bytes of it that count, 0 where it holds nothing and was removed. */
  async segment(segment: Segment): Promise<number> {
    const fd = this.#files.openRead(segment.path);
    try {
      const size = this.#files.size(fd);
      if (!this.#header(fd, size, segment)) return 0;
      return await this.#blocks(fd, size, segment);
    } finally {
      this.#files.close(fd);
    }
  }

  #header(fd: number, size: number, segment: Segment): boolean {
    const got = this.#files.read(fd, this.#bytes, 0, SEGMENT_HEADER_BYTES, 0);
    const header = got < SEGMENT_HEADER_BYTES ? undefined : readSegmentHeader(this.#words.subarray(0, 8));
    if (header === undefined) {
      // without a power loss only the last one can be like this, before anything was written to it
      this.#cutFrom(fd, 0, size, segment, true);
      return false;
    }
    if (header.format > LOG_FORMAT) {
      const message = `${segment.path} has log format ${header.format}, this version reads up to ${LOG_FORMAT}`;
      throw new StoreError('KV_FORMAT_TOO_NEW', message, { path: segment.path, format: header.format });
    }
    if (this.nextSequence > 0 && header.firstSequence > this.nextSequence) {
      // the end of the segment before this one is missing
      this.#cutFrom(fd, 0, size, segment, true);
      return false;
    }
    this.nextSequence = Math.max(this.nextSequence, header.firstSequence);
    return true;
  }

  async #blocks(fd: number, size: number, segment: Segment): Promise<number> {
    let offset = SEGMENT_HEADER_BYTES;
    while (offset < size) {
      const filled = this.#fill(fd, offset, size);
      let at = 0;
      if (filled === 0) {
        this.#end(fd, offset, size, segment, 'torn');
        return offset;
      }
      while (at < filled / 4) {
        const claimed = claimedBlockBytes(this.#words, at);
        const partial = at * 4 + Math.max(claimed, BLOCK_HEADER_BYTES) > filled && offset + filled < size;
        if (partial && at > 0) break;
        const block = openBlock(this.#words, this.#bytes, at, filled / 4, segment.number);
        if (typeof block === 'string') {
          this.#end(fd, offset + at * 4, size, segment, block);
          return offset + at * 4;
        }
        await this.#replayBlock(at, block);
        at += block.bytes / 4;
      }
      offset += at * 4;
    }
    return offset;
  }

  /** Reads from `offset` on; grows where one block is larger than the buffer. Returns the bytes in view, whole words. */
  #fill(fd: number, offset: number, size: number): number {
    let filled = this.#files.read(fd, this.#bytes, 0, this.#bytes.length, offset);
    const claimed = claimedBlockBytes(this.#words, 0);
    if (claimed > this.#bytes.length && offset + claimed <= size) {
      this.#words = new Int32Array(Math.ceil(claimed / 4));
      this.#bytes = Buffer.from(this.#words.buffer);
      filled = this.#files.read(fd, this.#bytes, 0, this.#bytes.length, offset);
    }
    return filled & ~3;
  }

  /** Copies the block's records into the arena, as many together as are easily found room for, and adopts them. */
  async #replayBlock(at: number, block: BlockHeader): Promise<void> {
    const end = at + block.bytes / 4;
    let from = at + BLOCK_HEADER_BYTES / 4;
    let to = from;
    let records = 0;
    for (let i = 0; i < block.records; i++) {
      if (!plausible(this.#words, to, end)) {
        throw new StoreError('KV_CORRUPT', 'a log block holds an impossible record');
      }
      const next = to + sizeOf(this.#words, to) / 4;
      if (records > 0 && (next - from) * 4 > PIECE_BYTES_MAX) {
        await this.#replayPiece(from, to, records);
        from = to;
        records = 0;
      }
      to = next;
      records++;
    }
    if (records > 0) await this.#replayPiece(from, to, records);
    this.records += block.records;
    this.nextSequence = block.firstSequence + block.records;
  }

  async #replayPiece(from: number, to: number, records: number): Promise<void> {
    const engine = this.#engine;
    const { arena } = engine;
    const units = (to - from) >>> 1;
    const fits = () =>
      arena.freeUnits >= units + arena.padUnits(units) && engine.index.entries + records <= engine.index.entriesMax;
    if (!fits()) await this.#makeRoom(units, fits);
    if (!arena.fitsLap(units)) arena.wrap();
    const start = arena.push(units);
    this.#bytes.copy(arena.bytes, start * 4, from * 4, to * 4);
    for (let i = 0, word = start; i < records; i++, word += sizeOf(arena.words, word) / 4) adopt(engine, word);
  }

  /** Room in the arena and the index; a log larger than memory goes to the base table in between. */
  async #makeRoom(units: number, fits: () => boolean): Promise<void> {
    const { arena, reclaimer, flusher } = this.#engine;
    arena.publish();
    await flusher.flush(NO_LOG);
    const keep = Math.max(units, arena.capacityUnits >>> 1);
    reclaimer.makeRoom(Math.min(keep, arena.capacityUnits - 8), flusher.flushed, () => -1);
    while (!fits() && arena.usedUnits > 0) reclaimer.makeRoom(arena.freeUnits + 4096, flusher.flushed, () => -1);
    if (!fits()) throw new StoreError('KV_STORAGE_FAILED', 'memoryBytes is too small to replay the commit log');
  }

  #end(fd: number, offset: number, size: number, segment: Segment, why: 'zeros' | 'torn'): void {
    if (why === 'torn' || (this.#mayHaveHoles && this.#claimBehind(fd, offset, size, segment.number) >= 0)) {
      this.#cutFrom(fd, offset, size, segment, false);
    }
  }

  /**
   * Ends the log here: cuts this segment, or removes it, and removes those behind it.
   * @throws StoreError KV_CORRUPT where something behind says that the missing part had been on disk
   */
  #cutFrom(fd: number, offset: number, size: number, segment: Segment, remove: boolean): void {
    const from = Math.max(offset + (remove ? 0 : 8), SEGMENT_HEADER_BYTES);
    let claim = this.#claimBehind(fd, from, size, segment.number);
    for (const { path, number } of segment.later) claim = Math.max(claim, this.#claimOf(path, number));
    if (this.#mayHaveHoles ? claim > this.nextSequence : claim >= 0) throw damaged(segment.path, offset);
    this.cut = { segment: segment.path, bytes: size - offset };
    // newest first: an old segment must not outlive a newer one
    for (const { path } of [...segment.later].reverse()) this.#files.remove(path);
    if (remove) this.#files.remove(segment.path);
    else this.#files.truncate(segment.path, offset);
  }

  #claimOf(path: string, number: number): number {
    const fd = this.#files.openRead(path);
    try {
      return this.#claimBehind(fd, SEGMENT_HEADER_BYTES, this.#files.size(fd), number);
    } finally {
      this.#files.close(fd);
    }
  }

  /** What intact blocks from here on say was synced before them, at most; -1 where there is none. */
  #claimBehind(fd: number, from: number, size: number, number: number): number {
    let claim = -1;
    for (let offset = from; offset < size; ) {
      const filled = this.#fill(fd, offset, size);
      for (let at = 0; at < filled / 4; at += 2) {
        if (claimedBlockBytes(this.#words, at) === 0) continue;
        const block = openBlock(this.#words, this.#bytes, at, filled / 4, number);
        if (typeof block !== 'string') claim = Math.max(claim, block.syncedSequence);
      }
      if (offset + filled >= size || filled === 0) return claim;
      offset += Math.max(8, (filled >>> 1) & ~7);
    }
    return claim;
  }
}

/** Stands in for the log during a replay: nothing is dropped before it is complete. */
const NO_LOG = {
  segment: 0,
  writtenSequence: 0,
  syncedSequence: 0,
  busy: false,
  syncLater: () => undefined,
  dropBefore: () => undefined,
};
