/**
 * An incremental parser of what Redis clients send: arrays of bulk strings, and inline commands (a line of words).
 *
 *     *2\r\n $3\r\n GET\r\n $1\r\n k\r\n        or        GET k\r\n
 *
 * Follows the Redis serialization protocol specification (RESP2; RESP3 requests are the same). Every length has a maximum
 * that is checked before anything is kept, and a chunk boundary may fall on any byte: the state between calls is an offset.
 */
import { StoreError } from '../core/errors.js';
import { OPTION_SPECS } from '../core/options.js';
import { ByteWindow } from './byte-window.js';
import { splitInline } from './inline-words.js';

/** The bounds of one connection's input. */
export interface RespLimits {
  /** Most arguments of one command, its name included. */
  readonly argumentsMax: number;
  /** Most bytes of one argument. */
  readonly argumentBytesMax: number;
  /** Most bytes of all arguments of one command together: what a client can make the server hold. */
  readonly commandBytesMax: number;
  /** Most bytes of an inline command, its line end included. */
  readonly inlineBytesMax: number;
}

/** Room in one argument beyond the largest pair: a `KVORUM LOAD` batch travels as one argument. */
export const ARGUMENT_SLACK_BYTES = 1024 * 1024;
/** JSON escapes and base64 make a value at most this many times larger. */
const JSON_GROWTH = 6;

/** What a store of any `pairBytesMax` takes fits; whether a pair does is the store's to say. */
const ARGUMENT_BYTES_MAX = (OPTION_SPECS.pairBytesMax.max ?? 0) * JSON_GROWTH + ARGUMENT_SLACK_BYTES;

/** The usual bounds. */
export const RESP_LIMITS: RespLimits = {
  argumentsMax: 16_384,
  argumentBytesMax: ARGUMENT_BYTES_MAX,
  commandBytesMax: 16 * 1024 * 1024,
  inlineBytesMax: 65_536,
};

const STAR = 42;
const DOLLAR = 36;
const MINUS = 45;
const CR = 13;
const LF = 10;
/** Most digits of a length: enough for 2^31, few enough to look at again with every chunk. */
const DIGITS_MAX = 10;

export class RespParser {
  private readonly window = new ByteWindow();
  private failure: StoreError | undefined;
  /** Offset from the window's start of the next byte to look at. */
  private cursor = 0;
  /** Arguments still to come, or -1 before the array header. */
  private missing = -1;
  /** Declared bytes of the argument being read, or -1 before its header. */
  private bulk = -1;
  private declaredBytes = 0;
  /** Start and end of each finished argument, as offsets from the window's start. */
  private bounds: number[] = [];
  private number = 0;

  constructor(private readonly limits: RespLimits) {}

  /** Bytes that wait for the rest of a command, or for `next`. */
  get bufferedBytes(): number {
    return this.window.length;
  }

  /** Takes a chunk as the socket gave it; the parser keeps it and never writes to it. */
  push(chunk: Buffer): void {
    if (chunk.length > 0) this.window.append(chunk);
  }

  /**
   * The next whole command as its arguments, or undefined until more bytes come. The arguments are views: into the chunk,
   * where it held the whole command. Costs O(new bytes).
   * @throws StoreError KV_PROTOCOL, then again at every further call: the connection must be closed.
   */
  next(): Buffer[] | undefined {
    if (this.failure !== undefined) throw this.failure;
    while (this.window.length > 0) {
      const first = this.window.buffer[this.window.start];
      const isArray = this.missing >= 0 || first === STAR;
      const before = this.window.length;
      const command = isArray ? this.nextArray() : this.nextInline();
      if (command === undefined) {
        if (this.window.length === before) return undefined;
      } else if (command.length > 0) return command;
    }
    return undefined;
  }

  /** An array's arguments; empty for `*0` and `*-1`, which clients may send and which mean nothing. */
  private nextArray(): Buffer[] | undefined {
    if (this.missing < 0) {
      const after = this.readNumber(1, 'invalid multibulk length');
      if (after < 0) return undefined;
      if (this.number > this.limits.argumentsMax) throw this.fail('invalid multibulk length');
      this.cursor = after;
      this.missing = Math.max(0, this.number);
    }
    while (this.missing > 0) if (!this.readArgument()) return undefined;
    const { buffer, start } = this.window;
    const { bounds } = this;
    const command = new Array<Buffer>(bounds.length / 2);
    for (let index = 0; index < command.length; index++) {
      command[index] = buffer.subarray(start + bounds[index * 2], start + bounds[index * 2 + 1]);
    }
    this.finish(this.cursor);
    return command;
  }

  /** Reads one `$<length>\r\n<bytes>\r\n`; false where bytes are missing. */
  private readArgument(): boolean {
    const { window } = this;
    if (this.bulk < 0) {
      if (this.cursor >= window.length) return false;
      const mark = window.buffer[window.start + this.cursor];
      if (mark !== DOLLAR) throw this.fail(`expected '$', got '${printable(mark)}'`);
      const after = this.readNumber(this.cursor + 1, 'invalid bulk length');
      if (after < 0) return false;
      if (this.number < 0 || this.number > this.limits.argumentBytesMax) throw this.fail('invalid bulk length');
      this.declaredBytes += this.number;
      if (this.declaredBytes > this.limits.commandBytesMax) throw this.fail('too big command');
      this.cursor = after;
      this.bulk = this.number;
    }
    const dataEnd = this.cursor + this.bulk;
    const at = window.start + dataEnd;
    if (dataEnd < window.length && window.buffer[at] !== CR) throw this.fail('expected CRLF after an argument');
    if (dataEnd + 1 >= window.length) return false;
    if (window.buffer[at + 1] !== LF) throw this.fail('expected CRLF after an argument');
    this.bounds.push(this.cursor, dataEnd);
    this.cursor = dataEnd + 2;
    this.bulk = -1;
    this.missing -= 1;
    return true;
  }

  /** Reads `-?digits\r\n` at an offset into `this.number`; returns the offset behind it, or -1 where bytes are missing. */
  private readNumber(offset: number, complaint: string): number {
    const { buffer, start, end } = this.window;
    let at = start + offset;
    if (at >= end) return -1;
    const negative = buffer[at] === MINUS;
    if (negative) at += 1;
    const digitsFrom = at;
    let value = 0;
    for (; at < end; at++) {
      const digit = buffer[at] - 48;
      if (digit < 0 || digit > 9) break;
      if (at - digitsFrom >= DIGITS_MAX) throw this.fail(complaint);
      value = value * 10 + digit;
    }
    if (at >= end) return -1;
    if (at === digitsFrom || buffer[at] !== CR) throw this.fail(complaint);
    if (at + 1 >= end) return -1;
    if (buffer[at + 1] !== LF) throw this.fail(complaint);
    this.number = negative ? -value : value;
    return at + 2 - start;
  }

  /** A line of words; empty for an empty line. `cursor` remembers how far the line end was searched. */
  private nextInline(): Buffer[] | undefined {
    const { window } = this;
    const found = window.indexOf(LF, this.cursor);
    const lineBytes = found < 0 ? window.length : found + 1;
    if (lineBytes > this.limits.inlineBytesMax) throw this.fail('too big inline request');
    if (found < 0) {
      this.cursor = lineBytes;
      return undefined;
    }
    const { buffer, start } = window;
    const lineEnd = start + (found > 0 && buffer[start + found - 1] === CR ? found - 1 : found);
    const words = splitInline(buffer.subarray(start, lineEnd));
    if (words === undefined) throw this.fail('unbalanced quotes in request');
    if (words.length > this.limits.argumentsMax) throw this.fail('too many words in request');
    this.finish(lineBytes);
    return words;
  }

  private finish(bytes: number): void {
    this.window.consume(bytes);
    this.cursor = 0;
    this.missing = -1;
    this.bulk = -1;
    this.declaredBytes = 0;
    this.bounds.length = 0;
  }

  private fail(complaint: string): StoreError {
    this.failure = new StoreError('KV_PROTOCOL', `Protocol error: ${complaint}`);
    this.window.consume(this.window.length);
    return this.failure;
  }
}

function printable(byte: number): string {
  return byte >= 32 && byte < 127 ? String.fromCharCode(byte) : '?';
}
