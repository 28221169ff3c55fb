/**
 * The digest of a record, computed where it stands: key, vector, and each sibling's dot, clock and expiry; never a value's
 * bytes, nor whether it is a tombstone, so that an expired value may become one without a difference between replicas.
 *
 * Two 32-bit lanes with multiplications (as in MurmurHash3) that cross at every word. The key comes first, so that one
 * pass over it serves the key's own digest, which says in which leaf the record belongs, and both versions of the record.
 */
import type { Entry } from '../core/exchange.js';
import type { HashTree } from '../core/hash-tree.js';
import { counterOf, Flag, flagsOf, keyBytesOf, RECORD_HEADER_BYTES, Rec, replicaOf, valueWord } from './record.js';

const ENTRY_WORDS = 4;
const SIBLING_HEADER_WORDS = 10;
const PLAIN = 1;
const SET = 2;

/** Computes digests one after the other; the results stand in its fields, so that nothing is allocated. */
export class RecordDigester {
  /** Digest of the key. */
  keyHigh = 0;
  keyLow = 0;
  /** Digest of the record; both 0 for no record. */
  high = 0;
  low = 0;
  #keyA = 0;
  #keyB = 0;
  #a = 0;
  #b = 0;

  /** Takes the key of the record at this word; `record` is about that key until the next call. Tens of nanoseconds. */
  key(words: Int32Array, at: number): void {
    const keyBytes = keyBytesOf(words, at);
    this.#a = 0x243f6a88;
    this.#b = 0x85a308d3 | 0;
    this.#mix(keyBytes);
    const end = at + Rec.key + ((keyBytes + 3) >>> 2);
    for (let word = at + Rec.key; word < end - 1; word++) this.#mix(words[word]);
    // the padding behind the key may be anything
    if (keyBytes > 0) this.#mix(words[end - 1] & (0xffff_ffff >>> (8 * (-keyBytes & 3))));
    this.#keyA = this.#a;
    this.#keyB = this.#b;
    this.keyHigh = avalanche(this.#a ^ Math.imul(this.#b, 0x9e3779b1));
    this.keyLow = avalanche(this.#b ^ Math.imul(this.keyHigh, 0x85ebca77));
  }

  /** Takes a record of that key: the one at this word, or none for a negative one. */
  record(words: Int32Array, at: number): void {
    if (at < 0 || (flagsOf(words, at) & Flag.forgotten) !== 0) {
      this.high = 0;
      this.low = 0;
      return;
    }
    this.#a = this.#keyA;
    this.#b = this.#keyB;
    if ((flagsOf(words, at) & Flag.set) === 0) this.#plain(words, at);
    else this.#set(words, at + valueWord(words, at));
    this.high = avalanche(this.#a ^ Math.imul(this.#b, 0x9e3779b1));
    this.low = avalanche(this.#b ^ Math.imul(this.high, 0x85ebca77));
  }

  /** Takes one version of a key out of a tree and puts another in; a negative word stands for none. */
  replace(tree: HashTree, before: Int32Array, from: number, after: Int32Array, to: number): void {
    if (from >= 0) this.key(before, from);
    else this.key(after, to);
    this.record(before, from);
    const { high, low } = this;
    this.record(after, to);
    tree.toggle(this.keyHigh, high ^ this.high, low ^ this.low);
    tree.records += Number((this.high | this.low) !== 0) - Number((high | low) !== 0);
  }

  /** The record at this word as an entry of a list; its key is copied. */
  entry(words: Int32Array, at: number): Entry {
    this.key(words, at);
    this.record(words, at);
    const isPlain = (flagsOf(words, at) & Flag.set) === 0;
    return {
      key: keyAt(words, at),
      high: this.high,
      low: this.low,
      replica: isPlain ? replicaOf(words, at) : 0,
      counter: isPlain ? counterOf(words, at) : 0,
    };
  }

  #plain(words: Int32Array, at: number): void {
    this.#mix(PLAIN);
    this.#mix(words[at + Rec.replicaLow]);
    this.#mix(words[at + Rec.counterLow]);
    this.#mix(words[at + Rec.highs]);
    this.#mix(words[at + Rec.clockLow]);
    this.#mix(words[at + Rec.clockHigh]);
    if ((flagsOf(words, at) & Flag.expires) === 0) return;
    const expiry = at + Rec.key + ((keyBytesOf(words, at) + 3) >>> 2);
    this.#mix(words[expiry]);
    this.#mix(words[expiry + 1]);
  }

  /** Vector entries, then each sibling's words behind its length and flags (record-set.ts). */
  #set(words: Int32Array, start: number): void {
    this.#mix(SET);
    let word = start;
    const vectorEnd = start + 2 + words[start] * ENTRY_WORDS;
    while (word < vectorEnd) this.#mix(words[word++]);
    for (let left = words[start + 1]; left > 0; left--) {
      const valueBytes = words[word] & 0xff_ff_ff;
      for (let i = 2; i < SIBLING_HEADER_WORDS; i++) this.#mix(words[word + i]);
      word += SIBLING_HEADER_WORDS + ((valueBytes + 3) >>> 2);
    }
  }

  #mix(word: number): void {
    const a = Math.imul(this.#a ^ Math.imul(word, 0xcc9e2d51), 0x1b873593);
    const b = Math.imul(this.#b ^ Math.imul(word ^ 0x9e3779b9, 0x85ebca6b), 0xc2b2ae35);
    this.#a = (((a << 13) | (a >>> 19)) + 0xe6546b64 + b) | 0;
    this.#b = (((b << 17) | (b >>> 15)) + 0x38495ab5 + a) | 0;
  }
}

/** A copy of the key of the record at this word. */
export function keyAt(words: Int32Array, at: number): Uint8Array {
  const start = words.byteOffset + at * 4 + RECORD_HEADER_BYTES;
  return new Uint8Array(words.buffer, start, keyBytesOf(words, at)).slice();
}

function avalanche(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
