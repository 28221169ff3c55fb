/**
 * The JSON of the `KVORUM` commands: pure functions between what the store speaks and what people and scripts read.
 *
 * A value is `{"value", "type"}` (value-json.ts). A key is `"key"`, or `"keyBase64"` where its bytes are not UTF-8. Unknown
 * fields are refused, since they are mostly misspelt.
 */
import { isUtf8 } from 'node:buffer';
import type {
  Context,
  HostReport,
  Key,
  MemberReport,
  Pair,
  PutOptions,
  ReadOptions,
  ReadResult,
  RepairOptions,
  RingReport,
  ScanOptions,
  Sibling,
  StoreStats,
  Value,
  WriteOptions,
} from '../client/types.js';
import { StoreError } from '../core/errors.js';
import { invalidOption } from '../core/option-check.js';
import type { Durability, Mode } from '../core/options.js';
import type { Quorum } from '../core/zone-quorum.js';
import { base64, exactToJson, isBase64, type JsonValue, jsonText, valueFromJson, valueToJson } from './value-json.js';
import { SERVER_VERSION } from './version.js';

export type JsonKey = { readonly key: string } | { readonly keyBase64: string };
export type JsonPair = JsonKey & Partial<JsonValue>;
export type Fields = Readonly<Record<string, unknown>>;

/** Pairs of one `KVORUM SCAN` where no limit is given, and at most. */
export const SCAN_LIMIT_DEFAULT = 100;
export const SCAN_LIMIT_MAX = 10_000;

export function keyToJson(key: string | Uint8Array): JsonKey {
  if (typeof key === 'string') return { key };
  return isUtf8(key) ? { key: Buffer.from(key).toString() } : { keyBase64: base64(key) };
}

/** The answer of `KVORUM GET`. */
export function readToJson(result: ReadResult) {
  const { siblings, context, replicas, via } = result;
  return { found: siblings.length > 0, siblings: siblings.map(siblingToJson), context, replicas, via };
}

function siblingToJson({ value, writtenAtMs, expiresAtMs }: Sibling) {
  return { ...valueToJson(value), writtenAtMs, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
}

/** The nearest JSON of a pair; exactly what it is, where that is asked for. */
export function pairToJson({ key, value }: Pair, isExact = false): JsonPair {
  return { ...keyToJson(key), ...(value === undefined ? {} : isExact ? exactToJson(value) : valueToJson(value)) };
}

/** One page of a scan: the JSON of its pairs, and where the next page continues behind the last key (null at the end). */
export function pageText(pairs: readonly string[], last: Pair['key'] | undefined): string {
  const next = last === undefined ? { key: null } : keyToJson(last);
  const end = 'key' in next ? { next: next.key } : { next: null, nextBase64: next.keyBase64 };
  return `{"pairs":[${pairs.join(',')}],${jsonText(end).slice(1)}`;
}

/** What `KVORUM STATUS` answers. */
export function statusToJson(facts: {
  readonly path: string;
  readonly pid: number;
  readonly hosts: readonly HostReport[];
  readonly members: readonly MemberReport[];
  readonly stats: StoreStats;
  readonly count: number;
  readonly ring: RingReport;
}) {
  const { epoch, partitions, n, failureDomain } = facts.ring;
  return { ...facts, version: SERVER_VERSION, nowMs: Date.now(), ring: { epoch, partitions, n, failureDomain } };
}

export interface PutRequest {
  readonly key: Key;
  readonly value: Value;
  readonly options: PutOptions;
}

/** Reads the JSON that may follow the key of `KVORUM GET`. @throws StoreError KV_INVALID_OPTION */
export function getFromJson(text: string | Uint8Array): ReadOptions {
  const fields = objectOf(parse(text), ['r']);
  return fields.r === undefined ? {} : { r: quorumOf(fields, 'r') };
}

/** Reads the JSON of `KVORUM PUT`. @throws StoreError KV_INVALID_OPTION, KV_INVALID_KEY, KV_INVALID_VALUE */
export function putFromJson(text: string | Uint8Array): PutRequest {
  const fields = objectOf(parse(text), [
    'key',
    'keyBase64',
    'value',
    'type',
    'ttlMs',
    'w',
    'mode',
    'durability',
    'context',
  ]);
  return { key: keyOf(fields), value: valueFromJson(fields.value, fields.type), options: writeOptions(fields) };
}

/** Reads the JSON of `KVORUM DELETE`. @throws StoreError KV_INVALID_OPTION, KV_INVALID_KEY */
export function deleteFromJson(text: string | Uint8Array): { key: Key; options: WriteOptions } {
  const fields = objectOf(parse(text), ['key', 'keyBase64', 'w', 'mode', 'durability', 'context']);
  return { key: keyOf(fields), options: writeOptions(fields) };
}

export interface LoadPair {
  readonly key: Key;
  readonly value: Value;
  readonly ttlMs?: number;
}

/** Reads the JSON array of `KVORUM LOAD`. @throws StoreError KV_INVALID_OPTION, KV_INVALID_KEY, KV_INVALID_VALUE */
export function pairsFromJson(text: string | Uint8Array): LoadPair[] {
  const parsed = parse(text);
  if (!Array.isArray(parsed)) throw invalidOption('json', 'LOAD takes a JSON array of pairs');
  return parsed.map((item: unknown) => {
    const fields = objectOf(item, ['key', 'keyBase64', 'value', 'type', 'ttlMs']);
    const pair = { key: keyOf(fields), value: valueFromJson(fields.value, fields.type) };
    return fields.ttlMs === undefined ? pair : { ...pair, ttlMs: wholeNumber(fields, 'ttlMs', 1) };
  });
}

export interface ScanPageRequest {
  readonly options: ScanOptions & { readonly limit: number };
  /** Values as `exactToJson` has them, not the nearest JSON. */
  readonly isExact: boolean;
}

/** Reads the JSON of `KVORUM SCAN`; `limit` is filled in and bounded. @throws StoreError KV_INVALID_OPTION */
export function scanFromJson(text: string | Uint8Array): ScanPageRequest {
  const bounds = ['prefix', 'gt', 'gte', 'lt', 'lte'] as const;
  const fields = objectOf(parse(text), [...bounds, 'reverse', 'limit', 'after', 'afterBase64', 'values', 'r', 'exact']);
  for (const name of ['reverse', 'values', 'exact']) {
    if (fields[name] !== undefined && typeof fields[name] !== 'boolean')
      throw invalidOption(name, `"${name}" must be true or false`);
  }
  const options: Record<string, unknown> = { keys: 'bytes' };
  for (const name of bounds) if (fields[name] !== undefined) options[name] = textOf(fields, name);
  for (const name of ['reverse', 'values']) if (fields[name] !== undefined) options[name] = fields[name];
  if (fields.r !== undefined) options.r = wholeNumber(fields, 'r', 1);
  const after = fields.afterBase64 === undefined ? fields.after : bytesOf(fields, 'afterBase64');
  if (after !== undefined && after !== null) {
    if (typeof after === 'string') textOf(fields, 'after');
    options[fields.reverse === true ? 'lt' : 'gt'] = after;
  }
  const limit = fields.limit === undefined ? SCAN_LIMIT_DEFAULT : wholeNumber(fields, 'limit', 1);
  return {
    options: { ...(options as ScanOptions), limit: Math.min(limit, SCAN_LIMIT_MAX) },
    isExact: fields.exact === true,
  };
}

/** @throws StoreError KV_INVALID_OPTION */
export function repairFromJson(text: string | Uint8Array): RepairOptions {
  const fields = objectOf(parse(text), ['partition', 'dryRun']);
  const { dryRun = false } = fields;
  if (typeof dryRun !== 'boolean') throw invalidOption('dryRun', '"dryRun" must be true or false');
  return { dryRun, ...(fields.partition !== undefined && { partition: wholeNumber(fields, 'partition', 0) }) };
}

function writeOptions(fields: Fields): PutOptions {
  const options: { ttlMs?: number; w?: Quorum; mode?: Mode; durability?: Durability; context?: Context } = {};
  if (fields.ttlMs !== undefined) options.ttlMs = wholeNumber(fields, 'ttlMs', 1);
  if (fields.w !== undefined) options.w = quorumOf(fields, 'w');
  if (fields.context !== undefined) options.context = textOf(fields, 'context') as Context;
  if (fields.mode !== undefined) {
    if (fields.mode !== 'strict' && fields.mode !== 'available') {
      throw invalidOption('mode', '"mode" must be strict or available');
    }
    options.mode = fields.mode;
  }
  if (fields.durability !== undefined) {
    const durability = fields.durability as Durability;
    if (!['sync', 'interval', 'none'].includes(durability)) {
      throw invalidOption('durability', '"durability" must be sync, interval or none');
    }
    options.durability = durability;
  }
  return options;
}

/** The store checks what is in an object, and what a text says. */
function quorumOf(fields: Fields, name: 'r' | 'w'): Quorum {
  const isByZone = typeof fields[name] === 'string' || typeof fields[name] === 'object';
  return isByZone ? (fields[name] as Quorum) : wholeNumber(fields, name, 1);
}

export function parse(text: string | Uint8Array): unknown {
  try {
    return JSON.parse(typeof text === 'string' ? text : Buffer.from(text).toString()) as unknown;
  } catch (thrown) {
    throw invalidOption('json', `not JSON: ${(thrown as Error).message}`);
  }
}

export function objectOf(parsed: unknown, known: readonly string[]): Fields {
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalidOption('json', 'not a JSON object');
  const unknown = Object.keys(parsed).find((name) => !known.includes(name));
  if (unknown !== undefined) throw invalidOption(unknown, `unknown field "${unknown}"; known are ${known.join(', ')}`);
  return parsed as Fields;
}

function keyOf(fields: Fields): Key {
  if (fields.keyBase64 !== undefined) return bytesOf(fields, 'keyBase64');
  if (typeof fields.key !== 'string') throw new StoreError('KV_INVALID_KEY', '"key" must be a string');
  return fields.key;
}

export function bytesOf(fields: Fields, name: string): Buffer {
  const value = fields[name];
  if (!isBase64(value)) throw invalidOption(name, `"${name}" must be base64`);
  return Buffer.from(value, 'base64');
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value !== 'string') throw invalidOption(name, `"${name}" must be a string`);
  return value;
}

export function wholeNumber(fields: Fields, name: string, min: number): number {
  const value = fields[name];
  if (!Number.isSafeInteger(value) || (value as number) < min) {
    throw invalidOption(name, `"${name}" must be a whole number, at least ${min}`);
  }
  return value as number;
}
