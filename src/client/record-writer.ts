/** Writes a pair's record where it is to be sent from, its dot still empty: `protocol/record.ts` has the layout. */
import { StoreError } from '../core/errors.js';
import { Flag, putNumber, Rec, recordBytes, Tag } from '../protocol/record.js';
import type { KeyScratch } from './key-scratch.js';
import type { Value } from './types.js';
import { EncodedCbor, encodeCbor } from './values.js';
import type { WriteOrder } from './writes.js';

/** Above this many characters a string's exact length in bytes is computed before room for it is taken. */
const EXACT_CHARS = 4_096;

export interface Target {
  readonly words: Int32Array;
  readonly bytes: Buffer;
}

/** What is written of a value: itself, or its CBOR, valid until the next call. @throws StoreError KV_INVALID_VALUE */
export function bodyOf(value: Value, order: WriteOrder): Value {
  if (order.tombstone || typeof value === 'string') return value;
  if (!(value instanceof Uint8Array)) return encodeCbor(value);
  if (value.length === 0) checkAttached(value);
  return value;
}

/** Bytes whose buffer was transferred look as if there were none. @throws StoreError KV_INVALID_VALUE */
function checkAttached(bytes: Uint8Array): void {
  try {
    bytes.keys();
  } catch (error) {
    throw new StoreError(
      'KV_INVALID_VALUE',
      'the bytes of the value are gone: their buffer was transferred',
      {},
      error,
    );
  }
}

/**
 * A value whose encoding runs no code of the caller's any more: getters may use the store, and with it the scratch that the
 * key of the write is to stand in. Valid as long as `bodyOf` of it. @throws StoreError KV_INVALID_VALUE
 */
export function encodedAhead(value: Value, order: WriteOrder): Value {
  const body = bodyOf(value, order);
  return body === value ? value : new EncodedCbor(body as Uint8Array);
}

/** Room that the record may need at most. @throws StoreError KV_PAIR_TOO_LARGE */
export function roomFor(key: KeyScratch, body: Value, order: WriteOrder, pairBytesMax: number): number {
  const valueBytes = order.tombstone ? 0 : bytesMax(key.length, body as string | Uint8Array, pairBytesMax);
  return recordBytes(key.length, valueBytes, order.expiresAtMs !== 0);
}

function bytesMax(keyBytes: number, body: string | Uint8Array, pairBytesMax: number): number {
  const exact = typeof body !== 'string' ? body.length : body.length > EXACT_CHARS ? Buffer.byteLength(body) : -1;
  if (keyBytes + (exact < 0 ? body.length : exact) > pairBytesMax) throw tooLarge(keyBytes, body.length, pairBytesMax);
  return exact < 0 ? body.length * 3 : exact;
}

/**
 * Writes the record at word `record`, where `room` bytes are free. Its bytes, or the complement of those of a string that
 * turned out too long in UTF-8.
 */
export function putRecord(
  { words, bytes }: Target,
  record: number,
  key: KeyScratch,
  body: Value,
  isCbor: boolean,
  order: WriteOrder,
  room: number,
  pairBytesMax: number,
): number {
  const keyWords = key.keyWords;
  words[record + Rec.keyHash] = key.hash;
  words[record + Rec.keySlot] = key.keySlot;
  words[record + Rec.previous] = 0;
  for (let i = 0; i < keyWords; i++) words[record + Rec.key + i] = key.words[i];
  let word = record + Rec.key + keyWords;
  const { expiresAtMs, tombstone } = order;
  if (expiresAtMs !== 0) {
    putNumber(words, word, expiresAtMs);
    word += 2;
  }
  let length = 0;
  let tag = Tag.bytes;
  if (!tombstone) {
    const start = word * 4;
    if (typeof body === 'string') {
      length = bytes.utf8Write(body, start, record * 4 + room - start);
      tag = length === body.length ? Tag.ascii : Tag.utf8;
      if (key.length + length > pairBytesMax) return ~length;
    } else {
      length = (body as Uint8Array).length;
      bytes.set(body as Uint8Array, start);
      if (isCbor) tag = Tag.cbor;
    }
  }
  const size = recordBytes(key.length, length, expiresAtMs !== 0);
  const flags = (tombstone ? Flag.tombstone : 0) | (expiresAtMs !== 0 ? Flag.expires : 0);
  // what stood here before must not travel on in the padding
  for (let i = word * 4 + length; i < record * 4 + size; i++) bytes[i] = 0;
  words[record + Rec.size] = size | (flags << 24);
  words[record + Rec.valueTag] = length | (tag << 24);
  return size;
}

export function tooLarge(keyBytes: number, valueBytes: number, pairBytesMax: number): StoreError {
  const message = `key (${keyBytes} bytes) and value (${valueBytes}) exceed pairBytesMax (${pairBytesMax}); raise it, or split the value`;
  return new StoreError('KV_PAIR_TOO_LARGE', message, { keyBytes, valueBytes, pairBytesMax });
}
