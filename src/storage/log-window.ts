/** The bytes of a segment that are looked at: whole words from some offset on, in one buffer that a larger block makes grow. */
import {
  BLOCK_HEADER_BYTES,
  type BlockHeader,
  claimedBlockBytes,
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './log-block.js';
import type { LogFiles } from './log-files.js';

const CHUNK_BYTES = 4 * 1024 * 1024;

/** What becomes of the blocks that a walk comes to. */
export interface BlockVisitor {
  /** The block at a word of the window, which ends at `endWord`; or that there is none to go on with. */
  readonly open: (at: number, endWord: number) => BlockHeader | 'zeros' | 'torn';
  /** Takes the block at this word, which begins at `offset` of the segment. */
  readonly take: (at: number, block: BlockHeader, offset: number) => Promise<void>;
}

export class LogWindow {
  words: Int32Array;
  bytes: Buffer;
  readonly #files: LogFiles;

  constructor(files: LogFiles, chunkBytes = CHUNK_BYTES) {
    this.#files = files;
    this.words = new Int32Array(chunkBytes / 4);
    this.bytes = Buffer.from(this.words.buffer);
  }

  /** Reads from `offset` on; grows where one block is larger than the buffer. Returns the bytes in view, whole words. */
  fill(fd: number, offset: number, size: number): number {
    let filled = this.#files.read(fd, this.bytes, 0, this.bytes.length, offset);
    const claimed = claimedBlockBytes(this.words, 0);
    if (claimed > this.bytes.length && offset + claimed <= size) {
      this.words = new Int32Array(Math.ceil(claimed / 4));
      this.bytes = Buffer.from(this.words.buffer);
      filled = this.#files.read(fd, this.bytes, 0, this.bytes.length, offset);
    }
    return filled & ~3;
  }

  /**
   * Goes through the blocks of a segment from an offset on, up to the first that cannot be opened; returns where that is, and
   * why, which is undefined at the end of the file. What `take` throws ends it too.
   */
  async walk(
    fd: number,
    from: number,
    size: number,
    { open, take }: BlockVisitor,
  ): Promise<{ readonly offset: number; readonly why: 'zeros' | 'torn' | undefined }> {
    let offset = from;
    while (offset < size) {
      const filled = this.fill(fd, offset, size);
      if (filled === 0) return { offset, why: 'torn' };
      let at = 0;
      while (at < filled / 4) {
        const claimed = claimedBlockBytes(this.words, at);
        const isPartial = at * 4 + Math.max(claimed, BLOCK_HEADER_BYTES) > filled && offset + filled < size;
        // it is opened at the beginning of the next view
        if (isPartial && at > 0) break;
        const block = open(at, filled / 4);
        if (typeof block === 'string') return { offset: offset + at * 4, why: block };
        await take(at, block, offset + at * 4);
        at += block.bytes / 4;
      }
      offset += at * 4;
    }
    return { offset, why: undefined };
  }

  /** The header of the segment of this number, or why there is none. */
  header(fd: number, segment: number): SegmentHeader | 'none' | 'damaged' {
    const got = this.#files.read(fd, this.bytes, 0, SEGMENT_HEADER_BYTES, 0);
    return got < SEGMENT_HEADER_BYTES ? 'none' : readSegmentHeader(this.words.subarray(0, 8), segment);
  }

  /** Where the zeros begin that the file ends with, in whole words from `from` on. */
  endOfBytes(fd: number, from: number, size: number): number {
    let end = from;
    for (let offset = from; offset < size; ) {
      const filled = this.#files.read(fd, this.bytes, 0, this.bytes.length, offset);
      if (filled === 0) break;
      this.bytes.fill(0, filled, (filled + 3) & ~3);
      for (let word = 0; word < filled / 4; word++) if (this.words[word] !== 0) end = offset + word * 4 + 4;
      offset += filled;
    }
    return Math.min(end, size);
  }
}
