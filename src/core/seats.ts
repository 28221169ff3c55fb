/**
 * Who sits where while the claim takes a step: the holders of each partition as positions, changed in place, and the books
 * that are kept of them. A replica is copied where its holder did not hold the partition before the step.
 */
import type { Level } from './spread.js';

/** Weights and groups by position, and the positions that hold each partition. Changed in place. */
export interface Seats {
  readonly n: number;
  readonly weights: readonly number[];
  /** Failure domain of each position, then its group at each level above (spread.ts). */
  readonly groups: readonly (readonly number[])[];
  /** What a position is called when it is scored: its node index. */
  readonly names: readonly number[];
  /** Holders of each partition, as positions; one that is not in `weights` has left. */
  readonly lists: number[][];
}

export interface Books extends Seats {
  readonly loads: number[];
  readonly fair: readonly number[];
  readonly levels: readonly Level[];
  /** The lists before this step: going back to them costs no copy. */
  readonly before: readonly (readonly number[])[];
}

/** A hash score in 0..2^32-1: how much a node wants a partition. */
export function score(partition: number, node: number): number {
  let hash = Math.imul(partition + 0x9e3779b9, 0x85ebca6b) ^ Math.imul(node + 0x7f4a7c15, 0xc2b2ae35);
  hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
  hash = Math.imul(hash ^ (hash >>> 13), 0x9e3779b1);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Partitions that each position holds. */
export function holdings({ weights, lists }: Books): number[][] {
  const held: number[][] = weights.map(() => []);
  lists.forEach((list, partition) => {
    for (const position of list) held[position].push(partition);
  });
  return held;
}

/** Replicas that this step has copied so far. */
export function copiesOf({ lists, before }: Books): number {
  let copies = 0;
  lists.forEach((list, partition) => {
    for (const position of list) if (!before[partition].includes(position)) copies++;
  });
  return copies;
}

export function exchange({ loads }: Books, list: number[], seat: number, taker: number): void {
  loads[list[seat]]--;
  loads[taker]++;
  list[seat] = taker;
}

/** Replicas that a position is short of its fair share; negative where it holds more. */
export function lacks({ fair, loads }: Books, position: number): number {
  return fair[position] - loads[position];
}
