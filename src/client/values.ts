/**
 * Values as bytes and a tag, and back: bytes stay bytes, strings stay strings, anything else is CBOR.
 */
import { Decoder, Encoder } from 'cbor-x';
import { StoreError } from '../core/errors.js';
import { Tag } from '../protocol/record.js';
import { checkCarried } from './carried.js';
import type { Value } from './types.js';

const encoder = new Encoder({ useRecords: false, tagUint8Array: false, structuredClone: true });
const decoder = new Decoder({ useRecords: false, copyBuffers: true });

/** CBOR of another store's making: written as it is. */
export class EncodedCbor {
  constructor(readonly bytes: Uint8Array) {}
}

/** The encoder has one buffer for what is under way: a getter of a value must not have another one encoded into it. */
let isEncoding = false;

/** A value's bytes, when it is neither string nor bytes; valid until the next call. @throws StoreError KV_INVALID_VALUE */
export function encodeCbor(value: Value): Uint8Array {
  if (value instanceof EncodedCbor) return value.bytes;
  if (value === undefined || typeof value === 'function' || typeof value === 'symbol') {
    throw new StoreError(
      'KV_INVALID_VALUE',
      `a value cannot be ${value === undefined ? 'undefined' : `a ${typeof value}`}`,
    );
  }
  if (value instanceof Promise)
    throw new StoreError('KV_INVALID_VALUE', 'the value is a promise: wait for it, and write what it resolves to');
  if (isEncoding)
    throw new StoreError('KV_INVALID_VALUE', 'the value is written by a getter of one that is being encoded');
  isEncoding = true;
  try {
    const bytes = encoder.encode(value);
    if (typeof value === 'object' && value !== null) checkCarried(value, bytes);
    return bytes;
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError('KV_INVALID_VALUE', `the value cannot be encoded: ${reason}`, {}, error);
  } finally {
    isEncoding = false;
  }
}

/** Reads a value out of `bytes`; nothing of the result aliases it. @throws StoreError KV_CORRUPT */
export function decodeValue(tag: number, bytes: Buffer, start: number, length: number): Value {
  switch (tag) {
    case Tag.ascii:
      return bytes.latin1Slice(start, start + length);
    case Tag.utf8:
      return bytes.utf8Slice(start, start + length);
    case Tag.bytes: {
      const copy = Buffer.allocUnsafeSlow(length);
      bytes.copy(copy, 0, start, start + length);
      return copy;
    }
    case Tag.cbor:
      return decodeCbor(bytes, start, length);
    default:
      throw new StoreError('KV_CORRUPT', `a value has the unknown tag ${tag}`);
  }
}

function decodeCbor(bytes: Buffer, start: number, length: number): Value {
  try {
    return decoder.decode(Uint8Array.prototype.slice.call(bytes, start, start + length));
  } catch (error) {
    throw new StoreError('KV_CORRUPT', 'a value is not the CBOR that it was written as', {}, error);
  }
}
