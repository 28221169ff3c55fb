/**
 * Values of the store as JSON with a type and back: strings and JSON as they are, bytes as base64. What JSON has no
 * word for (a date, a map, a big integer) is printed as its nearest JSON, as `JSON.stringify` would.
 */
import type { Value } from '../client/types.js';
import type { TypedValue } from './store-access.js';

/** A value as commands print it. */
export function toTyped(value: Value): TypedValue {
  if (typeof value === 'string') return { value, type: 'string' };
  if (value instanceof Uint8Array) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { value: bytes.toString('base64'), type: 'bytes' };
  }
  return { value: plain(value), type: 'json' };
}

/** The inverse: what `put` gives to the store. */
export function fromTyped({ value, type }: TypedValue): Value {
  return type === 'bytes' ? Buffer.from(String(value), 'base64') : value;
}

function plain(value: Value): unknown {
  const text = JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? inner.toString() : inner));
  return text === undefined ? null : (JSON.parse(text) as unknown);
}
