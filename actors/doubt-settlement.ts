/**
 * Settles the partitions of a node that are in doubt: has them compared with other holders, as core/doubt.ts decides, until
 * the node counts again. What was learned of the others lives as long as the actor; after a restart it is asked again.
 */

import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { Phase } from '../src/actor/ports.js';
import { type DoubtPeer, decideDoubt } from '../src/core/doubt.js';
import type { NodeIndex } from '../src/core/ids.js';
import { readList } from './read-targets.js';
import { loadProgress } from './transfer-records.js';

/** What it asks of a node: its ring, and what it has kept of moves. */
type SettlementEnv = Pick<Env, 'node' | 'placement' | 'store'>;

interface Known {
  readonly counts: boolean;
  readonly isMerged: boolean;
}

/** Comparisons asked for together: those that follow know which peer has failed. */
const COMPARISONS_MAX = 8;

export class DoubtSettlement {
  readonly #doubts: PartitionDoubts;
  readonly #w: number;
  /** What comparing has told, by partition * 65,536 + node. */
  readonly #known = new Map<number, Known>();
  /** Of each peer, the comparisons that have failed since one has not. */
  readonly #failures = new Map<NodeIndex, number>();
  /** The partition that is looked at next: one that cannot be settled does not keep the others waiting. */
  #next = 0;

  constructor(doubts: PartitionDoubts, w: number) {
    this.#doubts = doubts;
    this.#w = w;
  }

  /** Whether this node counts for a partition: who is no holder any more may have forgotten what it held. */
  counts(partition: number, { placement, node }: SettlementEnv): boolean {
    return !this.#doubts.has(partition) && readList(placement, partition).includes(node);
  }

  get isOpen(): boolean {
    return this.#doubts.size > 0;
  }

  /** Whether a comparison that begins now tells anything: a node that is still being filled has little to compare with. */
  isPeer(partition: number, peer: NodeIndex, env: SettlementEnv): boolean {
    return this.#listOf(partition, env)?.includes(peer) === true;
  }

  /** A comparison that was asked for has failed. */
  failed(peer: NodeIndex): void {
    this.#failures.set(peer, (this.#failures.get(peer) ?? 0) + 1);
  }

  /** A comparison ended: whether the peer counts, and whether this node has merged all that it holds. */
  compared(partition: number, peer: NodeIndex, known: Known): void {
    this.#failures.delete(peer);
    if (this.#doubts.has(partition)) this.#known.set(nameOf(partition, peer), known);
  }

  /** A comparison ended: the peer does not count, and what it holds was not taken. */
  doubts(partition: number, peer: NodeIndex): void {
    this.compared(partition, peer, { counts: false, isMerged: false });
  }

  /** What comparing has told of the partition does not count: something of it was not looked into. */
  reopen(partition: number): void {
    for (const name of this.#known.keys()) if (partitionOf(name) === partition) this.#known.delete(name);
  }

  /**
   * Settles what can be settled, and asks for the comparisons that come next. `isUndecided`: whether something of the partition
   * is to be looked into once more, now that enough are there.
   */
  visit(
    env: SettlementEnv,
    isUndecided: (partition: number) => boolean,
    compare: (partition: number, peer: NodeIndex, takesOfDoubtful: boolean) => void,
  ): void {
    const { partitions } = env.placement;
    let asked = 0;
    for (let looked = 0; looked < partitions && asked < COMPARISONS_MAX && this.isOpen; looked++) {
      const partition = this.#next;
      this.#next = (partition + 1) % partitions;
      const peer = this.#doubts.has(partition) ? this.#visit(partition, isUndecided, env) : undefined;
      if (peer === undefined) continue;
      compare(partition, peer, this.#known.get(nameOf(partition, peer))?.counts === false);
      asked++;
    }
  }

  /** Settles the partition if that can be; whom it is to be compared with otherwise, if anybody. */
  #visit(partition: number, isUndecided: (partition: number) => boolean, env: SettlementEnv): NodeIndex | undefined {
    const { n } = env.placement;
    const list = this.#listOf(partition, env);
    if (list === undefined) {
      // no holder lacks anything; nor does one to be, once it has been filled since the doubt began
      if (!isToBeFilled(partition, env)) this.#doubts.settle(partition, false);
      return undefined;
    }
    const gone = env.placement.ring.move?.gone ?? [];
    const others = list.filter((node) => node !== env.node && !gone.includes(node));
    const peers = others.map((node): DoubtPeer => {
      const known = this.#known.get(nameOf(partition, node));
      const failures = this.#failures.get(node) ?? 0;
      const isUp = env.placement.isUp(node);
      if (known === undefined || !(known.isMerged || isUp)) {
        return { node, state: isUp ? 'unknown' : 'away', isMerged: false, failures };
      }
      return { node, state: known.counts ? 'counts' : 'doubts', isMerged: known.isMerged, failures };
    });
    const step = decideDoubt({ n, w: this.#w }, peers);
    if (step.kind === 'settled') {
      if (!step.mayBeLost && isUndecided(partition)) this.reopen(partition);
      else this.#doubts.settle(partition, step.mayBeLost);
    }
    return step.kind === 'compare' ? step.node : undefined;
  }

  /**
   * One list that each acknowledged write has W of, and the node is on: others may hold nothing yet, or nothing any more. One with a
   * disk from the past may hold what was deleted since: it is compared also before it is to be filled.
   */
  #listOf(partition: number, { placement, node }: SettlementEnv): readonly NodeIndex[] | undefined {
    const { n, preference, next } = placement;
    const read = readList(placement, partition);
    const isOn = (list: Uint16Array) => list.subarray(partition * n, (partition + 1) * n).includes(node);
    if (read.includes(node) || (isOn(next) && this.#doubts.isFromPast(partition))) return read;
    return isOn(preference) ? ([...preference.subarray(partition * n, (partition + 1) * n)] as NodeIndex[]) : undefined;
  }
}

const nameOf = (partition: number, node: number): number => partition * 0x1_0000 + node;
const partitionOf = (name: number): number => Math.floor(name / 0x1_0000);

/** Whether the node is a new holder that has not copied, since its storage was lost, what it is to hold. */
function isToBeFilled(partition: number, { placement, node, store }: SettlementEnv): boolean {
  const { n, next, phases, ring } = placement;
  if (phases[partition] === Phase.settled || !next.subarray(partition * n, (partition + 1) * n).includes(node))
    return false;
  return loadProgress(store, ring.move?.id ?? 0, partition)?.filled !== true;
}
