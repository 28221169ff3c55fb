/**
 * Keys and records for the tests of storage: a record carries its key, a stamp and filler, so that whoever reads one can
 * tell by itself whether all of it belongs together.
 */

import type { Store } from '../../src/actor/ports.js';
import { hashKey } from '../../src/core/key-hash.js';
import { slotOf } from '../../src/core/slot-hash.js';
import {
  copyWords,
  Flag,
  flagsOf,
  keyBytesOf,
  RECORD_HEADER_BYTES,
  Rec,
  recordBytes,
  setDot,
  Tag,
  valueBytesOf,
  valueWord,
} from '../../src/protocol/record.js';

/** A key as the hot paths carry it, padded words included. */
export interface TestKey {
  readonly text: string;
  readonly words: Int32Array<ArrayBuffer>;
  readonly hash: number;
  readonly keySlot: number;
  readonly bytes: number;
}

export function keyOf(text: string, hash?: number): TestKey {
  const bytes = Buffer.from(text);
  const words = new Int32Array((bytes.length + 3) >>> 2);
  new Uint8Array(words.buffer).set(bytes);
  return {
    text,
    words,
    hash: hash ?? hashKey(words, 0, bytes.length),
    keySlot: bytes.length | (slotOf(bytes) << 16),
    bytes: bytes.length,
  };
}

/** Writes a record of this key and value at word `at`, without a dot. */
export function fillRecord(
  words: Int32Array,
  bytes: Uint8Array,
  at: number,
  key: TestKey,
  value: Uint8Array,
  flags = 0,
): void {
  const size = recordBytes(key.bytes, value.length, false);
  words.fill(0, at, at + size / 4);
  words[at + Rec.size] = size | (flags << 24);
  words[at + Rec.keyHash] = key.hash;
  words[at + Rec.keySlot] = key.keySlot;
  words[at + Rec.valueTag] = value.length | (Tag.bytes << 24);
  copyWords(key.words, 0, words, at + Rec.key, key.words.length);
  bytes.set(value, (at + Rec.key + key.words.length) * 4);
}

/** Stages one write of the turn; returns its word index, or -1 where there is no room. */
export function stageWrite(store: Store, key: TestKey, value: Uint8Array, flags = 0): number {
  const previous = find(store, key);
  const counter = store.nextCounter;
  const at = store.reserve(recordBytes(key.bytes, value.length, false));
  if (at < 0) return -1;
  fillRecord(store.words, store.bytes, at, key, value, flags);
  setDot(store.words, at, store.replica, counter, counter);
  store.stage(at, previous);
  return at;
}

export function find(store: Store, key: TestKey): number {
  return store.find(key.words, key.hash, key.keySlot, 0);
}

/** A private copy of the value of the record at this word. */
export function valueAt(words: Int32Array, bytes: Uint8Array, at: number): Buffer {
  const start = (at + valueWord(words, at)) * 4;
  return Buffer.from(bytes.slice(start, start + valueBytesOf(words, at)));
}

export function keyTextAt(words: Int32Array, bytes: Uint8Array, at: number): string {
  const start = at * 4 + RECORD_HEADER_BYTES;
  return Buffer.from(bytes.slice(start, start + keyBytesOf(words, at))).toString();
}

/** The value of a key as text; undefined where it is absent or a tombstone. */
export function readText(store: Store, key: TestKey): string | undefined {
  const at = find(store, key);
  if (at < 0 || (flagsOf(store.words, at) & Flag.tombstone) !== 0) return undefined;
  return valueAt(store.words, store.bytes, at).toString();
}
