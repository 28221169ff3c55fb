/**
 * What the commands need of a store, whoever holds it: this process, which opens the data directory, or another one,
 * reached through the Unix socket in that directory (or `--connect`). Commands see this interface alone and do not
 * know which; open-access.ts decides. Both ways answer in the same JSON shapes (server/admin-json.ts).
 */
import type {
  ChangeResult,
  HostReport,
  InstantReport,
  MemberReport,
  RepairResult,
  RingPlan,
  RingReport,
  StoreStats,
  WriteResult,
} from '../client/types.js';
import type { Durability, Mode } from '../core/options.js';
import type { Quorum } from '../core/zone-quorum.js';
import type { JsonKey, JsonPair, readToJson } from '../server/admin-json.js';
import type { RecordPage } from '../server/record-commands.js';
import type { ChangeOrder } from '../server/ring-json.js';
import type { JsonType, JsonValue } from '../server/value-json.js';

export type { JsonKey, JsonPair } from '../server/admin-json.js';
export type { JsonType, JsonValue } from '../server/value-json.js';

/** What a read found: every sibling, newest first, and the context. */
export type FoundValue = ReturnType<typeof readToJson>;

export interface ReadRequest {
  readonly r?: Quorum;
}

export interface WriteRequest {
  readonly w?: Quorum;
  readonly mode?: Mode;
  readonly durability?: Durability;
  /** Of an earlier read: replace just what it covers. */
  readonly context?: string;
}

/** A pair as `load` writes it; without a type the value is what its JSON is. */
export type PairToWrite = JsonKey & {
  readonly value: unknown;
  readonly type?: JsonType;
  readonly ttlMs?: number;
};

export type PutRequest = PairToWrite & WriteRequest;

export interface ScanRequest {
  readonly prefix?: string;
  readonly gt?: string;
  readonly gte?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
  /** false: keys only. */
  readonly values?: boolean;
  /** Values that JSON cannot carry come as their CBOR, of type `cborBase64`, not as the nearest JSON. */
  readonly exact?: boolean;
}

/** What `status` shows. */
export interface StatusReport {
  readonly path: string;
  readonly pid: number;
  /** Of the kvorum that holds the store. */
  readonly version: string;
  /** The clock of that process, milliseconds since 1970. */
  readonly nowMs: number;
  readonly hosts: readonly HostReport[];
  readonly members: readonly MemberReport[];
  readonly stats: StoreStats;
  readonly count: number;
  readonly ring: Pick<RingReport, 'epoch' | 'partitions' | 'n' | 'failureDomain'>;
}

export interface RepairRequest {
  readonly partition: number;
  readonly dryRun: boolean;
}

export interface RecordsRequest {
  readonly partition: number;
  readonly r?: number;
  /** Asks for the records of one instant, and is told before the first page whether they are. */
  readonly onInstant?: (report: InstantAnswer) => void;
}

/** The process that holds the store may be of a version that cannot be asked for one instant. */
export type InstantAnswer = InstantReport | { readonly instant: false; readonly reason: 'older-server' };

/** What became of records that were to be restored. */
export interface RestoreReport {
  readonly written: number;
  readonly unchanged: number;
  readonly failed: readonly { readonly keyBase64: string; readonly code: string; readonly message: string }[];
}

/** One store, near or far. Every call rejects with a StoreError or a CliError. */
export interface StoreAccess {
  /** In words for people: `this process` or the address of the one that answers. */
  readonly via: string;
  get(key: string, request?: ReadRequest): Promise<FoundValue>;
  put(request: PutRequest): Promise<WriteResult>;
  delete(key: string, request?: WriteRequest): Promise<WriteResult>;
  /** Writes every pair or rejects; some may then have been written. */
  load(pairs: readonly PairToWrite[]): Promise<void>;
  /** Pairs in byte order of their keys, a page at a time, never all at once. */
  scan(request: ScanRequest): AsyncIterable<JsonPair>;
  /** Whole records of a partition as frames, a page at a time. */
  records(request: RecordsRequest): AsyncIterable<RecordPage>;
  /** Writes such records where they are not there already. Repeats safely. */
  restore(frames: Buffer): Promise<RestoreReport>;
  status(): Promise<StatusReport>;
  ring(): Promise<RingReport>;
  /** Compares the replicas of one partition and has them exchange what differs. */
  repair(request: RepairRequest): Promise<RepairResult>;
  /** What a change of the ring would move. */
  plan(order: ChangeOrder): Promise<RingPlan>;
  /** Begins it; `ring` then tells how far it is. */
  change(order: ChangeOrder): Promise<ChangeResult>;
  close(): Promise<void>;
}

/** A key as text: what is not UTF-8 is shown as its base64. */
export function keyText(key: JsonKey): string {
  return 'key' in key ? key.key : `base64:${key.keyBase64}`;
}

/** A value without the rest of a pair or of a sibling. */
export function valueIn({ value, type }: Partial<JsonValue>): JsonValue {
  return { value: value ?? null, type: type ?? 'cbor' };
}
