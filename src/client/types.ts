/**
 * The public contract of a store: what `open` and `attach` return, and the options of each call.
 *
 * Keys are strings (UTF-8) or bytes; a string key and its bytes are the same key. Values are bytes, strings, or
 * anything CBOR can carry; each comes back as what it was. Every call may reject with a StoreError (core/errors.ts).
 */
import type { BridgeStats } from '../bridge/stats.js';
import type { Durability, Mode, OpenOptions } from '../core/options.js';
import type { Quorum } from '../core/zone-quorum.js';
import type { HostReport, MemberReport, NodeStats, RingReport, StoreEvents } from '../host/reports.js';
import type { RecordsOptions, RestoreOptions, RestoreResult, StoredRecord } from './record-types.js';
import type { ChangeOptions, ChangeResult, PlanOptions, RingPlan, StoreChange } from './ring-types.js';
import type { DrainOptions, DrainResult, RepairOptions, RepairResult } from './upkeep-types.js';

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

export type {
  DrainOptions,
  DrainProgress,
  DrainResult,
  RepairOptions,
  RepairProgress,
  RepairResult,
} from './upkeep-types.js';

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
  /** Nodes that answered in place of primaries, or primaries in doubt; together at least r. 0 in `strict` mode. */
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

/** What a scan yields. */
export interface Pair {
  /** A string, or a Buffer where `keys` is `bytes`. */
  readonly key: string | Buffer;
  /** Undefined where `values` is false. */
  readonly value: Value;
}

export type BatchOperation =
  | { readonly type: 'put'; readonly key: Key; readonly value: Value; readonly ttlMs?: number }
  | { readonly type: 'delete'; readonly key: Key };

/** A store of one host: the embedded API. Safe for any number of calls in flight. */
export interface Store extends AsyncDisposable {
  /** The value, siblings resolved by the store's `resolve`, or undefined when R replicas do not hold the key. */
  get(key: Key, options?: ReadOptions): Promise<Value | undefined>;
  /** The same from local shared memory, without a promise. @throws KV_NOT_LOCAL where it would need a message. */
  getSync(key: Key): Value | undefined;
  /** Every sibling, the context, and what held. */
  read(key: Key, options?: ReadOptions): Promise<ReadResult>;
  /** Whether the newest sibling is a live value. */
  has(key: Key, options?: ReadOptions): Promise<boolean>;
  /**
   * Writes a value; resolves once W replicas have confirmed it. Repeats safely. Bytes and objects must stay as they are until then.
   * @throws KV_INVALID_KEY, KV_INVALID_VALUE, KV_PAIR_TOO_LARGE, KV_OVERLOADED, KV_UNAVAILABLE: nothing was done;
   *   KV_WRITE_QUORUM_UNMET, KV_DEADLINE_EXCEEDED, KV_NODE_RESTARTED, KV_ABORTED: it may have happened
   */
  put(key: Key, value: Value, options?: PutOptions): Promise<WriteResult>;
  /** Writes a tombstone, whether the key is there or not. Else as `put`. */
  delete(key: Key, options?: WriteOptions): Promise<WriteResult>;
  /**
   * Reads, applies `fn`, which is not async, and writes with the read's context; again over all siblings where that left some. Not
   * atomic: no counter.
   */
  update(key: Key, fn: (value: Value | undefined) => Value, options?: ReadOptions & PutOptions): Promise<Value>;
  /** Values in the order of the keys, undefined for each that is absent. */
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
  /** Counters of every node, mailbox and actor of this host, of this thread's calls, and of the bridge. */
  stats(): Promise<StoreStats>;
  /** Compares the replicas of all partitions and has them exchange what differs, while the store goes on serving. */
  repair(options?: RepairOptions): Promise<RepairResult>;
  /** Who holds which partition, how even that is, and what is on the move. */
  ring(): RingReport;
  /** The hosts that this one knows, itself included, with the members that run there. */
  hosts(): HostReport[];
  /** The nodes of the ring: which are up, and which of them are in doubt. */
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
  /** Calls the listener with each event of this name from now on. @throws KV_INVALID_OPTION for a name that no event has */
  on<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): this;
  /** Ends that. @throws KV_INVALID_OPTION for a name that no event has */
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
    /** Requests that have no answer yet. */
    readonly inFlight: number;
    /** Reads answered from shared memory, on this thread. */
    readonly sharedReads: number;
    /** Reads that took messages. */
    readonly messageReads: number;
    /** Reads that lost every race to a writer, and took messages for it. */
    readonly lostRaces: number;
  };
  /** What passes between this host and others, and whom it refused and why; where it has a bridge. */
  readonly bridge?: BridgeStats;
}
