/**
 * Records that hold more than one plain sibling: the dotted version vector set, written in the value area of a record.
 *
 *   word 0  vector entries        word 1  siblings
 *        2  each entry: replica low, replica high, counter low, counter high
 *        .  each sibling: value bytes | tag << 24, flags, replica (2), counter (2), clock (2), expiry (2), value padded
 *           to 4 bytes
 *
 * Decoding copies everything out of the buffer; the hot paths never come here.
 */
import { StoreError } from '../core/errors.js';
import type { Clock, Counter, ReplicaId } from '../core/ids.js';
import type { Sibling, SiblingSet } from '../core/siblings.js';
import type { VersionVector } from '../core/version-vector.js';
import { RECORD_BYTES_MAX } from './limits.js';
import {
  clockOf,
  counterOf,
  expiresAtMsOf,
  Flag,
  flagsOf,
  getNumber,
  keyBytesOf,
  putNumber,
  RECORD_HEADER_BYTES,
  Rec,
  recordBytes,
  replicaOf,
  setDot,
  sizeOf,
  slotOfRecord,
  tagOf,
  valueBytesOf,
  valueWord,
} from './record.js';

const NOTHING = new Uint8Array(0);
const ENTRY_WORDS = 4;
const SIBLING_HEADER_WORDS = 10;

/** A key as the hot paths carry it: its bytes and what was computed from them once. */
export interface KeyParts {
  readonly bytes: Uint8Array;
  readonly hash: number;
  readonly slot: number;
}

/** The record at word `at` as a sibling set; every byte is copied. @throws StoreError KV_CORRUPT */
export function decodeRecord(words: Int32Array, bytes: Uint8Array, at: number): SiblingSet {
  const flags = flagsOf(words, at);
  const start = at + valueWord(words, at);
  if ((flags & Flag.set) !== 0) return decodeSet(words, bytes, start, at);
  const dot = { replica: replicaOf(words, at), counter: counterOf(words, at) };
  const sibling: Sibling = {
    dot,
    clock: clockOf(words, at),
    expiresAtMs: expiresAtMsOf(words, at),
    tombstone: (flags & Flag.tombstone) !== 0,
    tag: tagOf(words, at),
    value: plainValue(words, bytes, at, start),
  };
  return { vector: [dot], siblings: [sibling] };
}

function plainValue(words: Int32Array, bytes: Uint8Array, at: number, start: number): Uint8Array {
  const end = start * 4 + valueBytesOf(words, at);
  if (end > at * 4 + sizeOf(words, at)) throw torn();
  return copyOf(bytes, start * 4, end);
}

function decodeSet(words: Int32Array, bytes: Uint8Array, start: number, at: number): SiblingSet {
  const end = at + sizeOf(words, at) / 4;
  if (start + 2 > end) throw torn();
  const entryCount = words[start];
  const siblingCount = words[start + 1];
  if (entryCount < 0 || siblingCount < 0 || start + 2 + entryCount * ENTRY_WORDS > end) throw torn();
  let word = start + 2;
  const vector: { replica: ReplicaId; counter: Counter }[] = [];
  for (let i = 0; i < entryCount; i++, word += ENTRY_WORDS) {
    vector.push({ replica: getNumber(words, word) as ReplicaId, counter: getNumber(words, word + 2) as Counter });
  }
  const siblings: Sibling[] = [];
  for (let i = 0; i < siblingCount; i++) {
    if (word + SIBLING_HEADER_WORDS > end) throw torn();
    const valueBytes = words[word] & 0xff_ff_ff;
    const from = (word + SIBLING_HEADER_WORDS) * 4;
    if (from + valueBytes > end * 4) throw torn();
    siblings.push({
      tag: words[word] >>> 24,
      tombstone: (words[word + 1] & Flag.tombstone) !== 0,
      dot: { replica: getNumber(words, word + 2) as ReplicaId, counter: getNumber(words, word + 4) as Counter },
      clock: getNumber(words, word + 6) as Clock,
      expiresAtMs: getNumber(words, word + 8),
      value: copyOf(bytes, from, from + valueBytes),
    });
    word += SIBLING_HEADER_WORDS + ((valueBytes + 3) >>> 2);
  }
  return { vector, siblings };
}

/** True where the set fits the plain form: one sibling whose dot is the whole vector. */
function isPlain(set: SiblingSet): boolean {
  const [entry] = set.vector;
  const [only] = set.siblings;
  return (
    set.vector.length === 1 &&
    set.siblings.length === 1 &&
    entry.replica === only.dot.replica &&
    entry.counter === only.dot.counter
  );
}

/**
 * Bytes that `encodeRecord` will write for this set.
 * @throws StoreError KV_TOO_MANY_SIBLINGS where they are more than a record may have
 */
export function encodedBytes(keyBytes: number, set: SiblingSet): number {
  const bytes = bytesFor(keyBytes, set);
  if (bytes <= RECORD_BYTES_MAX) return bytes;
  throw new StoreError('KV_TOO_MANY_SIBLINGS', `a record of ${bytes} bytes exceeds ${RECORD_BYTES_MAX}`);
}

/** Whether one record can hold the set: what many replicas took apart may be more. */
export const fitsRecord = (keyBytes: number, set: SiblingSet): boolean => bytesFor(keyBytes, set) <= RECORD_BYTES_MAX;

function bytesFor(keyBytes: number, set: SiblingSet): number {
  const [only] = set.siblings;
  if (isPlain(set)) return recordBytes(keyBytes, only.value.length, only.expiresAtMs !== 0);
  return recordBytes(keyBytes, setBytes(set), false);
}

function setBytes(set: SiblingSet): number {
  let words = 2 + set.vector.length * ENTRY_WORDS;
  for (const sibling of set.siblings) words += SIBLING_HEADER_WORDS + ((sibling.value.length + 3) >>> 2);
  return words * 4;
}

/** Writes the set as a record at word `at`; the place must hold `encodedBytes`. Returns the bytes written. */
export function encodeRecord(words: Int32Array, bytes: Uint8Array, at: number, key: KeyParts, set: SiblingSet): number {
  const plain = isPlain(set);
  const total = encodedBytes(key.bytes.length, set);
  const newest = set.siblings[0];
  words.fill(0, at, at + total / 4);
  words[at + Rec.keyHash] = key.hash;
  words[at + Rec.keySlot] = key.bytes.length | (key.slot << 16);
  bytes.set(key.bytes, at * 4 + RECORD_HEADER_BYTES);
  if (newest !== undefined) setDot(words, at, newest.dot.replica, newest.dot.counter, newest.clock);
  if (plain) {
    const flags = (newest.tombstone ? Flag.tombstone : 0) | (newest.expiresAtMs !== 0 ? Flag.expires : 0);
    words[at + Rec.size] = total | (flags << 24);
    words[at + Rec.valueTag] = newest.value.length | (newest.tag << 24);
    const start = at + valueWord(words, at);
    if (newest.expiresAtMs !== 0) putNumber(words, start - 2, newest.expiresAtMs);
    bytes.set(newest.value, start * 4);
    return total;
  }
  words[at + Rec.size] = total | (Flag.set << 24);
  words[at + Rec.valueTag] = setBytes(set);
  encodeSet(words, bytes, at + valueWord(words, at), set);
  return total;
}

function encodeSet(words: Int32Array, bytes: Uint8Array, start: number, set: SiblingSet): void {
  words[start] = set.vector.length;
  words[start + 1] = set.siblings.length;
  let word = start + 2;
  for (const entry of set.vector) {
    putNumber(words, word, entry.replica);
    putNumber(words, word + 2, entry.counter);
    word += ENTRY_WORDS;
  }
  for (const sibling of set.siblings) {
    words[word] = sibling.value.length | (sibling.tag << 24);
    words[word + 1] = sibling.tombstone ? Flag.tombstone : 0;
    putNumber(words, word + 2, sibling.dot.replica);
    putNumber(words, word + 4, sibling.dot.counter);
    putNumber(words, word + 6, sibling.clock);
    putNumber(words, word + 8, sibling.expiresAtMs);
    bytes.set(sibling.value, (word + SIBLING_HEADER_WORDS) * 4);
    word += SIBLING_HEADER_WORDS + ((sibling.value.length + 3) >>> 2);
  }
}

/** The set without its values: what it tells of is all there. */
export function withoutValues(set: SiblingSet): SiblingSet {
  return { vector: set.vector, siblings: set.siblings.map((sibling) => ({ ...sibling, value: NOTHING })) };
}

/** The key of the record at word `at`, copied. */
export function keyParts(words: Int32Array, bytes: Uint8Array, at: number): KeyParts {
  const start = at * 4 + RECORD_HEADER_BYTES;
  return {
    bytes: copyOf(bytes, start, start + keyBytesOf(words, at)),
    hash: words[at + Rec.keyHash],
    slot: slotOfRecord(words, at),
  };
}

/** Appends a version vector (a context) as words: count, reserved, entries. Returns the words written. */
export function encodeVector(words: Int32Array, at: number, vector: VersionVector): number {
  words[at] = vector.length;
  words[at + 1] = 0;
  let word = at + 2;
  for (const entry of vector) {
    putNumber(words, word, entry.replica);
    putNumber(words, word + 2, entry.counter);
    word += ENTRY_WORDS;
  }
  return word - at;
}

export const vectorWords = (vector: VersionVector): number => 2 + vector.length * ENTRY_WORDS;

export function decodeVector(words: Int32Array, at: number, end: number): VersionVector {
  if (at + 2 > end) throw torn();
  const count = words[at];
  if (count < 0 || at + 2 + count * ENTRY_WORDS > end) throw torn();
  const vector: { replica: ReplicaId; counter: Counter }[] = [];
  for (let i = 0, word = at + 2; i < count; i++, word += ENTRY_WORDS) {
    vector.push({ replica: getNumber(words, word) as ReplicaId, counter: getNumber(words, word + 2) as Counter });
  }
  return vector;
}

function torn(): StoreError {
  return new StoreError('KV_CORRUPT', 'a record’s inner lengths do not fit its size');
}

/** A private copy: `slice` of a Buffer would be a view that the mailbox or the arena overwrites. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end);
}
