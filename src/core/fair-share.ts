/**
 * What each node should hold: Q * N replicas in proportion to weight, where no failure domain holds a partition twice.
 *
 * A domain that is heavier than one N-th of the ring is full at Q replicas; what it cannot take goes to the others in
 * proportion (water-filling). Within a domain, nodes share by weight.
 */
import type { NodeIndex } from './ids.js';
import { domainOf, type RingMap } from './ring.js';

/** Fair number of replicas of each node, not rounded; they add up to partitions * n where there are n domains. */
export function expectedShares(map: RingMap): ReadonlyMap<NodeIndex, number> {
  const domains = map.members.map((member) => domainOf(member, map.failureDomain));
  const shares = shareOut(
    map.members.map((member) => member.weight),
    domains,
    map.partitions,
    map.n,
  );
  return new Map(map.members.map((member, index) => [member.node, shares[index]]));
}

/** The same over bare arrays: weight and domain of each node, Q partitions, N replicas (fewer with fewer domains). */
export function shareOut<Domain>(
  weights: readonly number[],
  domains: readonly Domain[],
  partitions: number,
  n: number,
): number[] {
  const domainWeights = new Map<Domain, number>();
  weights.forEach((weight, index) => {
    domainWeights.set(domains[index], (domainWeights.get(domains[index]) ?? 0) + weight);
  });
  const heaviest = [...domainWeights.values()].sort((a, b) => b - a);
  let open = heaviest.reduce((sum, weight) => sum + weight, 0);
  let left = Math.min(n, heaviest.length);
  let full = 0;
  while (left > 0 && heaviest[full] * left > open * (1 + 1e-12)) {
    open -= heaviest[full++];
    left--;
  }
  const rate = open > 0 ? (left * partitions) / open : 0;
  return weights.map((weight, index) => {
    const total = domainWeights.get(domains[index]) as number;
    return weight * Math.min(rate, partitions / total);
  });
}
