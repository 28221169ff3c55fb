/**
 * Quorums by zone: how many replicas of which zones a request waits for. All replicas are sent a write; whoever is outside
 * the zones that count only is not waited for. Replicas are those of one list: while a partition moves, each list has needs
 * of its own, and all of them must be met. The levels are those of Cassandra: LOCAL_ONE.., LOCAL_QUORUM, EACH_QUORUM.
 */
import type { NodeIndex } from './ids.js';
import { countPlaces, type WriteDecision } from './write-quorum.js';

/** So many replicas in the coordinator's zone, a majority of those there, or a majority in every zone that has replicas. */
export type ZoneQuorum = { readonly local: number } | 'local-quorum' | 'each-quorum';

/** Replicas wherever they are, or by zone. */
export type Quorum = number | ZoneQuorum;

/** So many of these replicas, all of one zone. */
export interface ZoneNeed {
  readonly nodes: readonly NodeIndex[];
  readonly needed: number;
}

/** What one list of replicas must give. A zone without replicas of its own can give nothing: its need stays unmet. */
export function zoneNeeds(
  quorum: ZoneQuorum,
  list: readonly NodeIndex[],
  zoneOf: (node: NodeIndex) => string,
  ownZone: string,
): ZoneNeed[] {
  if (quorum === 'each-quorum') {
    const zones = new Map<string, NodeIndex[]>();
    for (const node of list) zones.set(zoneOf(node), [...(zones.get(zoneOf(node)) ?? []), node]);
    return [...zones.values()].map((nodes) => ({ nodes, needed: majorityOf(nodes.length) }));
  }
  const nodes = list.filter((node) => zoneOf(node) === ownZone);
  return [{ nodes, needed: quorum === 'local-quorum' ? majorityOf(nodes.length) : quorum.local }];
}

const majorityOf = (count: number): number => Math.floor(count / 2) + 1;

/** A need as a set of a write's places. */
export interface PlacesNeed {
  readonly places: number;
  readonly needed: number;
}

/** The counterpart of `settleWrite`: acknowledged once every need is met, unmet as soon as one cannot be. */
export function settleZones(needs: readonly PlacesNeed[], confirmed: number, failed: number): WriteDecision {
  if (needs.every(({ places, needed }) => countPlaces(places & confirmed) >= needed)) return 'acked';
  const lost = failed & ~confirmed;
  return needs.some(({ places, needed }) => countPlaces(places & ~lost) < needed) ? 'unmet' : 'wait';
}

/** Of the need that lacks most: what it asks for, and what it has. */
export function shortestOf(
  needs: readonly PlacesNeed[],
  places: number,
): { readonly needed: number; readonly got: number } {
  const standings = needs.map((need) => ({ needed: need.needed, got: countPlaces(need.places & places) }));
  return standings.reduce((worst, other) => (other.needed - other.got > worst.needed - worst.got ? other : worst));
}
