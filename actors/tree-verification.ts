/**
 * Reads all that a node holds once in an interval, a partition at a time and slowly: the tree that its writes have kept is
 * compared with one that is built from the records, and what the disk cannot give back is found before somebody needs it.
 *
 *   partition  0 | 1 | 2 ...   one begins every interval / partitions held; its pass goes in slices, with pauses
 *
 * A tree that differs would hide what replicas lack, or have them compare for ever; the one that was built takes its place.
 * Riak rebuilds its trees every week for the same reason (basho/riak_core, docs/hashtree.md). The digest of a record costs
 * some 30 ns where it stands: less than to hand it to another thread.
 */
import type { Env } from '../src/actor/env.js';
import { holdersOf } from '../src/core/co-holders.js';
import type { PartitionId } from '../src/core/ids.js';
import type { SliceEnd } from './partition-trees.js';

export class TreeVerification {
  /** The partition that is being read; undefined while none is. */
  partition: PartitionId | undefined;
  /** Partitions that were read, and trees that were not what they should have been, since the node's start. */
  verified = 0;
  treesDiffering = 0;
  readonly #intervalMs: number;
  #next = 0;
  #nextAtMs: number;

  constructor(intervalMs: number, env: Env) {
    this.#intervalMs = intervalMs;
    // not all nodes of a host at the same time
    this.#nextAtMs = (env.nowMs() + this.#pauseMs(env) * (1 + (env.node % 4) / 4)) | 0;
  }

  /** Begins with the next partition that this node holds, when it is time. */
  visit(env: Env): void {
    if (this.partition !== undefined || ((env.nowMs() - this.#nextAtMs) | 0) < 0) return;
    const { partitions } = env.placement;
    this.#nextAtMs = (env.nowMs() + this.#pauseMs(env)) | 0;
    for (let tried = 0; tried < partitions; tried++) {
      const partition = this.#next % partitions;
      this.#next = partition + 1;
      if (!holdersOf(env.placement, partition).includes(env.node)) continue;
      this.partition = partition as PartitionId;
      return;
    }
  }

  /** A pass over a partition has ended, for whomever it was. */
  ended(partition: PartitionId, end: SliceEnd): void {
    if (end === 'differs') this.treesDiffering++;
    if (partition !== this.partition) return;
    this.verified++;
    this.partition = undefined;
  }

  #pauseMs({ placement, node }: Env): number {
    let held = 0;
    for (let p = 0; p < placement.partitions; p++) if (holdersOf(placement, p).includes(node)) held++;
    return this.#intervalMs / Math.max(1, held);
  }
}
