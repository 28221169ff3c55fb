/**
 * One pair as one line of NDJSON, the format of `load` and `export`: `{"key":"user:1","value":{"name":"Ann"}}`.
 * Bytes travel as base64 with `"type":"bytes"`, what JSON cannot carry as the base64 of its CBOR with `"type":"cborBase64"`, keys
 * that are not UTF-8 as `"keyBase64"`; `"ttlMs"` gives a pair a life.
 * Fields that nobody knows are refused, because they are slips of the pen more often than not.
 */
import { isBase64 } from '../server/value-json.js';
import { type JsonPair, type PairToWrite, valueIn } from './store-access.js';

export type ParsedPair = { readonly pair: PairToWrite } | { readonly fault: string };

const FIELDS: ReadonlySet<string> = new Set(['key', 'keyBase64', 'value', 'type', 'ttlMs']);
const TYPES: ReadonlySet<string> = new Set(['string', 'bytes', 'json', 'cbor', 'cborBase64']);
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
  const fault = faultOf(parsed as Readonly<Record<string, unknown>>);
  return fault === undefined ? { pair: parsed as PairToWrite } : { fault };
}

/** The line of a pair, without its newline; `parsePair` reads it back. */
export function formatPair(pair: JsonPair): string {
  const { value, type } = valueIn(pair);
  const key = 'key' in pair ? { key: pair.key } : { keyBase64: pair.keyBase64 };
  const isEncoded = type === 'bytes' || type === 'cborBase64';
  return JSON.stringify(isEncoded ? { ...key, value, type } : { ...key, value });
}

function faultOf(fields: Readonly<Record<string, unknown>>): string | undefined {
  const { key, keyBase64, value, type, ttlMs } = fields;
  const unknown = Object.keys(fields).find((name) => !FIELDS.has(name));
  if (unknown !== undefined) return `unknown field "${unknown}"; a line has ${[...FIELDS].join(', ')}`;
  if (keyBase64 !== undefined && key !== undefined) return 'both "key" and "keyBase64"';
  if (keyBase64 !== undefined && !isBase64(keyBase64)) return '"keyBase64" must be base64';
  if (keyBase64 === undefined && (typeof key !== 'string' || key === '')) return '"key" must be a string, not empty';
  if (value === undefined) return '"value" is missing';
  if (type !== undefined && !TYPES.has(type as string)) return `"type" must be one of ${[...TYPES].join(', ')}`;
  if ((type === 'bytes' || type === 'cborBase64') && !isBase64(value)) return `"value" of type ${type} must be base64`;
  if (type === 'string' && typeof value !== 'string') return '"value" of type string must be a string';
  const ttlFits = Number.isSafeInteger(ttlMs) && (ttlMs as number) >= 1 && (ttlMs as number) <= TTL_MS_MAX;
  return ttlMs === undefined || ttlFits ? undefined : '"ttlMs" must be a whole number of milliseconds, at least 1';
}
