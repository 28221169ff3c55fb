/**
 * The digest of a record, computed where it stands: key, vector, and each sibling's dot, clock and expiry; never a value's
 * bytes, nor whether it is a tombstone, so that an expired value may become one without a difference between replicas.
 *
 * A dot is minted for one key, so the key's 32-bit hash and the dots name the record; the key's bytes need not be read.
 * Two 32-bit lanes, each word rotated and multiplied in, the second lane crossed with the first.
 */
import type { Entry } from '../core/exchange.js';
import type { HashTree } from '../core/hash-tree.js';
import { counterOf, Flag, flagsOf, keyBytesOf, RECORD_HEADER_BYTES, Rec, replicaOf, valueWord } from './record.js';

const ENTRY_WORDS = 4;
const SIBLING_HEADER_WORDS = 10;
const PLAIN = 1;
const EXPIRING = 2;
const SET = 3;

/** Computes digests one after the other; the results stand in its fields, so that nothing is allocated. */
export class RecordDigester {
  /** Digest of the record; both 0 for no record. */
  high = 0;
  low = 0;
  #a = 0;
  #b = 0;

  /** Takes the record at this word, or none for a negative one. About 30 ns for a plain one. */
  record(words: Int32Array, at: number): void {
    const flags = at < 0 ? Flag.forgotten : words[at + Rec.size] >>> 24;
    if ((flags & Flag.forgotten) !== 0) {
      this.high = 0;
      this.low = 0;
      return;
    }
    const hash = words[at + Rec.keyHash];
    if ((flags & (Flag.set | Flag.expires)) === 0) this.#plain(words, at, hash);
    else this.#general(words, at, hash, (flags & Flag.set) !== 0);
  }

  /** Takes one version of a key out of a tree and puts another in; a negative word stands for none. */
  replace(tree: HashTree, before: Int32Array, from: number, after: Int32Array, to: number): void {
    const hash = from >= 0 ? before[from + Rec.keyHash] : after[to + Rec.keyHash];
    this.record(before, from);
    const { high, low } = this;
    this.record(after, to);
    tree.toggle(spread(hash), high ^ this.high, low ^ this.low);
    tree.records += Number((this.high | this.low) !== 0) - Number((high | low) !== 0);
  }

  /** The record at this word as an entry of a list; its key is copied. */
  entry(words: Int32Array, at: number): Entry {
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

  #plain(words: Int32Array, at: number, hash: number): void {
    let a = hash ^ PLAIN;
    let b = spread(hash);
    for (let i = at + Rec.replicaLow; i <= at + Rec.clockHigh; i++) {
      a = Math.imul(((a << 5) | (a >>> 27)) ^ words[i], 0x9e3779b1);
      b = Math.imul(((b << 13) | (b >>> 19)) ^ (words[i] + a), 0x85ebca6b);
    }
    this.#finish(a, b);
  }

  #general(words: Int32Array, at: number, hash: number, isSet: boolean): void {
    this.#a = hash ^ (isSet ? SET : EXPIRING);
    this.#b = spread(hash);
    const start = at + valueWord(words, at);
    if (isSet) this.#set(words, start);
    else {
      this.#mix(words, at + Rec.replicaLow, at + Rec.clockHigh + 1);
      this.#mix(words, start - 2, start);
    }
    this.#finish(this.#a, this.#b);
  }

  /** Vector entries, then each sibling's words behind its length and flags (record-set.ts). */
  #set(words: Int32Array, start: number): void {
    let word = start + 2 + words[start] * ENTRY_WORDS;
    this.#mix(words, start, word);
    for (let left = words[start + 1]; left > 0; left--) {
      const valueBytes = words[word] & 0xff_ff_ff;
      this.#mix(words, word + 2, word + SIBLING_HEADER_WORDS);
      word += SIBLING_HEADER_WORDS + ((valueBytes + 3) >>> 2);
    }
  }

  #mix(words: Int32Array, from: number, to: number): void {
    let a = this.#a;
    let b = this.#b;
    for (let i = from; i < to; i++) {
      a = Math.imul(((a << 5) | (a >>> 27)) ^ words[i], 0x9e3779b1);
      b = Math.imul(((b << 13) | (b >>> 19)) ^ (words[i] + a), 0x85ebca6b);
    }
    this.#a = a;
    this.#b = b;
  }

  #finish(a: number, b: number): void {
    this.high = avalanche(a ^ Math.imul(b, 0x9e3779b1));
    this.low = avalanche(b ^ Math.imul(this.high, 0x85ebca77));
  }
}

/** What says which leaf the record at this word belongs to: its key's hash, spread over the upper bits. */
export const keyHigh = (words: Int32Array, at: number): number => spread(words[at + Rec.keyHash]);

const spread = (hash: number): number => Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);

/** The bytes of the key of the record at this word, where they stand. */
export const keyView = (words: Int32Array, at: number): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset + at * 4 + RECORD_HEADER_BYTES, keyBytesOf(words, at));

/** A copy of the key of the record at this word. */
export const keyAt = (words: Int32Array, at: number): Uint8Array => keyView(words, at).slice();

function avalanche(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
