/**
 * An incremental parser of RESP2 replies, for kvorum's own client: status, error, integer, bulk string, array, null.
 *
 * Nested arrays are kept on a stack of those that are open, so that a chunk boundary may fall anywhere and no byte is
 * parsed twice but those of one unfinished line or header.
 */
import { StoreError } from '../core/errors.js';
import { ByteWindow } from './byte-window.js';

/** What a server may answer. A status and an integer keep their types; a bulk string is a Buffer. */
export type RespValue = string | number | Buffer | null | RespReplyError | RespValue[];

/** An error reply: `code` is its first word (`ERR`, `KV_OVERLOADED`), `message` the rest. */
export class RespReplyError extends Error {
  override readonly name = 'RespReplyError';

  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** The bounds of one reply. */
export interface ReplyLimits {
  /** Most bytes of a bulk string. */
  readonly bulkBytesMax: number;
  /** Most elements of an array. */
  readonly elementsMax: number;
}

export const REPLY_LIMITS: ReplyLimits = { bulkBytesMax: 64 * 1024 * 1024, elementsMax: 1_048_576 };
/** Most bytes of a line: a status, an error, a header. */
const LINE_BYTES_MAX = 65_536;
const DEPTH_MAX = 8;
const LF = 10;

interface OpenArray {
  readonly elements: RespValue[];
  missing: number;
}

export class RespReplyParser {
  private readonly window = new ByteWindow();
  private readonly open: OpenArray[] = [];
  /** Offset from the window's start up to which no line end was found. */
  private searched = 0;
  /** Bytes of the bulk string whose header was read, or -1. */
  private bulk = -1;

  constructor(private readonly limits: ReplyLimits = REPLY_LIMITS) {}

  push(chunk: Buffer): void {
    if (chunk.length > 0) this.window.append(chunk);
  }

  /** The next whole reply, or undefined until more bytes come. @throws StoreError KV_PROTOCOL; close the connection then */
  next(): RespValue | undefined {
    for (;;) {
      const item = this.bulk >= 0 ? this.readBulk() : this.readItem();
      if (item === undefined) return undefined;
      const whole = this.place(item);
      if (whole !== undefined) return whole;
    }
  }

  /** Puts a finished item into the innermost open array; the outermost value once that is complete. */
  private place(item: RespValue | OpenArray): RespValue | undefined {
    let value: RespValue;
    if (isOpen(item)) {
      if (item.missing > 0) {
        if (this.open.length >= DEPTH_MAX) throw broken('arrays are nested too deeply');
        this.open.push(item);
        return undefined;
      }
      value = item.elements;
    } else value = item;
    for (;;) {
      const parent = this.open.at(-1);
      if (parent === undefined) return value;
      parent.elements.push(value);
      parent.missing -= 1;
      if (parent.missing > 0) return undefined;
      this.open.pop();
      value = parent.elements;
    }
  }

  private readBulk(): Buffer | undefined {
    const { window, bulk } = this;
    if (window.length < bulk + 2) return undefined;
    const bytes = window.buffer.subarray(window.start, window.start + bulk);
    window.consume(bulk + 2);
    this.bulk = -1;
    return bytes;
  }

  /** One line: a value, a header of a bulk string (then the string), or the start of an array. */
  private readItem(): RespValue | OpenArray | undefined {
    const line = this.readLine();
    if (line === undefined) return undefined;
    const rest = line.slice(1);
    switch (line[0]) {
      case '+':
        return rest;
      case '-':
        return errorOf(rest);
      case ':':
        return numberOf(rest);
      case '$': {
        const bytes = numberOf(rest);
        if (bytes === -1) return null;
        if (bytes < 0 || bytes > this.limits.bulkBytesMax) throw broken('a bulk string is too long');
        this.bulk = bytes;
        return this.readBulk();
      }
      case '*': {
        const count = numberOf(rest);
        if (count === -1) return null;
        if (count < 0 || count > this.limits.elementsMax) throw broken('an array is too long');
        return { elements: [], missing: count };
      }
      default:
        throw broken('a reply starts with an unknown mark');
    }
  }

  private readLine(): string | undefined {
    const { window } = this;
    const found = window.indexOf(LF, this.searched);
    const lineBytes = found < 0 ? window.length : found;
    if (lineBytes > LINE_BYTES_MAX) throw broken('a line is too long');
    if (found < 0) {
      this.searched = lineBytes;
      return undefined;
    }
    const line = window.buffer.toString('utf8', window.start, window.start + Math.max(0, found - 1));
    this.window.consume(lineBytes + 1);
    this.searched = 0;
    return line;
  }
}

function isOpen(item: RespValue | OpenArray): item is OpenArray {
  return typeof item === 'object' && item !== null && 'missing' in item;
}

function errorOf(text: string): RespReplyError {
  const blank = text.indexOf(' ');
  return blank < 0 ? new RespReplyError(text, text) : new RespReplyError(text.slice(0, blank), text.slice(blank + 1));
}

function numberOf(text: string): number {
  const value = Number(text);
  if (!/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw broken('a number is malformed');
  return value;
}

function broken(what: string): StoreError {
  return new StoreError('KV_PROTOCOL', `the server broke the protocol: ${what}`);
}
