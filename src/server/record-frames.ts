/**
 * Records as bytes, one frame after the other: what a backup file holds and what `KVORUM RECORDS` and `RESTORE` carry.
 * All numbers are little-endian.
 *
 *   frame    u32 bytes of the body | u32 CRC-32 of the body | body
 *   body     u16 bytes of the key | u16 siblings | key | siblings, newest first
 *   sibling  u8 type (1 bytes, 2 string, 3 CBOR) | u8 flags (1 tombstone) | u16 0 | u32 bytes of the value |
 *            f64 expires at, ms since 1970, 0 never | f64 written at, ms since 1970 | value
 *
 * Numbers of types and flags are append-only.
 */
import { crc32 } from 'node:zlib';
import type { StoredRecord, StoredSibling, ValueType } from '../client/types.js';
import { StoreError } from '../core/errors.js';

export const FRAME_HEADER_BYTES = 8;
/** No record is longer: siblings together have at most 16 MiB, however many replicas were apart. */
export const FRAME_BODY_BYTES_MAX = 32 * 1024 * 1024;
const BODY_HEADER_BYTES = 4;
const SIBLING_HEADER_BYTES = 24;
const TYPES: readonly (ValueType | undefined)[] = [undefined, 'bytes', 'string', 'cbor'];
const TOMBSTONE = 1;

/** One record as a frame. */
export function encodeFrame({ key, siblings }: StoredRecord): Buffer {
  const values = siblings.reduce((sum, { value }) => sum + SIBLING_HEADER_BYTES + value.length, 0);
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + BODY_HEADER_BYTES + key.length + values);
  let at = frame.writeUInt16LE(key.length, FRAME_HEADER_BYTES);
  at = frame.writeUInt16LE(siblings.length, at);
  at += key.copy(frame, at);
  for (const { type, value, tombstone, expiresAtMs, writtenAtMs } of siblings) {
    at = frame.writeUInt8(TYPES.indexOf(type), at);
    at = frame.writeUInt8(tombstone ? TOMBSTONE : 0, at);
    at = frame.writeUInt16LE(0, at);
    at = frame.writeUInt32LE(value.length, at);
    at = frame.writeDoubleLE(expiresAtMs, at);
    at = frame.writeDoubleLE(writtenAtMs, at);
    frame.set(value, at);
    at += value.length;
  }
  frame.writeUInt32LE(frame.length - FRAME_HEADER_BYTES, 0);
  frame.writeUInt32LE(crc32(frame.subarray(FRAME_HEADER_BYTES)), 4);
  return frame;
}

/** Bytes of the whole frame that begins here; undefined where not all of them are there. @throws StoreError KV_CORRUPT */
export function frameBytes(bytes: Buffer, at: number): number | undefined {
  if (bytes.length - at < FRAME_HEADER_BYTES) return undefined;
  const body = bytes.readUInt32LE(at);
  if (body < BODY_HEADER_BYTES || body > FRAME_BODY_BYTES_MAX) throw damaged(`a frame states ${body} bytes`);
  return bytes.length - at < FRAME_HEADER_BYTES + body ? undefined : FRAME_HEADER_BYTES + body;
}

/** The record of a whole frame; its values are views into it. @throws StoreError KV_CORRUPT */
export function decodeFrame(frame: Buffer): StoredRecord {
  const body = frame.subarray(FRAME_HEADER_BYTES);
  if (frame.readUInt32LE(0) !== body.length || crc32(body) !== frame.readUInt32LE(4)) {
    throw damaged('the checksum of a record is wrong');
  }
  const keyBytes = body.readUInt16LE(0);
  const count = body.readUInt16LE(2);
  let at = BODY_HEADER_BYTES + keyBytes;
  if (keyBytes === 0 || count === 0 || at > body.length) throw damaged('the lengths of a record do not fit');
  const siblings: StoredSibling[] = [];
  for (let index = 0; index < count; index++) {
    const sibling = decodeSibling(body, at);
    siblings.push(sibling);
    at += SIBLING_HEADER_BYTES + sibling.value.length;
  }
  if (at !== body.length) throw damaged('the lengths of a record do not fit');
  return { key: body.subarray(BODY_HEADER_BYTES, BODY_HEADER_BYTES + keyBytes), siblings };
}

function decodeSibling(body: Buffer, at: number): StoredSibling {
  if (at + SIBLING_HEADER_BYTES > body.length) throw damaged('the lengths of a record do not fit');
  const type = TYPES[body[at]];
  if (type === undefined) throw damaged(`a value has the unknown type ${body[at]}`);
  const start = at + SIBLING_HEADER_BYTES;
  const end = start + body.readUInt32LE(at + 4);
  if (end > body.length) throw damaged('the lengths of a record do not fit');
  return {
    type,
    tombstone: (body[at + 1] & TOMBSTONE) !== 0,
    expiresAtMs: body.readDoubleLE(at + 8),
    writtenAtMs: body.readDoubleLE(at + 16),
    value: body.subarray(start, end),
  };
}

/** All records of whole frames. @throws StoreError KV_CORRUPT */
export function decodeFrames(bytes: Buffer): StoredRecord[] {
  const records: StoredRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = frameBytes(bytes, at);
    if (size === undefined) throw damaged('the last record is cut off');
    records.push(decodeFrame(bytes.subarray(at, at + size)));
    at += size;
  }
  return records;
}

function damaged(what: string): StoreError {
  return new StoreError('KV_CORRUPT', what);
}
