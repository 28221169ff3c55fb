/**
 * What the actors see of storage and of the ring: the ports where `actors/`, `src/storage` and `src/runtime` meet without
 * importing each other. Positions and word indices are only valid within the turn that they were obtained in.
 */
import type { Clock, NodeIndex, PartitionId, ReplicaId } from '../core/ids.js';
import type { RingState } from '../core/ring-state.js';
import type { Nearness } from '../core/stand-ins.js';

/** The storage of one node, as its vnodes see it. */
export interface Store {
  /** Records stand in these, at the word index that `find` and `reserve` return. */
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly replica: ReplicaId;
  /** Why writes are refused now: 0, or an outcome (protocol/outcome.ts). */
  readonly refusal: number;
  /**
   * Word index of the newest record of the key whose hash, length and bytes stand at `words[key..]` (hash, key and slot
   * word, then from `keyAt` the padded key); -1 when absent. Looks in the hot table, then at the bloom filter, then on
   * disk. @throws StoreError KV_CORRUPT when the disk's record fails its checksum
   */
  find(words: Int32Array, hash: number, keySlot: number, keyAt: number): number;
  /**
   * The keys of the `count` records at these word indices are looked up next: a chance to begin loading what stands there.
   * Without it nothing changes but the time that takes.
   */
  prefetch?(words: Int32Array, at: Int32Array, count: number): void;
  /** Room for a record of this size in the turn's log block: its word index, or -1 when there is none. */
  reserve(bytes: number): number;
  /** Sequence number of the log that a record reserved next will get. */
  readonly nextCounter: number;
  /** The record written at `at` replaces the one at `previous` (-1: none) when the turn commits. */
  stage(at: number, previous: number): void;
  /**
   * This node forgets the key of the record at this word index: it leaves no tombstone, and `find` then says -1. False
   * where there is no room.
   */
  forget(at: number): boolean;
  /** Users' keys that `forget` has removed since the node began its life. */
  readonly forgets: number;
  /** The partition of what the node keeps for itself (private-record.ts): behind those of the ring. */
  readonly systemPartition: PartitionId;
  /** This turn is synced to disk before its acknowledgements leave. */
  requireSync(): void;
  /** This turn is synced within the sync interval, in the background. */
  requireSyncSoon(): void;
  /** Highest clock that this node has minted or seen; raised by the setter. */
  clock: Clock;
  /** Told of every record that takes another's place, while it is set; a branch where it is not. */
  watch: RecordWatch | undefined;
  /** Records of a partition in key order; see PageRequest. @throws StoreError KV_CORRUPT without `onCorrupt` */
  page(partition: PartitionId, request: PageRequest, emit: (words: Int32Array, at: number) => boolean): boolean;
}

/** Whoever keeps count of what a store holds, record by record: the trees of anti-entropy. */
export interface RecordWatch {
  /** One version of a key took another's place, for good or because a handler was undone; a negative index: none. */
  replaced(before: Int32Array, from: number, after: Int32Array, to: number): void;
  /** The record at this word took the place of one that cannot be read any more. */
  replacedUnread(words: Int32Array, at: number): void;
}

/** How the runtime undoes what a handler has staged when it throws. */
export interface HandlerScope {
  beginHandler(): void;
  undoHandler(): void;
}

/** One turn of a node's thread as its storage sees it; the worker loop calls these in this order. */
export interface TurnStorage {
  /** Bytes that the turn has logged so far, for the loop to end it in time. */
  readonly turnBytes: number;
  /**
   * The `count` messages at these word indices are delivered next: a chance to begin loading what they will look up.
   * Without it nothing changes but the time they take.
   */
  preload?(words: Int32Array, at: Int32Array, count: number): void;
  /** Log write, and sync where asked. @throws StoreError: nothing of the turn counts and the node ends */
  commit(): void;
  /** Shows the turn's records to all threads. */
  publish(): void;
  /** Work between turns. `nowMs`: the host's monotonic clock. @throws StoreError: the node ends */
  maintain(nowMs: number): void;
  /** Something needs turns of the event loop to go on. */
  readonly busy: boolean;
  /** There is work for an idle thread. */
  readonly pending: boolean;
  /** Milliseconds to pause before more work is taken. */
  readonly pauseMs: number;
}

/** Bounds of a page, as bytes of user keys; all optional. */
export interface PageRequest {
  readonly gt?: Uint8Array;
  readonly gte?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  readonly limit?: number;
  /** Told of keys whose record on disk is damaged, which the page then leaves out. */
  readonly onCorrupt?: (key: Uint8Array) => void;
}

/** What the ring makes of a node. */
export const enum Standing {
  none = 0,
  leaver = 1,
  member = 2,
}

export { Phase } from '../core/ring-state.js';

/** The ring as a node sees it now. */
export interface Placement {
  readonly n: number;
  readonly partitions: number;
  /** slot >>> this gives the partition. */
  readonly slotShift: number;
  /** Epoch of the ring map in force on this node. */
  readonly epoch: number;
  /** Nodes of the partition's preference list, n of them, from index partition * n; while it moves, of the old list. */
  readonly preference: Uint16Array;
  /** Laid out like `preference`: the new list while the partition moves, the same one otherwise. */
  readonly next: Uint16Array;
  /** One a partition: see Phase. */
  readonly phases: Uint8Array;
  /** Epoch at which each partition last changed its lists or its phase: reads of older ones are refused. */
  readonly changedAt: Uint32Array;
  /** Epoch that began each partition's last move: writes of older ones are refused. */
  readonly begunAt: Uint32Array;
  /** Nodes that stand in for the partition's primaries, in the order in which they are tried. */
  walk(partition: number): Uint16Array;
  /** False while this node knows that the other cannot answer. */
  isUp(node: NodeIndex): boolean;
  /**
   * Whether requests should go elsewhere: the other cannot answer, this node has waited for its heartbeat in vain, or it
   * is down by enough reports. A guess that routing acts upon at once; it proves nothing.
   */
  suspects(node: NodeIndex): boolean;
  /** How near two members are for two copies of one key. */
  readonly nearness: Nearness;
  /** The zone of a member; another name for a node that is none. */
  zoneOf(node: NodeIndex): string;
  /** All members, of the old and of the new map while it changes. */
  readonly members: readonly NodeIndex[];
  /** Whether a node is a member, has left and may still deliver what it has for others, or is none of the ring's. */
  standingOf(node: NodeIndex): Standing;
  /** What the tables above were made from. */
  readonly ring: RingState;
  /**
   * From here on this node routes by a newer state and refuses what is older; every thread of its host does before it.
   * False as long as the host does not: ask again. The state must be on this node's disk when what is sent later leaves.
   */
  adopt(ring: RingState): boolean;
}
