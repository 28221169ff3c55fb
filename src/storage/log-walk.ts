/**
 * Reads a commit log from its first segment to its last, block by block, and ends it where its end is torn.
 *
 * A tail torn by a crash is cut and reported. After a power loss the tail may also have holes, since pages reach the disk
 * in any order: it is cut at the first, unless a block behind says that what is missing had been synced. A damaged block
 * with intact ones behind it is no torn tail, and neither is one that no crash of a process leaves (torn-end.ts): that is
 * thrown, before anything was changed on disk.
 */
import { join } from 'node:path';
import { StoreError } from '../core/errors.js';
import { segmentsIn } from './commit-log.js';
import {
  type BlockHeader,
  claimedBlockBytes,
  LOG_FORMAT,
  openBlock,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
  segmentName,
} from './log-block.js';
import { damaged, holdsRecords } from './log-damage.js';
import type { LogFiles } from './log-files.js';
import type { LogWindow } from './log-window.js';
import { mayBeTorn } from './torn-end.js';

export interface LogWalkOptions {
  readonly directory: string;
  readonly files: LogFiles;
  /** The machine went down without a clean close: what was not synced may have holes. */
  readonly afterPowerLoss?: boolean | undefined;
  /** Given each block, at a word of the window; without it the log is only looked at, and nothing is cut. */
  readonly onBlock?: (at: number, block: BlockHeader) => Promise<void>;
}

interface Segment {
  readonly number: number;
  readonly path: string;
  readonly later: readonly { readonly number: number; readonly path: string }[];
}

export class LogWalk {
  nextSequence = 0;
  cut: { segment: string; bytes: number } | undefined;
  /** Segments with something in them, oldest first, and the bytes of each that count. */
  readonly held: { segment: number; bytes: number }[] = [];
  /** Numbers of all segments that were found, oldest first. */
  readonly numbers: readonly number[];
  readonly #window: LogWindow;
  readonly #options: LogWalkOptions;

  /** @throws StoreError KV_STORAGE_FAILED */
  constructor(window: LogWindow, options: LogWalkOptions) {
    this.#window = window;
    this.#options = options;
    this.numbers = segmentsIn(options.files, options.directory);
  }

  /** @throws StoreError KV_CORRUPT where the log is damaged before its end; KV_FORMAT_TOO_NEW; what `onBlock` throws */
  async run(): Promise<void> {
    const pathOf = (number: number) => join(this.#options.directory, segmentName(number));
    for (const [index, number] of this.numbers.entries()) {
      const later = this.numbers.slice(index + 1).map((other) => ({ number: other, path: pathOf(other) }));
      const bytes = await this.#segment({ number, path: pathOf(number), later });
      if (bytes > 0) this.held.push({ segment: number, bytes });
      if (this.cut !== undefined) return;
    }
  }

  /** Walks one segment; returns the bytes of it that count, 0 where it holds nothing and was removed. */
  async #segment(segment: Segment): Promise<number> {
    const { files } = this.#options;
    const fd = files.openRead(segment.path);
    try {
      const size = files.size(fd);
      if (!this.#header(fd, size, segment)) return 0;
      return await this.#blocks(fd, size, segment);
    } finally {
      files.close(fd);
    }
  }

  #header(fd: number, size: number, segment: Segment): boolean {
    const header = this.#window.header(fd, segment.number);
    if (typeof header === 'string') {
      // no write leaves a part of a header, and nothing else tells the number that comes next
      const isDamage = header === 'damaged' && this.nextSequence === 0 && this.#options.afterPowerLoss !== true;
      if (isDamage) throw damaged(segment.path, 0);
      // without a power loss only the last one can be like this, before anything was written to it
      this.#cutFrom(fd, 0, size, segment, true);
      return false;
    }
    checkFormat(header, segment.path);
    if (this.nextSequence > 0 && header.firstSequence > this.nextSequence) {
      // the end of the segment before this one is missing
      this.#cutFrom(fd, 0, size, segment, true);
      return false;
    }
    this.nextSequence = Math.max(this.nextSequence, header.firstSequence);
    return true;
  }

  async #blocks(fd: number, size: number, segment: Segment): Promise<number> {
    const window = this.#window;
    const { offset, why } = await window.walk(fd, SEGMENT_HEADER_BYTES, size, {
      open: (at, endWord) => openBlock(window.words, window.bytes, at, endWord, segment.number),
      take: async (at, block, begin) => {
        if (!holdsRecords(window.words, at, block)) throw damaged(segment.path, begin);
        await this.#options.onBlock?.(at, block);
        this.nextSequence = block.firstSequence + block.records;
      },
    });
    if (why !== undefined) this.#end(fd, offset, size, segment, why);
    return offset;
  }

  #end(fd: number, offset: number, size: number, segment: Segment, why: 'zeros' | 'torn'): void {
    const mayHaveHoles = this.#options.afterPowerLoss === true;
    const { number, path } = segment;
    const end = { fd, size, segment: number, offset, nextSequence: this.nextSequence };
    if (why === 'torn' && !mayHaveHoles && !mayBeTorn(this.#window, end)) throw damaged(path, offset);
    if (why === 'torn' || (mayHaveHoles && this.#claimBehind(fd, offset, size, number) >= 0)) {
      this.#cutFrom(fd, offset, size, segment, false);
    }
  }

  /**
   * Ends the log here: cuts this segment, or removes it, and removes those behind it.
   * @throws StoreError KV_CORRUPT where something behind says that the missing part had been on disk
   */
  #cutFrom(fd: number, offset: number, size: number, segment: Segment, remove: boolean): void {
    const { files, afterPowerLoss, onBlock } = this.#options;
    const from = Math.max(offset + (remove ? 0 : 8), SEGMENT_HEADER_BYTES);
    let claim = this.#claimBehind(fd, from, size, segment.number);
    for (const { path, number } of segment.later) claim = Math.max(claim, this.#claimOf(path, number));
    if (afterPowerLoss === true ? claim > this.nextSequence : claim >= 0) throw damaged(segment.path, offset);
    this.cut = { segment: segment.path, bytes: size - offset };
    if (onBlock === undefined) return;
    // newest first: an old segment must not outlive a newer one
    for (const { path } of [...segment.later].reverse()) files.remove(path);
    if (remove) files.remove(segment.path);
    else files.truncate(segment.path, offset);
  }

  #claimOf(path: string, number: number): number {
    const { files } = this.#options;
    const fd = files.openRead(path);
    try {
      return this.#claimBehind(fd, SEGMENT_HEADER_BYTES, files.size(fd), number);
    } finally {
      files.close(fd);
    }
  }

  /** What intact blocks from here on say was synced before them, at most; -1 where there is none. */
  #claimBehind(fd: number, from: number, size: number, number: number): number {
    const window = this.#window;
    let claim = -1;
    for (let offset = from; offset < size; ) {
      const filled = window.fill(fd, offset, size);
      for (let at = 0; at < filled / 4; at += 2) {
        if (claimedBlockBytes(window.words, at) === 0) continue;
        const block = openBlock(window.words, window.bytes, at, filled / 4, number);
        if (typeof block !== 'string') claim = Math.max(claim, block.syncedSequence);
      }
      if (offset + filled >= size || filled === 0) return claim;
      offset += Math.max(8, (filled >>> 1) & ~7);
    }
    return claim;
  }
}

/** @throws StoreError KV_FORMAT_TOO_NEW */
export function checkFormat({ format }: SegmentHeader, path: string): void {
  if (format <= LOG_FORMAT) return;
  const message = `${path} has log format ${format}, this version reads up to ${LOG_FORMAT}`;
  throw new StoreError('KV_FORMAT_TOO_NEW', message, { path, format });
}
