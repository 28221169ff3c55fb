/**
 * Settles the partitions of a node that are in doubt: has them compared with other holders, as core/doubt.ts decides, until
 * the node counts again. What was learned of the others lives as long as the actor; after a restart it is asked again.
 */

import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { coHoldersOf } from '../src/core/co-holders.js';
import { type DoubtPeer, decideDoubt } from '../src/core/doubt.js';
import type { NodeIndex } from '../src/core/ids.js';

interface Known {
  readonly counts: boolean;
  readonly isMerged: boolean;
}

export class DoubtSettlement {
  readonly #doubts: PartitionDoubts;
  readonly #w: number;
  /** What comparing has told, by partition * 65,536 + node. */
  readonly #known = new Map<number, Known>();

  constructor(doubts: PartitionDoubts, w: number) {
    this.#doubts = doubts;
    this.#w = w;
  }

  has(partition: number): boolean {
    return this.#doubts.has(partition);
  }

  get isOpen(): boolean {
    return this.#doubts.size > 0;
  }

  /** A comparison ended: whether the peer counts, and whether this node has merged all that it holds. */
  compared(partition: number, peer: NodeIndex, known: Known): void {
    if (this.#doubts.has(partition)) this.#known.set(nameOf(partition, peer), known);
  }

  /** Settles what can be settled, and asks for the comparisons that come next. */
  visit(env: Env, compare: (partition: number, peer: NodeIndex) => void): void {
    if (!this.isOpen) return;
    for (let p = 0; p < env.placement.partitions; p++) if (this.#doubts.has(p)) this.#visit(p, env, compare);
  }

  #visit(partition: number, env: Env, compare: (partition: number, peer: NodeIndex) => void): void {
    const others = coHoldersOf(env.placement, partition, env.node);
    const { n, preference } = env.placement;
    const first = partition * n;
    // no holder, or one that is still being filled, stands for nothing that it could lack
    if (!preference.subarray(first, first + n).includes(env.node)) {
      this.#doubts.settle(partition, false);
      return;
    }
    const peers = others.map((node): DoubtPeer => {
      const known = this.#known.get(nameOf(partition, node));
      if (known !== undefined) {
        return { node, state: known.counts ? 'counts' : 'doubts', isMerged: known.isMerged };
      }
      return { node, state: env.placement.isUp(node) ? 'unknown' : 'away', isMerged: false };
    });
    const step = decideDoubt({ n, w: this.#w }, peers);
    if (step.kind === 'compare') compare(partition, step.node);
    else if (step.kind === 'settled') this.#doubts.settle(partition, step.mayBeLost);
  }
}

const nameOf = (partition: number, node: number): number => partition * 0x1_0000 + node;
