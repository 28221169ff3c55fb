/**
 * The bytes of a stream that no parser has used up yet: one Buffer and two offsets.
 *
 *     buffer  [ used up | start ... end | free ]
 *
 * A chunk that arrives at an empty window becomes the buffer itself, without a copy. A chunk that continues an unfinished
 * message is appended, and the buffer grows by doubling, so that a stream of n bytes costs O(n) whatever its chunks are.
 * Bytes that were handed out are never written again: slices of them stay valid.
 */

/** Least capacity of a buffer that holds an unfinished message, in bytes. */
const CAPACITY_BYTES_MIN = 256;
const EMPTY = Buffer.alloc(0);

export class ByteWindow {
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;
  private owned = false;

  /** Bytes that wait. */
  get length(): number {
    return this.end - this.start;
  }

  /** Offset from the start of the first such byte at or behind `offset`, or -1; never looks at free space. */
  indexOf(byte: number, offset: number): number {
    const found = this.buffer.subarray(this.start + offset, this.end).indexOf(byte);
    return found < 0 ? -1 : offset + found;
  }

  /** Adds a chunk; amortised O(chunk). The window keeps the chunk, so the caller must not write to it again. */
  append(chunk: Buffer): void {
    const rest = this.end - this.start;
    if (rest === 0) {
      this.buffer = chunk;
      this.start = 0;
      this.end = chunk.length;
      this.owned = false;
      return;
    }
    if (!this.owned || this.buffer.length - this.end < chunk.length) this.grow(rest, chunk.length);
    this.buffer.set(chunk, this.end);
    this.end += chunk.length;
  }

  /** Drops the first `bytes` bytes; an empty window lets go of its buffer. */
  consume(bytes: number): void {
    this.start += bytes;
    if (this.start < this.end) return;
    this.buffer = EMPTY;
    this.start = 0;
    this.end = 0;
    this.owned = false;
  }

  private grow(rest: number, added: number): void {
    const needed = rest + added;
    const capacity = added >= rest ? needed : needed * 2;
    const next = Buffer.allocUnsafeSlow(Math.max(CAPACITY_BYTES_MIN, capacity));
    this.buffer.copy(next, 0, this.start, this.end);
    this.buffer = next;
    this.start = 0;
    this.end = rest;
    this.owned = true;
  }
}
