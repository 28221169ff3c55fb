/** What a host tells about itself: its events, its ring, its members, and the counters of its nodes. */
import type { RepairCounts } from '../../actors/repair-counts.js';
import type { FailureDomain } from '../core/options.js';
import type { ChangeKind } from '../core/ring-state.js';

export interface StoreEvents {
  'node-down': { node: number; reason: string };
  'node-up': { node: number; incarnation: number };
  /** The thread of a node that has left the ring has ended; hints and notes that it still had are left to anti-entropy. */
  'node-left': { node: number; hints: number; notes: number };
  'actor-restarted': { node: number; role: string; error: string };
  /** What the gossip agent of `observer` now takes a node for, and who suspects it. */
  liveness: { node: number; state: 'up' | 'suspect' | 'down'; reporters: readonly number[]; observer: number };
  overloaded: { node: number; what: string };
  'ring-changed': { epoch: number; moving: number };
  'storage-error': { node: number; code: string; message: string };
  /** The node counts again for all partitions, but for so many of them too few replicas were left to be sure. */
  'writes-may-be-lost': { node: number; partitions: number };
  /** What the node has on disk is not what its writes had made of it; it is compared with the other replicas. */
  'tree-differs': { node: number; partition: number };
  /** Another host can be reached from here, or cannot any more. */
  host: { host: string; state: 'up' | 'down'; reason: string };
  /** A host at this address is not let in, or does not let this one in. */
  'host-refused': { address: string; reason: string };
  'log-cut': { node: number; segment: string; bytes: number };
  /**
   * A log segment was damaged in its middle. The node has kept what is intact of it (`salvaged` records), and gets the rest from
   * the other replicas. `offset`: of the first damage; `bytes`: skipped in all; `lost`: records missing, as far as their numbers
   * tell; `keptAs`: where the damaged file stands now, absent where it could not be kept.
   */
  'log-damaged': {
    node: number;
    segment: string;
    offset: number;
    bytes: number;
    lost: number;
    salvaged: number;
    keptAs?: string;
  };
  /**
   * The pages of a node's base table were damaged. The node has begun anew with what its log still holds, and gets the rest from the
   * other replicas. `base`: its directory; `keptAs`: where the damaged one stands now, absent where it could not be kept.
   */
  'base-damaged': { node: number; base: string; reason: string; keptAs?: string };
}

/** Every event, by name. */
export const EVENTS: Readonly<Record<keyof StoreEvents, true>> = {
  'node-down': true,
  'node-up': true,
  'node-left': true,
  'actor-restarted': true,
  liveness: true,
  overloaded: true,
  'ring-changed': true,
  'storage-error': true,
  'writes-may-be-lost': true,
  'tree-differs': true,
  host: true,
  'host-refused': true,
  'log-cut': true,
  'log-damaged': true,
  'base-damaged': true,
};

export interface RingReport {
  /** The option; only where the store was opened. */
  readonly clusterName?: string;
  readonly epoch: number;
  readonly partitions: number;
  readonly n: number;
  /** What differs between two replicas; while it changes, what did. */
  readonly failureDomain: FailureDomain;
  /** Owners of each partition: the preference list as node indices, first the claimed owner. */
  readonly preferenceLists: readonly (readonly number[])[];
  /** Replicas per node, and its fair share. */
  readonly nodes: readonly { readonly node: number; readonly replicas: number; readonly fairShare: number }[];
  /** The change under way, if there is one. */
  readonly change?: RingChangeReport;
  /** What the nodes of this host have copied in order to fill partitions, since it was opened. */
  readonly moved?: { readonly records: number; readonly bytes: number };
}

export interface RingChangeReport {
  /** Epoch that began it. */
  readonly id: number;
  readonly kind: ChangeKind;
  /** Nodes were given up by force: what only they held is lost. */
  readonly forced: boolean;
  /** Partitions that are not settled, each with its next preference list. */
  readonly moving: readonly {
    readonly partition: number;
    readonly phase: 'filling' | 'handing over';
    readonly next: readonly number[];
  }[];
}

export interface MemberReport {
  readonly node: number;
  readonly host: string;
  readonly zone: string;
  readonly weight: number;
  /** Down: its thread has ended. Suspect: some node waits for its heartbeat in vain. */
  readonly state: 'up' | 'suspect' | 'down';
  /** Nodes that suspect it. */
  readonly reporters: readonly number[];
  readonly incarnation: number;
  /**
   * False: it is in doubt, it may lack acknowledged writes of some partition and does not count there until it has compared
   * with the others. Undefined: not known, since it is down, or its host is silent or of a version that does not tell.
   */
  readonly counts?: boolean;
}

/** A process of the cluster. */
export interface HostReport {
  readonly host: string;
  /** Where other hosts reach it; undefined where it is alone. */
  readonly address?: string;
  readonly zone: string;
  readonly machine: string;
  /** This host. */
  readonly own: boolean;
  /** Up: this host itself, or a connection to it stands. */
  readonly state: 'up' | 'down';
  /** Why it is down: what came of the last attempt to connect, where there was one. */
  readonly refusal?: string;
  /** Members that run there. */
  readonly nodes: readonly number[];
}

export interface NodeStats {
  readonly node: number;
  readonly up: boolean;
  readonly incarnation: number;
  readonly hotEntries: number;
  readonly hotBytes: number;
  readonly hotBytesMax: number;
  readonly dirtyBytes: number;
  readonly logBytes: number;
  readonly baseEntries: number;
  readonly baseBytes: number;
  /** About how many keys it holds, tombstones included. */
  readonly keysAbout: number;
  readonly messages: number;
  readonly turns: number;
  readonly wakeUps: number;
  /** Sleeps that ended by timeout though work was there; must be 0. */
  readonly missedWakeUps: number;
  readonly refusedSends: number;
  readonly actorRestarts: number;
  readonly flushes: number;
  readonly evictions: number;
  readonly logWrites: number;
  readonly logSyncs: number;
  readonly readOnly: boolean;
  /** Keys that others lack and this node is to hand over, and the bytes of the hints. */
  readonly hints: number;
  readonly hintBytes: number;
  /** Partitions of others that miss writes, without a hint that tells which. */
  readonly notes: number;
  /** Hints handed over since the node started. */
  readonly hintsHandedOver: number;
  readonly repairs: RepairStats;
  /** Messages handled by each actor: the vnodes by partition, then the coordinator and the gossip agent. */
  readonly actorMessages: readonly number[];
  readonly mailboxes: readonly MailboxStats[];
}

/** What anti-entropy has done since the node's start, and what is collected of the dead. */
export interface RepairStats extends RepairCounts {
  /** Dead records that it has had forgotten, as owner of their partitions. */
  readonly collected: number;
}

export interface MailboxStats {
  readonly from: string;
  readonly to: string;
  readonly depthBytes: number;
  readonly highWaterBytes: number;
  readonly messages: number;
  readonly refused: number;
}
