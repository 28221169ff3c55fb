/**
 * One pair as one line of NDJSON, the format of `load` and `export`: `{"key":"user:1","value":{"name":"Ann"}}`.
 * Bytes travel as base64 with `"type":"bytes"`; `"ttlMs"` gives a pair a life. `parsePair` and `formatPair` are
 * inverse. Fields that nobody knows are refused, because they are slips of the pen more often than not.
 */
import type { TypedPair, ValueType } from './store-access.js';

/** A pair as `load` reads it. */
export interface PairLine extends TypedPair {
  readonly ttlMs?: number;
}

export type ParsedPair = { readonly pair: PairLine } | { readonly fault: string };

const FIELDS: ReadonlySet<string> = new Set(['key', 'value', 'type', 'ttlMs']);
const TYPES: ReadonlySet<string> = new Set<ValueType>(['string', 'json', 'bytes']);
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const TTL_MS_MAX = 2 ** 41;

/** Reads one line; a fault says in words what is wrong with it. */
export function parsePair(text: string): ParsedPair {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (thrown) {
    return { fault: `not JSON: ${(thrown as Error).message}` };
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return { fault: 'not an object with "key" and "value"' };
  }
  const fields = parsed as Readonly<Record<string, unknown>>;
  const fault = faultOf(fields);
  if (fault !== undefined) return { fault };
  const { key, value, type, ttlMs } = fields as unknown as PairLine & { type?: ValueType }; // faultOf checked each field
  const defaultType: ValueType = typeof value === 'string' ? 'string' : 'json';
  return { pair: { key, value, type: type ?? defaultType, ...(ttlMs === undefined ? {} : { ttlMs }) } };
}

/** The line of a pair, without its newline. */
export function formatPair({ key, value, type }: TypedPair): string {
  return JSON.stringify(type === 'bytes' ? { key, value, type } : { key, value });
}

function faultOf(fields: Readonly<Record<string, unknown>>): string | undefined {
  const { key, value, type, ttlMs } = fields;
  const unknown = Object.keys(fields).find((name) => !FIELDS.has(name));
  if (unknown !== undefined) return `unknown field "${unknown}"; a line has ${[...FIELDS].join(', ')}`;
  if (typeof key !== 'string' || key === '') return '"key" must be a string that is not empty';
  if (value === undefined) return '"value" is missing';
  if (type !== undefined && !TYPES.has(type as string)) return `"type" must be one of ${[...TYPES].join(', ')}`;
  if (type === 'bytes' && !(typeof value === 'string' && BASE64.test(value))) return '"value" of bytes must be base64';
  if (type === 'string' && typeof value !== 'string') return '"value" of type string must be a string';
  const ttlFits = Number.isSafeInteger(ttlMs) && (ttlMs as number) >= 1 && (ttlMs as number) <= TTL_MS_MAX;
  return ttlMs === undefined || ttlFits ? undefined : '"ttlMs" must be a whole number of milliseconds, at least 1';
}
