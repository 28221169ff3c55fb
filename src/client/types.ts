/**
 * The public contract of a store: what `open` and `attach` return, and the options of each call.
 *
 * Keys are strings (UTF-8) or bytes; a string key and its bytes are the same key. Values are bytes, strings, or
 * anything CBOR can carry; each comes back as what it was. Every call may reject with a StoreError (core/errors.ts).
 */
import type { BridgeStats } from '../bridge/stats.js';
import type { ErrorCode } from '../core/errors.js';
import type { Durability, Mode, OpenOptions } from '../core/options.js';
import type { Quorum } from '../core/zone-quorum.js';
import type { HostReport, MemberReport, NodeStats, RingReport, StoreEvents } from '../host/reports.js';
import type { RecordsOptions, RestoreOptions, RestoreResult, StoredRecord } from './record-types.js';
import type { ChangeOptions, ChangeResult, PlanOptions, RingPlan, StoreChange } from './ring-types.js';

export type { Durability, Mode } from '../core/options.js';
export type { Quorum, ZoneQuorum } from '../core/zone-quorum.js';
export type {
  HostReport,
  MailboxStats,
  MemberReport,
  NodeStats,
  RingChangeReport,
  RingReport,
  StoreEvents,
} from '../host/reports.js';
export type {
  InstantReport,
  NoInstant,
  RecordsOptions,
  RestoreOptions,
  RestoreResult,
  StoredRecord,
  StoredSibling,
  ValueType,
} from './record-types.js';
export type {
  ChangeOptions,
  ChangeProgress,
  ChangeResult,
  PlannedTransfer,
  PlanOptions,
  RingPlan,
  StoreChange,
} from './ring-types.js';

/** 1 to 1,900 bytes; a string counts as its UTF-8 bytes. */
export type Key = string | Uint8Array;
/** Bytes come back as a Buffer, strings as strings, anything else as CBOR decodes it. `undefined` is not a value. */
export type Value = unknown;
/** The causal token that a read returns and a write takes: opaque, safe to store and to send. */
export type Context = string & { readonly context: unique symbol };

/** How siblings become one value: newest by hybrid clock, all of them as an array, or a merge function. */
export type Resolve = 'newest' | 'siblings' | ((siblings: Value[]) => Value);

/** Options of `open`: those of the table in core/options.ts, and how siblings become one value. */
export type OpenStoreOptions = OpenOptions & { readonly resolve?: Resolve };

export interface RequestOptions {
  /**
   * Milliseconds from the call to KV_DEADLINE_EXCEEDED, of `getMany`, `putMany` and `batch` for all keys together; default is the
   * store's `deadlineMs`.
   */
  readonly deadlineMs?: number;
  /** Rejects the call with KV_ABORTED; a write may still happen. */
  readonly signal?: AbortSignal;
  /** `strict` counts primaries only; `available` counts nodes that stand in for some; default is the store's `mode`. */
  readonly mode?: Mode;
}

export interface ReadOptions extends RequestOptions {
  /**
   * Replicas that must answer, 1..n, or a quorum by zone: `{ local: n }` or `local-quorum` in the caller's zone,
   * `each-quorum` in every zone; default is the store's `r`.
   */
  readonly r?: Quorum;
  /** Answer only with what N-R+1 replicas hold, repairing first where fewer do: no later read goes back in time. */
  readonly monotonic?: boolean;
}

export interface WriteOptions extends RequestOptions {
  /** Replicas that must confirm, 1..n, or a quorum by zone as in a read; default is the store's `w`. All are sent the write. */
  readonly w?: Quorum;
  /** When a replica confirms: after fdatasync, after the log write (synced every interval), or the same, never synced. */
  readonly durability?: Durability;
  /** Replace just what this context covers; concurrent writes survive as siblings. Without it: replace what is there. */
  readonly context?: Context;
}

export interface PutOptions extends WriteOptions {
  /** Milliseconds until the value expires, 1..2^41. Absent: never. */
  readonly ttlMs?: number;
}

/** What held when the call was answered. */
export interface ReadResult {
  /** Live siblings, newest first; empty when the key is absent. */
  readonly siblings: readonly Sibling[];
  /** Covers everything this read saw; give it to the next write of the key. */
  readonly context: Context;
  /** Primaries that answered. */
  readonly replicas: number;
  /** Nodes that answered in place of primaries; together at least r. 0 in `strict` mode. */
  readonly fallbacks: number;
  /** Where the answer came from: shared memory on the caller's thread, or messages to the replicas. */
  readonly via: 'memory' | 'messages';
  readonly monotonic: boolean;
}

export interface Sibling {
  readonly value: Value;
  /** Hybrid clock of the write, as milliseconds since 1970. */
  readonly writtenAtMs: number;
  /** Milliseconds since 1970 at which it expires, if ever. */
  readonly expiresAtMs?: number;
}

/** What held when the write was acknowledged. */
export interface WriteResult {
  /** Primaries that had confirmed when the reply was sent; at least w in `strict` mode. */
  readonly replicas: number;
  /** Nodes standing in for primaries that had; in `available` mode they count, together at least w. */
  readonly fallbacks: number;
  /** The weakest durability among the confirmations that count. */
  readonly durability: Durability;
}

/** Bounds may be combined: what all of them allow is yielded. */
export interface ScanOptions extends RequestOptions {
  /** Only keys that begin with these bytes. */
  readonly prefix?: Key;
  /** Only keys behind this one. */
  readonly gt?: Key;
  /** Only this key and those behind it. */
  readonly gte?: Key;
  /** Only keys before this one. */
  readonly lt?: Key;
  /** Only this key and those before it. */
  readonly lte?: Key;
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean;
  /** Most pairs to return; default all. */
  readonly limit?: number;
  /** Replicas that must show each part of the range, 1..n; no zones. Default is the store's `r`. */
  readonly r?: number;
  /**
   * Milliseconds that a replica may take for a page of a partition, not those of the whole scan, which may go on for as long as
   * its consumer takes; default is the store's `deadlineMs`.
   */
  readonly deadlineMs?: number;
  /** `utf8` (default) gives keys as strings, `bytes` as Buffers. */
  readonly keys?: 'utf8' | 'bytes';
  /** false: leave values undecoded and undefined. Default true. */
  readonly values?: boolean;
}

export interface Pair {
  readonly key: string | Buffer;
  readonly value: Value;
}

export type BatchOperation =
  | { readonly type: 'put'; readonly key: Key; readonly value: Value; readonly ttlMs?: number }
  | { readonly type: 'delete'; readonly key: Key };

export interface RepairOptions {
  /** Only this partition. */
  readonly partition?: number;
  /** Count what differs and change nothing. */
  readonly dryRun?: boolean;
  /** Begins no further partition. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RepairProgress) => void;
}

export interface RepairProgress {
  /** Partitions compared so far, of `partitions`. */
  readonly done: number;
  readonly partitions: number;
  /** Keys whose records differed. */
  readonly differing: number;
  /** Records that were copied. */
  readonly moved: number;
}

export interface RepairResult {
  readonly partitions: number;
  readonly differing: number;
  readonly moved: number;
  /** Partitions that could not be compared with all of their holders, and why. */
  readonly failed: readonly { readonly partition: number; readonly code: ErrorCode }[];
}

export interface DrainOptions {
  /** How long to wait for what is in flight and for hints, 60 s by default. */
  readonly waitMs?: number;
  /** Ends the wait; writes stay refused. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DrainProgress) => void;
}

export interface DrainProgress {
  /** Calls through this store that are not answered yet. */
  readonly inFlight: number;
  /** Keys that other nodes lack and the nodes of this host are to hand over. */
  readonly hints: number;
  /** Partitions of others that miss writes, without a hint that tells which: anti-entropy is due. */
  readonly notes: number;
}

export interface DrainResult extends Omit<DrainProgress, 'inFlight'> {
  /** Nothing is left to hand over; false where the time was over first. */
  readonly drained: boolean;
}

/** A store of one host: the embedded API. Safe for any number of calls in flight. */
export interface Store extends AsyncDisposable {
  /** The value, siblings resolved by the store's `resolve`, or undefined when R replicas do not hold the key. */
  get(key: Key, options?: ReadOptions): Promise<Value | undefined>;
  /** The same from local shared memory, without a promise. @throws KV_NOT_LOCAL where it would need a message. */
  getSync(key: Key): Value | undefined;
  /** Every sibling, the context, and what held. */
  read(key: Key, options?: ReadOptions): Promise<ReadResult>;
  has(key: Key, options?: ReadOptions): Promise<boolean>;
  put(key: Key, value: Value, options?: PutOptions): Promise<WriteResult>;
  delete(key: Key, options?: WriteOptions): Promise<WriteResult>;
  /** Reads, applies `fn`, writes with the read's context; runs again over all siblings where that left some. Not atomic. */
  update(key: Key, fn: (value: Value | undefined) => Value, options?: ReadOptions & PutOptions): Promise<Value>;
  /** Values in the order of the keys. */
  getMany(keys: readonly Key[], options?: ReadOptions): Promise<(Value | undefined)[]>;
  /** Every pair must reach W; not atomic across keys: on error some may have been written. */
  putMany(pairs: Iterable<readonly [Key, Value]>, options?: PutOptions): Promise<void>;
  /** Puts and deletes together; not atomic across keys. */
  batch(operations: Iterable<BatchOperation>, options?: WriteOptions): Promise<void>;
  /** Pairs in byte order of the keys, over all partitions, merged without loading them; not a snapshot. */
  scan(options?: ScanOptions): AsyncIterableIterator<Pair>;
  /** Whole records with all siblings, by partition, as R replicas hold them together: for backups. See `onInstant`. */
  records(options?: RecordsOptions): AsyncIterableIterator<StoredRecord>;
  /** Writes such records where they are not there already, siblings as siblings; they replace what the key held. */
  restore(records: Iterable<StoredRecord>, options?: RestoreOptions): Promise<RestoreResult>;
  /** Approximate number of live keys. */
  count(): Promise<number>;
  stats(): Promise<StoreStats>;
  /** Compares the replicas of all partitions and has them exchange what differs, while the store goes on serving. */
  repair(options?: RepairOptions): Promise<RepairResult>;
  ring(): RingReport;
  /** The hosts that this one knows, itself included, with the members that run there. */
  hosts(): HostReport[];
  members(): MemberReport[];
  /** What a change of the ring would move; nothing is done. Counts what the present holders hold, so it takes a while. */
  plan(change: StoreChange, options?: PlanOptions): Promise<RingPlan>;
  /**
   * Changes the ring while it serves: nodes join, leave, are replaced or get another weight. Resolves when all of it has
   * moved. One change at a time: another one rejects with KV_RING_CHANGING.
   */
  change(change: StoreChange, options?: ChangeOptions): Promise<ChangeResult>;
  /** A seat for another worker thread of this program: pass it in workerData, with `handle.transferList`. */
  handle(): StoreHandle;
  on<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): this;
  off<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): this;
  /**
   * Before a stop on purpose: refuses new writes through this store (KV_DRAINING), waits for what is in flight, and until
   * its nodes have handed over their hints. Reads go on until `close`. There is no way back.
   */
  drain(options?: DrainOptions): Promise<DrainResult>;
  /** Finishes what is in flight, stops the threads, releases the directory. Idempotent. */
  close(): Promise<void>;
}

/** What a worker thread needs to use the store: structured-cloneable, with the ports to transfer. */
export interface StoreHandle {
  readonly transferList: readonly import('node:worker_threads').MessagePort[];
}

export interface StoreStats {
  readonly nodes: readonly NodeStats[];
  readonly client: {
    readonly inFlight: number;
    readonly sharedReads: number;
    readonly messageReads: number;
    readonly lostRaces: number;
  };
  /** What passes between this host and others, and whom it refused and why; where it has a bridge. */
  readonly bridge?: BridgeStats;
}
