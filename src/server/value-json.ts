/**
 * Values as JSON, and back. For people and scripts: a `string` as it is, `bytes` as base64, `cbor` as the nearest JSON (a Map is
 * an object, a Set an array, a big integer its digits, bytes inside it base64). For `export` and `load`, which must not change
 * a value: `cborBase64`, its CBOR, where JSON cannot carry it.
 */
import type { Value } from '../client/types.js';
import { decodeValue, encodeCbor } from '../client/values.js';
import { StoreError } from '../core/errors.js';
import { invalidOption } from '../core/option-check.js';
import { Tag } from '../protocol/record.js';

export type JsonType = 'string' | 'bytes' | 'cbor' | 'cborBase64';
export interface JsonValue {
  readonly value: unknown;
  readonly type: JsonType;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The nearest JSON text of any value. @throws StoreError KV_INVALID_VALUE for what has none, such as a cycle */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value, nearestJson) ?? 'null';
  } catch (thrown) {
    throw new StoreError('KV_INVALID_VALUE', 'the value has no JSON form', {}, thrown);
  }
}

function nearestJson(this: unknown, name: string, shown: unknown): unknown {
  // `shown` is what toJSON made of it, and Buffer has one: look at the value itself.
  const value = (this as Readonly<Record<string, unknown>>)[name];
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Uint8Array) return base64(value);
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof Set) return [...value];
  return shown;
}

/** A value with its type, ready for `JSON.stringify`: the nearest. @throws StoreError KV_INVALID_VALUE */
export function valueToJson(value: Value): JsonValue {
  if (typeof value === 'string') return { value, type: 'string' };
  if (value instanceof Uint8Array) return { value: base64(value), type: 'bytes' };
  return { value: JSON.parse(jsonText(value)) as unknown, type: 'cbor' };
}

/** The same of which `valueFromJson` makes the value that it was. @throws StoreError KV_INVALID_VALUE for what no store takes */
export function exactToJson(value: Value): JsonValue {
  if (typeof value === 'string') return { value, type: 'string' };
  if (value instanceof Uint8Array) return { value: base64(value), type: 'bytes' };
  if (isJson(value)) return { value, type: 'cbor' };
  return { value: base64(encodeCbor(value)), type: 'cborBase64' };
}

/** The inverse; `json` is another word for `cbor`, and without a type a string is one. @throws StoreError KV_INVALID_VALUE */
export function valueFromJson(value: unknown, type?: unknown): Value {
  if (value === undefined) throw invalidValue('"value" is missing');
  switch (type) {
    case undefined:
    case 'cbor':
    case 'json':
      return value;
    case 'string':
      if (typeof value !== 'string') throw invalidValue('"value" of type string must be a string');
      return value;
    case 'bytes':
      return bytesIn(value, type);
    case 'cborBase64':
      return decoded(bytesIn(value, type));
    default:
      throw invalidOption('type', '"type" must be string, bytes, cbor or cborBase64');
  }
}

export function isBase64(value: unknown): value is string {
  return typeof value === 'string' && BASE64.test(value);
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function bytesIn(value: unknown, type: string): Buffer {
  if (!isBase64(value)) throw invalidValue(`"value" of type ${type} must be base64`);
  return Buffer.from(value, 'base64');
}

function decoded(cbor: Buffer): Value {
  try {
    return decodeValue(Tag.cbor, cbor, 0, cbor.length);
  } catch (thrown) {
    throw invalidValue('"value" of type cborBase64 is not CBOR', thrown);
  }
}

/** Whether JSON brings it back as it is: no object in it stands in two places, in a cycle least of all. */
function isJson(value: unknown): boolean {
  const seen = new Set<object>();
  const open = [value];
  while (open.length > 0) {
    const item = open.pop();
    if (item === null || typeof item === 'string' || typeof item === 'boolean') continue;
    if (typeof item === 'number' && Number.isFinite(item)) continue;
    if (typeof item !== 'object' || seen.has(item)) return false;
    seen.add(item);
    if (!Array.isArray(item) && Object.getPrototypeOf(item) !== Object.prototype) return false;
    for (const one of Object.values(item)) open.push(one);
  }
  return true;
}

function invalidValue(message: string, cause?: unknown): StoreError {
  return new StoreError('KV_INVALID_VALUE', message, {}, cause);
}
