/**
 * What would move if one more node joined: the claim of the store, run on the reported placement and one member more.
 * The least possible is the newcomer's fair share, since it starts with nothing.
 */
import type { MemberReport, RingReport } from '../client/types.js';
import { claim } from '../core/claim.js';
import { epoch, nodeIndex } from '../core/ids.js';
import { preferenceLists } from '../core/preference-list.js';
import { type Member, type RingMap, validateRing } from '../core/ring.js';

export interface JoinForecast {
  /** Index that the newcomer would get. */
  readonly node: number;
  /** Replicas that would move to another node. */
  readonly moved: number;
  /** Replicas there are: partitions times N. */
  readonly total: number;
  /** Fewest that a fair placement must move. */
  readonly optimum: number;
}

/** Forecasts a join of a node of weight 1, where that of the highest index is. @throws StoreError as validateRing does */
export function forecastJoin(ring: RingReport, members: readonly MemberReport[]): JoinForecast {
  const node = 1 + Math.max(...members.map((member) => member.node));
  const last = members.reduce((one, other) => (one.node > other.node ? one : other));
  const joined = [...members, { ...last, node, weight: 1 }].map(memberOf);
  const map: RingMap = {
    epoch: epoch(ring.epoch + 1),
    partitions: ring.partitions,
    n: ring.n,
    failureDomain: ring.failureDomain,
    members: joined,
    anchor: ring.preferenceLists.map((list) => list.map(nodeIndex)),
  };
  validateRing(map);
  const lists = preferenceLists(map, claim(map));
  const moved = lists.reduce((sum, list, partition) => sum + newHolders(list, ring.preferenceLists[partition]), 0);
  const total = ring.partitions * ring.n;
  const weights = joined.reduce((sum, { weight }) => sum + weight, 0);
  return { node, moved, total, optimum: Math.min(ring.partitions, total / weights) };
}

function memberOf({ node, host, zone, weight }: Pick<MemberReport, 'node' | 'host' | 'zone' | 'weight'>): Member {
  return { node: nodeIndex(node), host, machine: host, zone, weight };
}

function newHolders(after: readonly number[], before: readonly number[]): number {
  return after.filter((node) => !before.includes(node)).length;
}
