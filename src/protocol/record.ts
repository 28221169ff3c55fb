/**
 * The one layout of a record: the same bytes in a mailbox, in the commit log, in the hot table and on disk.
 *
 *   word 0  total bytes (24 bits, multiple of 8) | flags (8 bits)
 *        1  hash of the key, for the hot table
 *        2  key bytes (16) | slot (16)
 *        3  value bytes (24) | value tag (8)
 *        4  position of the version that this one supersedes (hot table only, noise elsewhere)
 *        5  replica, low 32 bits           6  counter, low 32 bits
 *        7  replica, high 16 | counter, high 16 bits
 *        8  clock, low 32 bits             9  clock, high 21 bits
 *       10  key, padded to 4; expiry as two words if EXPIRES; value; padded to 8 in all
 *
 * A *plain* record is one sibling whose dot is its whole version vector. Anything else carries SET, and its value area
 * holds the vector and the siblings (record-set.ts); its dot and clock are those of the newest sibling.
 */
import { assert } from '../core/errors.js';
import type { Clock, Counter, ReplicaId } from '../core/ids.js';

/** Word offsets from the start of a record. */
export const enum Rec {
  size = 0,
  keyHash = 1,
  keySlot = 2,
  valueTag = 3,
  previous = 4,
  replicaLow = 5,
  counterLow = 6,
  highs = 7,
  clockLow = 8,
  clockHigh = 9,
  key = 10,
}

/** Flags in the high byte of word 0. BLOCK and PAD mark what is no record at all (log blocks, fillers). */
export const enum Flag {
  tombstone = 0x01,
  expires = 0x02,
  set = 0x04,
  /** This node forgot the key, leaving nothing for others; stands with `tombstone` until the base table forgot it too. */
  forgotten = 0x10,
  block = 0x40,
  pad = 0x80,
}

/** How a value's bytes are read back. Append-only. */
export const enum Tag {
  bytes = 1,
  /** UTF-8 that is all ASCII, so that it decodes as Latin-1, faster. */
  ascii = 2,
  utf8 = 3,
  cbor = 4,
}

export const RECORD_HEADER_BYTES = 40;
const TWO_32 = 0x1_0000_0000;

export const sizeOf = (words: Int32Array, at: number): number => words[at + Rec.size] & 0xff_ff_ff;
export const flagsOf = (words: Int32Array, at: number): number => words[at + Rec.size] >>> 24;
/** Whether the record only says that this node forgot the key. */
export const isForgotten = (words: Int32Array, at: number): boolean =>
  ((words[at + Rec.size] >>> 24) & Flag.forgotten) !== 0;
export const keyBytesOf = (words: Int32Array, at: number): number => words[at + Rec.keySlot] & 0xffff;
export const slotOfRecord = (words: Int32Array, at: number): number => words[at + Rec.keySlot] >>> 16;
export const valueBytesOf = (words: Int32Array, at: number): number => words[at + Rec.valueTag] & 0xff_ff_ff;
export const tagOf = (words: Int32Array, at: number): number => words[at + Rec.valueTag] >>> 24;

/** Word offset of the value area from the record's start. */
export function valueWord(words: Int32Array, at: number): number {
  const keyWords = (keyBytesOf(words, at) + 3) >>> 2;
  return Rec.key + keyWords + ((words[at] >>> 24) & Flag.expires ? 2 : 0);
}

/** Siblings of the record at this word: one where it is plain. */
export function siblingCount(words: Int32Array, at: number): number {
  return ((words[at] >>> 24) & Flag.set) === 0 ? 1 : words[at + valueWord(words, at) + 1];
}

/** Bytes of a whole record, a multiple of 8. */
export function recordBytes(keyBytes: number, valueBytes: number, expires: boolean): number {
  return (RECORD_HEADER_BYTES + ((keyBytes + 3) & ~3) + (expires ? 8 : 0) + valueBytes + 7) & ~7;
}

export function replicaOf(words: Int32Array, at: number): ReplicaId {
  return ((words[at + Rec.highs] & 0xffff) * TWO_32 + (words[at + Rec.replicaLow] >>> 0)) as ReplicaId;
}

export function counterOf(words: Int32Array, at: number): Counter {
  return ((words[at + Rec.highs] >>> 16) * TWO_32 + (words[at + Rec.counterLow] >>> 0)) as Counter;
}

export function clockOf(words: Int32Array, at: number): Clock {
  return (words[at + Rec.clockHigh] * TWO_32 + (words[at + Rec.clockLow] >>> 0)) as Clock;
}

/** Milliseconds since 1970, or 0 where the record does not expire. */
export function expiresAtMsOf(words: Int32Array, at: number): number {
  if (((words[at] >>> 24) & Flag.expires) === 0) return 0;
  const word = at + Rec.key + ((keyBytesOf(words, at) + 3) >>> 2);
  return getNumber(words, word);
}

/** Writes the dot and the clock of a record in place. */
export function setDot(words: Int32Array, at: number, replica: number, counter: number, clock: number): void {
  words[at + Rec.replicaLow] = replica;
  words[at + Rec.counterLow] = counter;
  words[at + Rec.highs] = Math.floor(replica / TWO_32) | (Math.floor(counter / TWO_32) << 16);
  words[at + Rec.clockLow] = clock;
  words[at + Rec.clockHigh] = Math.floor(clock / TWO_32);
}

/** True where both records carry the same replica and counter in their headers. */
export function sameDot(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  return (
    a[at + Rec.counterLow] === b[bt + Rec.counterLow] &&
    a[at + Rec.replicaLow] === b[bt + Rec.replicaLow] &&
    a[at + Rec.highs] === b[bt + Rec.highs]
  );
}

/** True where both records hold the same key: hash, length, slot, then the padded words. */
export function sameKey(a: Int32Array, at: number, b: Int32Array, bt: number): boolean {
  if (a[at + Rec.keyHash] !== b[bt + Rec.keyHash] || a[at + Rec.keySlot] !== b[bt + Rec.keySlot]) return false;
  const end = at + Rec.key + (((a[at + Rec.keySlot] & 0xffff) + 3) >>> 2);
  for (let i = at + Rec.key, j = bt + Rec.key; i < end; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}

/** Copies `count` words between any two views; small records by a loop, which beats `set` below about 512 bytes. */
export function copyWords(from: Int32Array, at: number, to: Int32Array, start: number, count: number): void {
  if (count > 128) {
    to.set(from.subarray(at, at + count), start);
    return;
  }
  let i = 0;
  for (; i + 4 <= count; i += 4) {
    to[start + i] = from[at + i];
    to[start + i + 1] = from[at + i + 1];
    to[start + i + 2] = from[at + i + 2];
    to[start + i + 3] = from[at + i + 3];
  }
  for (; i < count; i++) to[start + i] = from[at + i];
}

/** A safe integer of up to 53 bits in two words, low first. */
export function putNumber(words: Int32Array, word: number, value: number): void {
  words[word] = value;
  words[word + 1] = Math.floor(value / TWO_32);
}

export function getNumber(words: Int32Array, word: number): number {
  return words[word + 1] * TWO_32 + (words[word] >>> 0);
}

assert(Rec.key * 4 === RECORD_HEADER_BYTES, 'the record header is ten words');
assert(RECORD_HEADER_BYTES % 8 === 0, 'the record header keeps 8-byte alignment');
