/** Whole records as `records` yields and `restore` takes them: every sibling, its bytes untouched, without its versions. */
import type { ErrorCode } from '../core/errors.js';
import type { Durability } from '../core/options.js';

/** How the bytes of a value are to be read: as they are, as UTF-8, or as CBOR. */
export type ValueType = 'bytes' | 'string' | 'cbor';

export interface StoredSibling {
  readonly type: ValueType;
  /** Empty for a tombstone. */
  readonly value: Uint8Array;
  /** A delete that a concurrent write survived; a value that had expired when it was read is one too. */
  readonly tombstone: boolean;
  /** Milliseconds since 1970, 0 for never. */
  readonly expiresAtMs: number;
  /** Hybrid clock of the write, as milliseconds since 1970. */
  readonly writtenAtMs: number;
}

/** A key that is not deleted, and its concurrent values, newest first. */
export interface StoredRecord {
  readonly key: Buffer;
  readonly siblings: readonly StoredSibling[];
}

/**
 * Why the records of a partition are not those of one instant: they would take more than 64 MiB of memory; the folder for
 * them could not be written to, or its disk has too little room; it was written to all the time; its holders changed
 * meanwhile; or a replica failed.
 */
export type NoInstant = 'too-large' | 'no-room' | 'too-busy' | 'ring-changing' | 'unavailable';

/** Whether the records that follow are what R replicas held at one instant. */
export type InstantReport = { readonly instant: true } | { readonly instant: false; readonly reason: NoInstant };

export interface RecordsOptions {
  /** Only this partition; default all. */
  readonly partition?: number;
  /** Only keys behind this one. */
  readonly gt?: Uint8Array;
  /** Replicas that are merged, 1..n; default a majority of n, or the store's `r` if that is more. */
  readonly r?: number;
  /**
   * Asks for the records of one instant, which takes memory for all of them, up to 64 MiB; told before the first one
   * whether they are that. Where they are not, they come as without it. With `partition`, without `gt`.
   */
  readonly onInstant?: (report: InstantReport) => void;
  /**
   * A folder, for records of one instant that take more than 32 MiB: they are moved to files there, R times the partition in
   * all, as long as a tenth of the disk stays free. The files have no names; they are gone with the last record.
   */
  readonly spillTo?: string;
  /** Milliseconds that a replica may take for a page, not those of the whole; default is the store's `deadlineMs`. */
  readonly deadlineMs?: number;
  /** Ends the iteration with KV_ABORTED. */
  readonly signal?: AbortSignal;
}

export interface RestoreOptions {
  /** Replicas that must confirm, 1..n; default is the store's `w`. */
  readonly w?: number;
  /** When a replica confirms; default is the store's. */
  readonly durability?: Durability;
  /** Milliseconds that each record is tried for, and those of each of its reads and writes; default is the store's `deadlineMs`. */
  readonly deadlineMs?: number;
}

export interface RestoreResult {
  /** Records that were written. */
  readonly written: number;
  /** Records that were there already, value by value. */
  readonly unchanged: number;
  /** Records that this store cannot take, a pair above its `pairBytesMax` for example. */
  readonly failed: readonly { readonly key: Buffer; readonly code: ErrorCode; readonly message: string }[];
}
