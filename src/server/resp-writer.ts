/**
 * Encodes replies in RESP2 or RESP3 into one growing Buffer, so that all replies of a turn leave in one `socket.write`.
 *
 * One writer serves all connections of a server: a turn's replies to one connection are written one after another and
 * taken before those of the next. What was taken is never written again; a block that is nearly full is replaced.
 * RESP3 types that RESP2 lacks fall back as Redis does it: null to `$-1`, map to a flat array, double to a bulk string.
 */

/** Bytes of a block; a reply larger than that gets a block of its own size. */
const BLOCK_BYTES = 64 * 1024;
/** A block with less room than this is not continued after a take. */
const ROOM_BYTES_MIN = 4 * 1024;
/** Most bytes of a type mark, a 64-bit number and its line end. */
const HEADER_BYTES = 24;
const EMPTY = Buffer.alloc(0);

export type RespProtocol = 2 | 3;

export class RespWriter {
  /** The protocol of the connection whose replies are being written. */
  protocol: RespProtocol = 2;
  private buffer: Buffer = EMPTY;
  private start = 0;
  private end = 0;

  /** Bytes written and not yet taken. */
  get length(): number {
    return this.end - this.start;
  }

  /** The bytes written since the last take; they are the caller's to keep. */
  take(): Buffer {
    const bytes = this.buffer.subarray(this.start, this.end);
    this.start = this.end;
    if (this.buffer.length - this.end < ROOM_BYTES_MIN) this.release();
    return bytes;
  }

  /** Removes and returns a copy of what was written after `length` was `mark`. */
  cut(mark: number): Buffer {
    const from = this.start + mark;
    const bytes = Buffer.from(this.buffer.subarray(from, this.end));
    this.end = from;
    return bytes;
  }

  /** Forgets what was written after `length` was `mark`. */
  truncate(mark: number): void {
    this.end = this.start + mark;
  }

  /** A reply that is encoded already. */
  raw(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.end);
    this.end += bytes.length;
  }

  ok(): void {
    this.simple('OK');
  }

  /** A short status; must hold no line end. */
  simple(text: string): void {
    this.reserve(text.length + 3);
    this.buffer[this.end++] = 43;
    this.end += this.buffer.latin1Write(text, this.end);
    this.lineEnd();
  }

  /** An error: a code in capitals, a space, a sentence. Line ends become blanks. */
  error(text: string): void {
    const line = `-${text.replace(/[\r\n]+/g, ' ')}\r\n`;
    this.reserve(line.length * 3);
    this.end += this.buffer.utf8Write(line, this.end);
  }

  integer(value: number): void {
    this.header(58, value);
  }

  bulk(bytes: Uint8Array): void {
    const { length } = bytes;
    this.reserve(HEADER_BYTES + length + 2);
    this.header(36, length);
    this.buffer.set(bytes, this.end);
    this.end += length;
    this.lineEnd();
  }

  /** A string as its UTF-8 bytes. */
  bulkText(text: string): void {
    const length = Buffer.byteLength(text);
    this.reserve(HEADER_BYTES + length + 2);
    this.header(36, length);
    this.end +=
      length === text.length ? this.buffer.latin1Write(text, this.end) : this.buffer.utf8Write(text, this.end);
    this.lineEnd();
  }

  null(): void {
    this.text(this.protocol === 3 ? '_\r\n' : '$-1\r\n');
  }

  boolean(value: boolean): void {
    if (this.protocol === 3) this.text(value ? '#t\r\n' : '#f\r\n');
    else this.integer(value ? 1 : 0);
  }

  double(value: number): void {
    const shown = Number.isNaN(value) ? 'nan' : String(value).replace('Infinity', 'inf');
    if (this.protocol === 3) this.text(`,${shown}\r\n`);
    else this.bulkText(shown);
  }

  bigNumber(value: bigint): void {
    if (this.protocol === 3) this.text(`(${value}\r\n`);
    else this.bulkText(String(value));
  }

  /** Opens an array; its `count` elements follow. */
  array(count: number): void {
    this.header(42, count);
  }

  /** Opens a map; its `count` keys and values follow, in turn. */
  map(count: number): void {
    if (this.protocol === 3) this.header(37, count);
    else this.header(42, count * 2);
  }

  /** Opens a set; its `count` elements follow. */
  set(count: number): void {
    this.header(this.protocol === 3 ? 126 : 42, count);
  }

  private text(line: string): void {
    this.reserve(line.length);
    this.end += this.buffer.latin1Write(line, this.end);
  }

  /** A mark, a whole number in decimal, a line end. */
  private header(mark: number, value: number): void {
    this.reserve(HEADER_BYTES);
    const { buffer } = this;
    buffer[this.end++] = mark;
    if (value >= 0 && value < 10) buffer[this.end++] = 48 + value;
    else if (value >= 10 && value < 100) {
      const tens = (value / 10) | 0;
      buffer[this.end++] = 48 + tens;
      buffer[this.end++] = 48 + value - tens * 10;
    } else this.end += buffer.latin1Write(String(value), this.end);
    this.lineEnd();
  }

  private lineEnd(): void {
    this.buffer[this.end++] = 13;
    this.buffer[this.end++] = 10;
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= this.buffer.length) return;
    const kept = this.end - this.start;
    const needed = kept + bytes;
    const next = Buffer.allocUnsafeSlow(needed <= BLOCK_BYTES ? BLOCK_BYTES : needed * 2);
    this.buffer.copy(next, 0, this.start, this.end);
    this.buffer = next;
    this.start = 0;
    this.end = kept;
  }

  private release(): void {
    this.buffer = EMPTY;
    this.start = 0;
    this.end = 0;
  }
}
