/**
 * The keys of the writes that a coordinator has under way, for the hints that it may owe at their end. A ring of words:
 * the newest keys overwrite the oldest, and a write whose key is gone is worth a note instead.
 *
 *   an entry, as in a record:  hash | key bytes (16), slot (16) | padded key
 */
import { copyWords, Rec } from '../src/protocol/record.js';

export class KeyRing {
  readonly words: Int32Array;
  /** Words ever written, those skipped at the end of the ring included. */
  #written = 0;

  constructor(words: number) {
    this.words = new Int32Array(words);
  }

  /** Keeps the key of the record at `words[at]`; returns what `find` takes. */
  put(words: Int32Array, at: number): number {
    const size = this.words.length;
    const keyWords = ((words[at + Rec.keySlot] & 0xffff) + 3) >>> 2;
    const need = 2 + keyWords;
    const offset = this.#written % size;
    if (offset + need > size) this.#written += size - offset;
    const entry = this.#written;
    const start = entry % size;
    this.words[start] = words[at + Rec.keyHash];
    this.words[start + 1] = words[at + Rec.keySlot];
    copyWords(words, at + Rec.key, this.words, start + 2, keyWords);
    this.#written += need;
    return entry;
  }

  /** Word index of an entry; -1 where it was overwritten. */
  find(entry: number): number {
    return this.#written - entry > this.words.length ? -1 : entry % this.words.length;
  }
}
