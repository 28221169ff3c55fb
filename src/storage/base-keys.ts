/**
 * Keys of the base table: the partition, 2 bytes big endian, then the user key, so that a partition is one ordered range
 * of LMDB's tree and a scan of it needs no index. Comparison is by bytes, as everywhere in kvorum.
 */
import type { LmdbKeyEncoder } from './lmdb-environment.js';

/** Bounds within one partition, as abstract-level has them. */
export interface BaseRange {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  /** Most entries; default all. */
  readonly limit?: number;
  /** Told of each entry whose checksum does not fit, which is then left out; without it the range throws KV_CORRUPT. */
  readonly onCorrupt?: (key: Buffer) => void;
}

export interface BaseKey {
  readonly partition: number;
  readonly key: Buffer;
}

/** Longest key: a user key, or a private one with a user key in it; with its partition it stays below LMDB's 1,978 bytes. */
export const BASE_KEY_BYTES_MAX = 1_932;
export const PARTITION_BYTES = 2;
export const PARTITION_MAX = 0xffff;
/** The codec's partition for keys that already begin with one. */
export const NO_PARTITION = -1;

/** Puts the partition before a key right in LMDB's buffer, so that a get makes no key object. */
export class PartitionKeys implements LmdbKeyEncoder {
  /** Of the next key; set before each call. */
  partition = NO_PARTITION;

  /** A closure: lmdb calls it on its own store object. */
  readonly writeKey = (key: Uint8Array, target: Buffer, start: number): number => {
    const { partition } = this;
    if (partition === NO_PARTITION) {
      target.set(key, start);
      return start + key.length;
    }
    target[start] = partition >>> 8;
    target[start + 1] = partition;
    target.set(key, start + PARTITION_BYTES);
    return start + PARTITION_BYTES + key.length;
  };

  readKey(source: Buffer, start: number, end: number): Buffer {
    return Buffer.from(source.subarray(start, end));
  }
}

/** Partition and user key in one. */
function fullKey(partition: number, key: Uint8Array): Buffer {
  const full = Buffer.allocUnsafe(PARTITION_BYTES + key.length);
  full.writeUInt16BE(partition, 0);
  full.set(key, PARTITION_BYTES);
  return full;
}

/** The parts of a full key. */
export function splitKey(full: Buffer): BaseKey {
  return { partition: full.readUInt16BE(0), key: full.subarray(PARTITION_BYTES) };
}

interface RangeQuery {
  start: Uint8Array;
  end: Uint8Array;
  exclusiveStart: boolean;
  inclusiveEnd: boolean;
}

/** LMDB's bounds: `start` is where the iteration begins, so the upper bound where it runs in reverse. */
export function queryOf(partition: number, { gt, gte, lt, lte, reverse = false }: BaseRange): RangeQuery {
  const lower = gt ?? gte;
  const upper = lt ?? lte;
  const first = fullKey(partition, lower ?? new Uint8Array(0));
  // Behind the partition: three bytes where the last one has no successor in two.
  const behind =
    partition === PARTITION_MAX
      ? Buffer.alloc(BASE_KEY_BYTES_MAX + PARTITION_BYTES, 0xff)
      : fullKey(partition + 1, new Uint8Array(0));
  const last = upper === undefined ? behind : fullKey(partition, upper);
  const exclusiveFirst = gt !== undefined;
  const exclusiveLast = lt !== undefined;
  if (reverse) return { start: last, exclusiveStart: exclusiveLast, end: first, inclusiveEnd: !exclusiveFirst };
  return { start: first, exclusiveStart: exclusiveFirst, end: last, inclusiveEnd: !exclusiveLast };
}
