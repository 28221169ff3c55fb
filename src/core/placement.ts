/**
 * Which N nodes hold each partition: a bounded-load claim over replicas, a pure function of the ring map.
 *
 * Without an anchor the members join one by one, in the order of their node index, each step moving as little as it can
 * (rebalance.ts); so a map with one more member at the end differs from the map without it by what that member receives,
 * and no more. With an anchor, the placement of an earlier epoch, one such step leads from there to this map: that
 * keeps leaves, replacements and new weights as small as joins. The failure domain is a rule without exception; above it
 * replicas spread over hosts, machines and zones as evenly as the weights allow (spread.ts).
 */
import { assert } from './errors.js';
import { rebalance } from './rebalance.js';
import type { Placement, RingMap } from './ring.js';
import type { Seats } from './seats.js';
import { groupsOf } from './spread.js';

/** Holders of each partition, n of them in distinct failure domains and spread over the levels above, in no order. The map must be valid. */
export function placeReplicas(map: RingMap): Placement {
  const members = [...map.members].sort((a, b) => a.node - b.node);
  const names = members.map((member) => member.node);
  const weights = members.map((member) => member.weight);
  const groups = groupsOf(members, map.failureDomain);
  const lists = map.anchor === undefined ? emptyLists(map.partitions) : positionsOf(map.anchor, map);
  const first = map.anchor === undefined ? 1 : members.length;
  for (let count = first; count <= members.length; count++) {
    const seats: Seats = {
      n: map.n,
      names: names.slice(0, count),
      weights: weights.slice(0, count),
      groups: groups.map((level) => level.slice(0, count)),
      lists,
    };
    rebalance(seats);
  }
  return lists.map((list) => {
    assert(list.length === map.n, 'every partition has n holders');
    return list.map((position) => names[position]);
  });
}

/** Number of replicas in `after` whose node did not hold that partition in `before`: what has to be copied. */
export function movement(before: Placement, after: Placement): number {
  let moved = 0;
  after.forEach((list, partition) => {
    for (const node of list) if (!before[partition]?.includes(node)) moved++;
  });
  return moved;
}

function emptyLists(partitions: number): number[][] {
  return Array.from({ length: partitions }, () => []);
}

function positionsOf(anchor: Placement, map: RingMap): number[][] {
  assert(anchor.length === map.partitions, 'an anchor has as many partitions as the map');
  const nodes = map.members.map((member) => member.node).sort((a, b) => a - b);
  const positions = new Map(nodes.map((node, position) => [node, position]));
  return anchor.map((list) => list.map((node) => positions.get(node) ?? Number.POSITIVE_INFINITY));
}
