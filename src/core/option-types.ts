/**
 * The options of a store as types, for who writes `open({ ... })`: what an editor shows of each is what `OPTION_SPECS` says of it.
 */
import type { BridgeOptions } from './bridge-options.js';
import type { GossipPreset } from './gossip-tuning.js';
import type { RepairOptions } from './repair-options.js';

/** When a replica confirms a write: after fdatasync; after the log write, which is synced now and then; the same, never synced. */
export type Durability = 'sync' | 'interval' | 'none';
/** Strict quorum, or sloppy. */
export type Mode = 'strict' | 'available';
/** What must differ between two replicas of a key. */
export type FailureDomain = 'node' | 'host' | 'machine' | 'zone';

/** Options that every host of a cluster must agree on. */
export interface ClusterOptions {
  /** Name that every host of the cluster states; a directory of another name is refused. Default: kvorum. */
  readonly clusterName: string;
  /** Replicas of each key, each in another failure domain. 1 to 9; default: 3, or the number of nodes if smaller. */
  readonly n: number;
  /** Replicas that must answer a read. R+W>N reads every acknowledged write. 1 to 9; default: a majority of n. */
  readonly r: number;
  /**
   * Replicas that must confirm a write. Smaller is faster and survives more losses; larger is safer. 1 to 9;
   * default: a majority of n.
   */
  readonly w: number;
  /**
   * Arcs of the ring, fixed at creation. More balance better over many nodes, and cost memory each. 8 to 4096, a
   * power of two; default: 256.
   */
  readonly partitions: number;
  /** What must differ between two replicas of a key. Default: node. */
  readonly failureDomain: FailureDomain;
  /** Most bytes of a key and its value together. In bytes, 64 B to 1.0 MiB; default: 10.0 KiB. */
  readonly pairBytesMax: number;
  /** Most concurrent values of a key that a client write may leave; repair is never refused. 1 to 256; default: 32. */
  readonly siblingsMax: number;
}

/** Options of this host alone. */
export interface HostOptions extends BridgeOptions, RepairOptions {
  /** Data directory; made if missing. One process at a time. Default: ./kvorum-data. */
  readonly path: string;
  /**
   * Worker threads that hold data. More nodes use more cores and survive more losses. 1 to 128; default: 3 or the
   * number of cores, whichever is larger, at most 128.
   */
  readonly nodes: number;
  /**
   * Most nodes of this host, those that join later included. Room costs address space, not memory. 1 to 128;
   * default: 5 more than nodes, at most 128.
   */
  readonly nodesMax: number;
  /** Relative share of the data per node, one number of 0.1 to 100 each. Default: 1 for each node. */
  readonly weights: readonly number[];
  /** Identity of this process among the hosts. Default: made at creation and kept in the data directory. */
  readonly hostId: string;
  /** Label of the data centre or rack, for failureDomain zone. Default: zone-1. */
  readonly zone: string;
  /**
   * Shared memory for hot data over the first nodes of the host (at most 4 GiB a node; one that joins later takes as
   * much as each of them). Data beyond it lives on disk. In bytes, 4.0 MiB to 512.0 GiB; default: 256.0 MiB.
   */
  readonly memoryBytes: number;
  /**
   * What counts towards R and W: the key’s N primaries, or also nodes that stand in for those that are down or
   * suspected. Default: strict.
   */
  readonly mode: Mode;
  /**
   * When a replica confirms a write: after fdatasync; after the log write, synced every syncIntervalMs (a process
   * crash loses nothing); the same, never synced. Default: interval.
   */
  readonly durability: Durability;
  /**
   * Time between fdatasyncs under durability interval: what a machine crash can lose on one node. 1 to 60000, ms;
   * default: 100.
   */
  readonly syncIntervalMs: number;
  /** Time a request may take before it fails with KV_DEADLINE_EXCEEDED. 1 to 3600000, ms; default: 5000. */
  readonly deadlineMs: number;
  /**
   * Most bytes of commit log per node; writes wait, then are refused, until the base table caught up. In bytes, 4.0
   * MiB to 64.0 GiB; default: 512.0 MiB.
   */
  readonly logBytesMax: number;
  /**
   * Most bytes of base table per node (address space, not disk, is taken ahead). In bytes, 16.0 MiB to 16.0 TiB;
   * default: 1.0 TiB.
   */
  readonly mapBytesMax: number;
  /** Compress values in the base table (LZ4). Saves disk, costs processor time on cold reads. Default: false. */
  readonly compression: boolean;
  /** Requests in flight per thread; the next one is refused with KV_OVERLOADED. 16 to 65535; default: 16384. */
  readonly inFlightMax: number;
  /** Other threads that may attach at the same time. 0 to 64; default: 16. */
  readonly handlesMax: number;
  /**
   * How far a caller’s hybrid clock may run ahead of this host before its write is refused. 1 to 3600000, ms;
   * default: 60000.
   */
  readonly clockDriftMaxMs: number;
  /** How soon silence makes a suspect: local is for threads of one process, lan for several hosts. Default: local. */
  readonly gossip: GossipPreset;
  /**
   * Most bytes of hints for another node that misses writes; beyond it, a note: repair is due. In bytes, 0 B to 16.0
   * GiB; default: 64.0 MiB.
   */
  readonly hintBytesMax: number;
  /**
   * How long a hint is kept for a node that does not come back, before it becomes such a note. 1000 to 2592000000,
   * ms; default: 86400000.
   */
  readonly hintAgeMaxMs: number;
}

export type StoreOptions = ClusterOptions & HostOptions;
