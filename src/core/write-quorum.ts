/**
 * The decisions of one write: when W replicas have confirmed, and when they no longer can.
 *
 * A write goes to places, numbered from 0; a set of them is a bit mask. A node has one place, so its copy counts once in
 * each list, whatever it is for. While the partition moves there are two lists, and W must confirm of each. A stand-in
 * takes a copy in the place of a primary: it counts under a sloppy quorum, never under a strict one.
 *
 * A write that is `unmet` is indeterminate, not undone: some replicas may hold it, and repair will spread it.
 * DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store", SOSP 2007, sections 4.5 and 4.6; joint quorums as
 * in Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm", ATC 2014, section 6.
 */

/** Sets of places, as they stand when the write begins. */
export interface WritePlaces {
  /** The list in force. */
  readonly current: number;
  /** The list that the partition moves to; equal to `current` where it does not move. */
  readonly next: number;
  /** Nodes that stand in for primaries. */
  readonly standIns: number;
}

/** Most places of one write: two lists of the most replicas, and a stand-in for each of one list. */
export const PLACES_MAX = 27;

export type WriteDecision = 'wait' | 'acked' | 'unmet';

/** Members of a set of places. */
export function countPlaces(set: number): number {
  let bits = set - ((set >>> 1) & 0x5555_5555);
  bits = (bits & 0x3333_3333) + ((bits >>> 2) & 0x3333_3333);
  return (((bits + (bits >>> 4)) & 0x0f0f_0f0f) * 0x0101_0101) >>> 24;
}

/** The places whose confirmations count towards W of each list. */
export function countedPlaces({ current, next, standIns }: WritePlaces, available: boolean): WritePlaces {
  return available ? { current: current | standIns, next: next | standIns, standIns } : { current, next, standIns };
}

/**
 * What the coordinator does next. `current`, `next`: places that count towards either list; `confirmed`: places that hold
 * the write; `failed`: places that will not confirm any more. A confirmation stands against a failure of the same place.
 */
export function settleWrite(
  w: number,
  current: number,
  next: number,
  confirmed: number,
  failed: number,
): WriteDecision {
  if (countPlaces(current & confirmed) >= w && (next === current || countPlaces(next & confirmed) >= w)) return 'acked';
  const lost = failed & ~confirmed;
  if (countPlaces(current & ~lost) < w || (next !== current && countPlaces(next & ~lost) < w)) return 'unmet';
  return 'wait';
}

/** Confirmations that count, of the list that has fewer of them. */
export function confirmedOf(current: number, next: number, confirmed: number): number {
  return Math.min(countPlaces(current & confirmed), countPlaces(next & confirmed));
}
