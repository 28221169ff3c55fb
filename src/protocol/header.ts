/**
 * The header of every message, and the view through which handlers read messages in place.
 *
 *   word 0  total bytes (24 bits, multiple of 8) | tag (8 bits)
 *        1  destination address        2  sender's address
 *        3  request id of the call that this is, or answers
 */

export const HEADER_WORDS = 4;

export const enum Head {
  size = 0,
  to = 1,
  from = 2,
  request = 3,
}

/**
 * A message where it stands: in a mailbox, or in a turn's local queue. The runtime owns one view and points it at each
 * message in turn; it is valid until the handler returns, so whatever a handler keeps, it copies.
 */
export class MessageView {
  words: Int32Array = new Int32Array(0);
  bytes: Buffer = Buffer.alloc(0);
  /** Word index of the message's header in `words`. */
  at = 0;
  tag = 0;
  to = 0;
  from = 0;
  request = 0;

  /** Points at a message whose header stands at `at`. */
  point(words: Int32Array, bytes: Buffer, at: number): void {
    this.words = words;
    this.bytes = bytes;
    this.at = at;
    this.tag = words[at + Head.size] >>> 24;
    this.to = words[at + Head.to];
    this.from = words[at + Head.from];
    this.request = words[at + Head.request];
  }

  /** Whole message in bytes. */
  get size(): number {
    return this.words[this.at + Head.size] & 0xff_ff_ff;
  }

  /** The word at this offset from the message's start, unsigned. */
  u32(offset: number): number {
    return this.words[this.at + offset] >>> 0;
  }

  /** Word index just behind the message. */
  get end(): number {
    return this.at + this.size / 4;
  }
}

/** Writes a message's header. `bytes` is the total, a multiple of 8. */
export function putHeader(
  words: Int32Array,
  at: number,
  tag: number,
  bytes: number,
  to: number,
  from: number,
  request: number,
): void {
  words[at + Head.size] = bytes | (tag << 24);
  words[at + Head.to] = to;
  words[at + Head.from] = from;
  words[at + Head.request] = request;
}
