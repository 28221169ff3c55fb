/**
 * What a thread sends to one other thread: its mailbox, and behind it a bounded outbox for the time that the mailbox is
 * full. Order is kept: while anything waits in the outbox, what follows waits behind it. A message that is larger than the
 * mailbox takes at once waits there too, and leaves in pieces.
 */
import type { Outbound } from '../actor/env.js';
import { MESSAGE_BYTES_MAX, OUTBOX_BYTES_MAX } from '../protocol/limits.js';
import { copyWords } from '../protocol/record.js';
import { MailboxWriter } from './mailbox.js';
import { PieceWriter } from './pieces.js';

export class Outgoing {
  /** Handler that wrote here last; see beginHandler. */
  #handler = 0;
  #waitingMark = 0;
  #waitingBytes = 0;
  #waiting: Int32Array[] = [];
  readonly #writer: MailboxWriter;
  readonly #pieces: PieceWriter;

  constructor(memory: SharedArrayBuffer) {
    this.#writer = new MailboxWriter(memory);
    this.#pieces = new PieceWriter(this.#writer);
  }

  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /**
   * Points `out` at room for a message of `bytes`, on behalf of handler number `handler`. False: it is refused. A reply is
   * not, for want of room: who asked has bounded how many replies there can be. One message may be larger than the outbox.
   */
  open(out: Outbound, bytes: number, handler: number, isReply = false): boolean {
    const writer = this.#writer;
    if (handler !== this.#handler) {
      this.#handler = handler;
      writer.mark();
      this.#waitingMark = this.#waiting.length;
    }
    if (bytes > MESSAGE_BYTES_MAX) {
      writer.countRefusal();
      return false;
    }
    const isWhole = bytes <= writer.messageBytesMax;
    const at = isWhole && this.#waiting.length === 0 ? writer.reserve(bytes) : -1;
    if (at >= 0) {
      out.words = writer.words;
      out.bytes = writer.bytes;
      out.at = at;
      return true;
    }
    if (!isReply && this.#waitingBytes > 0 && this.#waitingBytes + bytes > OUTBOX_BYTES_MAX) {
      writer.countRefusal();
      return false;
    }
    out.words = new Int32Array(bytes >>> 2);
    out.bytes = Buffer.from(out.words.buffer);
    out.at = 0;
    this.#waiting.push(out.words);
    this.#waitingBytes += bytes;
    return true;
  }

  /** The message opened last turned out smaller; its header already says so. */
  shrink(bytes: number): void {
    const last = this.#waiting.at(-1);
    if (last === undefined) {
      this.#writer.shrink(bytes);
      return;
    }
    this.#waitingBytes -= last.length * 4 - bytes;
    this.#waiting[this.#waiting.length - 1] = last.subarray(0, bytes >>> 2);
  }

  /** Takes back what this handler has opened. */
  undo(handler: number): void {
    if (handler !== this.#handler) return;
    this.#writer.rollback();
    for (const words of this.#waiting.splice(this.#waitingMark)) this.#waitingBytes -= words.length * 4;
  }

  /** Sends everything opened so far, as far as it fits. Returns whether the other thread has something new. */
  publish(): boolean {
    if (this.#waiting.length > 0) this.#drain();
    return this.#writer.publish();
  }

  #drain(): void {
    let sent = 0;
    for (const words of this.#waiting) {
      if (!this.#send(words)) break;
      this.#waitingBytes -= words.length * 4;
      sent++;
    }
    this.#waiting.splice(0, sent);
  }

  /** Moves a message into the mailbox; false where it, or a part of it, has to wait on. */
  #send(message: Int32Array): boolean {
    const writer = this.#writer;
    if (message.length * 4 > writer.messageBytesMax) return this.#pieces.send(message);
    const at = writer.reserve(message.length * 4);
    if (at >= 0) copyWords(message, 0, writer.words, at, message.length);
    return at >= 0;
  }
}
