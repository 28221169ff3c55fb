/**
 * Messages between actors of one thread, within one turn: first in, first out. Forwarded messages stay where they are
 * (in a mailbox that is released only after the turn); new ones are written to scratch memory that the turn reuses.
 */
import type { Outbound } from '../actor/env.js';
import type { MessageView } from '../protocol/header.js';

const CHUNK_BYTES = 256 * 1024;

export class LocalQueue {
  readonly #words: Int32Array[] = [];
  readonly #bytes: Buffer[] = [];
  /** Five numbers a message: word index, tag, to, from, request. */
  readonly #entries: number[] = [];
  #taken = 0;
  #waitingBytes = 0;
  #chunkWords = new Int32Array(CHUNK_BYTES / 4);
  #chunkBytes = Buffer.from(this.#chunkWords.buffer);
  #chunkUsed = 0;

  get length(): number {
    return this.#words.length - this.#taken;
  }

  /** Bytes of all messages since the queue was last found empty: at least what still waits. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Where `truncate` returns to. */
  get mark(): number {
    return this.#words.length;
  }

  truncate(mark: number): void {
    this.#words.length = mark;
    this.#bytes.length = mark;
    this.#entries.length = mark * 5;
  }

  /** Room for a new message of `bytes`; its header is the caller's to write. */
  open(out: Outbound, bytes: number, tag: number, to: number, from: number, request: number): void {
    const words = bytes >>> 2;
    if (this.#chunkUsed + words > this.#chunkWords.length) {
      this.#chunkWords = new Int32Array(Math.max(CHUNK_BYTES / 4, words));
      this.#chunkBytes = Buffer.from(this.#chunkWords.buffer);
      this.#chunkUsed = 0;
    }
    out.words = this.#chunkWords;
    out.bytes = this.#chunkBytes;
    out.at = this.#chunkUsed;
    this.#chunkUsed += words;
    this.#waitingBytes += bytes;
    this.#push(out.words, out.bytes, out.at, tag, to, from, request);
  }

  /** Queues a message where it stands, under another header. */
  forward(message: MessageView, tag: number, to: number, from: number, request: number): void {
    this.#waitingBytes += message.size;
    this.#push(message.words, message.bytes, message.at, tag, to, from, request);
  }

  #push(words: Int32Array, bytes: Buffer, at: number, tag: number, to: number, from: number, request: number): void {
    this.#words.push(words);
    this.#bytes.push(bytes);
    this.#entries.push(at, tag, to, from, request);
  }

  /** Points `view` at the next message; false when there is none. */
  take(view: MessageView): boolean {
    const index = this.#taken;
    if (index === this.#words.length) {
      this.#waitingBytes = 0;
      return false;
    }
    this.#taken++;
    const entries = this.#entries;
    view.words = this.#words[index];
    view.bytes = this.#bytes[index];
    view.at = entries[index * 5];
    view.tag = entries[index * 5 + 1];
    view.to = entries[index * 5 + 2];
    view.from = entries[index * 5 + 3];
    view.request = entries[index * 5 + 4];
    return true;
  }

  /** The turn is over and every message was taken. */
  reset(): void {
    this.truncate(0);
    this.#taken = 0;
    this.#chunkUsed = 0;
  }
}
