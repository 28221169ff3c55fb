/** The public contract of ring changes: what can be asked for, what it would move, and how it goes. */
import type { FailureDomain } from '../core/options.js';

/** A change of the ring while it serves; one at a time. Nodes are named by their index. */
export type StoreChange =
  /** New nodes of this host: `count` of them (default 1), each of this weight (default 1). */
  | { readonly kind: 'join'; readonly count?: number; readonly weight?: number }
  /** These nodes, and all nodes of these hosts, give up what they hold, then end. */
  | { readonly kind: 'leave'; readonly nodes?: readonly number[]; readonly hosts?: readonly string[] }
  /**
   * New nodes of this host take the seats of these, which may be dead, one for one. `same`: one node of this host, dead or
   * damaged, begins anew under its own number, with an empty directory that it fills from the others; with `force` also one
   * that is well, or while others are down.
   */
  | { readonly kind: 'replace'; readonly nodes: readonly number[]; readonly same?: boolean }
  /** The node's share grows or shrinks. */
  | { readonly kind: 'reweight'; readonly node: number; readonly weight: number }
  /** Two replicas of a key must differ in this from now on. */
  | { readonly kind: 'failure-domain'; readonly failureDomain: FailureDomain }
  /**
   * The change under way is called off, unless it is by force: what it still fills stays with the holders it has. A node that
   * has taken over partitions by then is a member; one that has none is not.
   */
  | { readonly kind: 'abort' }
  /** A host none of whose nodes is a member: it is no part of the cluster any more, and another host may have its node indices. */
  | { readonly kind: 'forget'; readonly host: string };

export interface PlanOptions {
  /**
   * Give up every member that is down, also where they are the most: the change must remove all of them. Writes that only
   * they held are lost, and no promise covers what moved.
   */
  readonly force?: boolean;
}

export interface ChangeOptions extends PlanOptions {
  /** Called when the change begins, takes a step, or has copied more. */
  readonly onProgress?: (progress: ChangeProgress) => void;
  /** false: resolve when the change has begun, not when it is done. */
  readonly wait?: boolean;
}

/** One replica that moves. */
export interface PlannedTransfer {
  readonly partition: number;
  readonly to: number;
  /** The node that it is copied from, as long as it is up; none where every holder is given up. */
  readonly from?: number;
  readonly bytes: number;
  readonly records: number;
}

/** What a change would move, as of now. */
export interface RingPlan {
  readonly kind: StoreChange['kind'];
  /** false: there is nothing to do, such as to forget a host that the ring does not name. */
  readonly changesRing: boolean;
  /** Members when it is done. */
  readonly nodes: readonly { readonly node: number; readonly weight: number; readonly replicas: number }[];
  /** Nodes that are given up by force. */
  readonly gone: readonly number[];
  /** Partitions that change hands. */
  readonly partitions: number;
  /** Replicas that are copied, their records, tombstones included, and the bytes of those. */
  readonly replicas: number;
  readonly records: number;
  readonly bytes: number;
  readonly transfers: readonly PlannedTransfer[];
}

export interface ChangeProgress {
  readonly epoch: number;
  /** Partitions that change hands, and those that have. */
  readonly partitions: number;
  readonly settled: number;
  /** Copied so far, to nodes of this host. */
  readonly records: number;
  readonly bytes: number;
}

export interface ChangeResult extends ChangeProgress {
  /** Epoch that began it. */
  readonly id: number;
  /** New nodes, for a join or a replacement; the one that began anew. */
  readonly joined: readonly number[];
  /** false: it goes on. */
  readonly done: boolean;
}
