/**
 * What the commands need of a store, whoever holds it: this process, which opens the data directory, or another one,
 * reached through the Unix socket in that directory (or `--connect`). Commands see this interface alone and do not
 * know which; `openAccess` decides. Values travel as JSON with a type, so that both ways answer the same.
 */
import type { MemberReport, RingReport, StoreStats, WriteResult } from '../client/types.js';
import type { Durability } from '../core/options.js';

/** What a value is beside JSON: `bytes` are base64 in `value`. */
export type ValueType = 'string' | 'json' | 'bytes';

export interface TypedValue {
  readonly value: unknown;
  readonly type: ValueType;
}

export interface TypedPair extends TypedValue {
  readonly key: string;
}

export interface WriteRequest {
  readonly w?: number;
  readonly durability?: Durability;
}

export interface PutRequest extends WriteRequest, TypedPair {
  readonly ttlMs?: number;
}

export interface ScanRequest {
  readonly prefix?: string;
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

/** What `status` shows. */
export interface StatusReport {
  readonly path: string;
  readonly pid: number;
  readonly members: readonly MemberReport[];
  readonly stats: StoreStats;
  readonly count: number;
  readonly ring: { readonly epoch: number; readonly partitions: number; readonly n: number };
}

/** One store, near or far. Every call rejects with a StoreError or a CliError. */
export interface StoreAccess {
  /** In words for people: `this process` or the address of the one that answers. */
  readonly via: string;
  readonly remote: boolean;
  /** The value, or undefined when the key does not exist. */
  get(key: string): Promise<TypedValue | undefined>;
  put(request: PutRequest): Promise<WriteResult>;
  delete(key: string, request?: WriteRequest): Promise<WriteResult>;
  /** Writes every pair or rejects; some may then have been written. */
  load(pairs: readonly (TypedPair & { readonly ttlMs?: number })[]): Promise<void>;
  /** Pairs in byte order of their keys, a page at a time, never all at once. */
  scan(request: ScanRequest): AsyncIterable<TypedPair>;
  status(): Promise<StatusReport>;
  ring(): Promise<RingReport>;
  close(): Promise<void>;
}
