/**
 * Messages between actors of one thread, within one turn: first in, first out. Forwarded messages stay where they are
 * (in a mailbox that is released only after the turn); new ones are written to scratch memory that the turn reuses.
 *
 *   entry   source, word index, tag, to, from, request: six words; its source is the memory that the message stands in
 */
import type { Outbound } from '../actor/env.js';
import type { MessageView } from '../protocol/header.js';

const CHUNK_BYTES = 256 * 1024;
const ENTRY_WORDS = 6;
const ENTRIES_FIRST = 256;

interface Source {
  readonly words: Int32Array;
  readonly bytes: Buffer;
}

export class LocalQueue {
  #entries = new Int32Array(ENTRIES_FIRST * ENTRY_WORDS);
  #count = 0;
  #taken = 0;
  #waitingBytes = 0;
  /** Memories that messages of this turn stand in; usually the scratch and the mailbox being drained. */
  #sources: Source[] = [];
  #source = -1;
  #sourceWords: Int32Array | undefined;
  #chunkWords = new Int32Array(CHUNK_BYTES / 4);
  #chunkBytes = Buffer.from(this.#chunkWords.buffer);
  #chunkUsed = 0;

  get length(): number {
    return this.#count - this.#taken;
  }

  /** Bytes of all messages since the queue was last found empty: at least what still waits. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Where `truncate` returns to. */
  get mark(): number {
    return this.#count;
  }

  truncate(mark: number): void {
    this.#count = mark;
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
    if (words !== this.#sourceWords) this.#chooseSource(words, bytes);
    let entry = this.#count * ENTRY_WORDS;
    if (entry === this.#entries.length) this.#grow();
    const entries = this.#entries;
    entries[entry++] = this.#source;
    entries[entry++] = at;
    entries[entry++] = tag;
    entries[entry++] = to;
    entries[entry++] = from;
    entries[entry] = request;
    this.#count++;
  }

  #chooseSource(words: Int32Array, bytes: Buffer): void {
    let source = 0;
    while (source < this.#sources.length && this.#sources[source].words !== words) source++;
    if (source === this.#sources.length) this.#sources.push({ words, bytes });
    this.#source = source;
    this.#sourceWords = words;
  }

  #grow(): void {
    const grown = new Int32Array(this.#entries.length * 2);
    grown.set(this.#entries);
    this.#entries = grown;
  }

  /** Points `view` at the next message; false when there is none. */
  take(view: MessageView): boolean {
    if (this.#taken === this.#count) {
      this.#waitingBytes = 0;
      return false;
    }
    const entries = this.#entries;
    const entry = this.#taken++ * ENTRY_WORDS;
    const source = this.#sources[entries[entry]];
    view.words = source.words;
    view.bytes = source.bytes;
    view.at = entries[entry + 1];
    view.tag = entries[entry + 2];
    view.to = entries[entry + 3];
    view.from = entries[entry + 4];
    view.request = entries[entry + 5];
    return true;
  }

  /** The turn is over and every message was taken. */
  reset(): void {
    this.#count = 0;
    this.#taken = 0;
    this.#chunkUsed = 0;
    if (this.#sources.length === 0) return;
    this.#sources = [];
    this.#sourceWords = undefined;
  }
}
