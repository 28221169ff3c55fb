/**
 * Who is asked for a partition, in order: its holders, led by the owner, then the nodes that stand in for them.
 *
 * The holders are claimed, not walked: where domains differ in size, or a node joins, N distinct domains met on a walk
 * over the owners neither share replicas fairly nor move few of them (docs/architecture.md). The walk clockwise over the
 * owners finds the fallbacks. DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store", SOSP 2007, 4.3, 4.6.
 */
import { placementOf } from './claim.js';
import type { NodeIndex } from './ids.js';
import { domainOf, type RingMap } from './ring.js';

/** The N primaries of each partition, in N failure domains: the owner, then the others by score. */
export function preferenceLists(map: RingMap, owners: readonly NodeIndex[]): readonly (readonly NodeIndex[])[] {
  return placementOf(map).map((list, partition) => ledBy(owners[partition], list));
}

/**
 * Every node in the order in which a partition's requests try them: the primaries, then the fallbacks met clockwise
 * over the owners of the next partitions, those in a failure domain without a primary before the others.
 */
export function walk(map: RingMap, owners: readonly NodeIndex[], partition: number): NodeIndex[] {
  const primaries = ledBy(owners[partition], placementOf(map)[partition]);
  const met = new Set(primaries);
  for (let step = 1; step < owners.length; step++) met.add(owners[(partition + step) % owners.length]);
  for (const { node } of [...map.members].sort((a, b) => a.node - b.node)) met.add(node);
  const domains = new Map(map.members.map((member) => [member.node, domainOf(member, map.failureDomain)]));
  const taken = new Set(primaries.map((node) => domains.get(node)));
  const fallbacks = [...met].slice(primaries.length);
  const isApart = (node: NodeIndex): boolean => !taken.has(domains.get(node));
  return [...primaries, ...fallbacks.filter(isApart), ...fallbacks.filter((node) => !isApart(node))];
}

function ledBy(owner: NodeIndex, list: readonly NodeIndex[]): readonly NodeIndex[] {
  return list[0] === owner ? list : [owner, ...list.filter((node) => node !== owner)];
}
