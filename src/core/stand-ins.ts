/**
 * Which nodes stand in for primaries that are away: those that keep the copies of a key as far apart as they can be. A copy
 * in a failure domain of its own comes first; then the zone counts that has the fewest copies, then machine and host.
 *
 * DeCandia et al., "Dynamo", SOSP 2007, section 4.6, takes the next healthy nodes of the walk; the walk decides here too
 * where nothing else does.
 */
import type { NodeIndex } from './ids.js';
import type { FailureDomain } from './options.js';
import { domainOf, type Member } from './ring.js';

/** How near two nodes are, for two copies of one key: 0 where they have nothing in common. Sums over a list compare too. */
export type Nearness = (a: NodeIndex, b: NodeIndex) => number;

/** Coarse before fine: so many copies in one host weigh less than one more in its zone. */
const STEP = 32;
const LEVELS: readonly FailureDomain[] = ['host', 'machine', 'zone'];

export function nearnessOf(members: readonly Member[], failureDomain: FailureDomain): Nearness {
  const of = new Map<NodeIndex, readonly string[]>();
  for (const member of members) {
    of.set(
      member.node,
      [...LEVELS, failureDomain].map((level) => domainOf(member, level)),
    );
  }
  return (a, b) => {
    const [one, other] = [of.get(a), of.get(b)];
    if (one === undefined || other === undefined) return 0;
    return one.reduce((sum, name, level) => (name === other[level] ? sum + STEP ** level : sum), 0);
  };
}

/** The nodes in an order in which each is as far as possible from `held` and from those before it; the first of equals. */
export function spreadOut(
  nodes: readonly NodeIndex[],
  held: readonly NodeIndex[],
  nearness: Nearness,
  countMax = nodes.length,
): NodeIndex[] {
  const left = [...nodes];
  const costs = left.map((node) => held.reduce((sum, other) => sum + nearness(node, other), 0));
  const chosen: NodeIndex[] = [];
  while (left.length > 0 && chosen.length < countMax) {
    let best = 0;
    for (let i = 1; i < left.length; i++) if (costs[i] < costs[best]) best = i;
    const [node] = left.splice(best, 1);
    costs.splice(best, 1);
    chosen.push(node);
    for (let i = 0; i < left.length; i++) costs[i] += nearness(left[i], node);
  }
  return chosen;
}
