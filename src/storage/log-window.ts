/** The bytes of a segment that are looked at: whole words from some offset on, in one buffer that a larger block makes grow. */
import { claimedBlockBytes, readSegmentHeader, SEGMENT_HEADER_BYTES, type SegmentHeader } from './log-block.js';
import type { LogFiles } from './log-files.js';

const CHUNK_BYTES = 4 * 1024 * 1024;

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

  /** The header of the segment, or undefined where its first bytes are none. */
  header(fd: number): SegmentHeader | undefined {
    const got = this.#files.read(fd, this.bytes, 0, SEGMENT_HEADER_BYTES, 0);
    return got < SEGMENT_HEADER_BYTES ? undefined : readSegmentHeader(this.words.subarray(0, 8));
  }
}
