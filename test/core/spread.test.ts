import test from 'ava';
import fc from 'fast-check';
import { expectedShares } from '../../src/core/fair-share.js';
import type { NodeIndex } from '../../src/core/ids.js';
import type { FailureDomain } from '../../src/core/options.js';
import { movement, placeReplicas } from '../../src/core/placement.js';
import type { Member, Placement, RingMap } from '../../src/core/ring.js';
import { groupsOf, levelsOf } from '../../src/core/spread.js';
import { fewestCopies } from './fewest-copies.js';
import { countHeld, ringOf, withoutLast } from './rings.js';

type Label = 'host' | 'zone';

/** Most replicas of one partition that a host, or a zone, holds; by label. */
function mostTogether(map: RingMap, lists: Placement, label: Label): ReadonlyMap<string, number> {
  const labels = new Map<NodeIndex, string>(map.members.map((member) => [member.node, member[label]]));
  const most = new Map<string, number>();
  for (const list of lists) {
    const here = new Map<string, number>();
    for (const node of list) here.set(labels.get(node) as string, (here.get(labels.get(node) as string) ?? 0) + 1);
    for (const [name, count] of here) most.set(name, Math.max(count, most.get(name) ?? 0));
  }
  return most;
}

/** The rule in full: an even spread, or what the weight of the group asks for where that is more. */
function limitOf(map: RingMap, name: string, label: Label): number {
  const shares = expectedShares(map);
  const within = (member: Member) => member[label] === name;
  const share = map.members.filter(within).reduce((sum, { node }) => sum + (shares.get(node) as number), 0);
  const count = new Set(map.members.map((member) => member[label])).size;
  return Math.max(Math.ceil(map.n / count), Math.ceil(share / map.partitions - 1e-6));
}

/** Hosts of some nodes each, host h in zone h % zones. */
function nested(plan: {
  readonly nodesOfHosts: readonly number[];
  readonly zones: number;
  readonly n: number;
  readonly failureDomain: FailureDomain;
  readonly weights?: readonly number[];
}): RingMap {
  const homes = plan.nodesOfHosts.flatMap((nodes, host) => new Array<number>(nodes).fill(host));
  return ringOf({
    weights: homes.map((_, node) => plan.weights?.[node % plan.weights.length] ?? 1),
    hosts: homes.map((host) => `host-${host}`),
    zones: homes.map((host) => `zone-${host % plan.zones}`),
    n: plan.n,
    failureDomain: plan.failureDomain,
  });
}

const anyRing = fc
  .record({
    nodesOfHosts: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 3, maxLength: 8 }),
    zones: fc.integer({ min: 1, max: 4 }),
    n: fc.integer({ min: 1, max: 6 }),
    failureDomain: fc.constantFrom<FailureDomain>('node', 'host'),
    weights: fc.array(fc.constantFrom(0.5, 1, 1, 2, 4), { minLength: 5, maxLength: 5 }),
  })
  .map((plan) => {
    const nodes = plan.nodesOfHosts.reduce((sum, count) => sum + count, 0);
    const most = plan.failureDomain === 'host' ? plan.nodesOfHosts.length : nodes;
    return nested({ ...plan, n: Math.min(plan.n, most) });
  });

test('spread: N=3, nodes on three or more hosts, failure domain node -> every partition on three hosts', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 6 }), fc.integer({ min: 1, max: 5 }), (hosts, nodes) => {
      const map = nested({ nodesOfHosts: new Array(hosts).fill(nodes), zones: 1, n: 3, failureDomain: 'node' });
      for (const most of mostTogether(map, placeReplicas(map), 'host').values()) t.is(most, 1);
    }),
    { numRuns: 30 },
  );
});

test('spread: N=6, three zones of two or more hosts, failure domain host -> two copies in each zone', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 3 }), (hosts, nodes) => {
      const map = nested({ nodesOfHosts: new Array(hosts * 3).fill(nodes), zones: 3, n: 6, failureDomain: 'host' });
      const lists = placeReplicas(map);
      for (const label of ['host', 'zone'] as const) {
        const limit = label === 'zone' ? 2 : 1;
        for (const most of mostTogether(map, lists, label).values()) t.is(most, limit);
      }
    }),
    { numRuns: 20 },
  );
});

test('spread: any ring -> no host and no zone above an even spread, unless its weight is', (t) => {
  fc.assert(
    fc.property(anyRing, (map) => {
      const lists = placeReplicas(map);
      for (const label of ['host', 'zone'] as const) {
        for (const [name, most] of mostTogether(map, lists, label)) t.true(most <= limitOf(map, name, label), name);
      }
    }),
    { numRuns: 80 },
  );
});

test('spread: any ring -> shares stay within 5 % of fair, or one replica', (t) => {
  fc.assert(
    fc.property(anyRing, (map) => {
      const held = countHeld(placeReplicas(map));
      for (const [node, fair] of expectedShares(map)) {
        t.true(Math.abs((held.get(node) ?? 0) - fair) <= Math.max(0.05 * fair, 1 + 1e-9), `node ${node}`);
      }
    }),
    { numRuns: 80 },
  );
});

test('spread: a zone without the nodes for its part -> the others hold more, and the failure domain stays', (t) => {
  const map = nested({ nodesOfHosts: [1, 1, 1, 1, 1, 1, 1], zones: 2, n: 7, failureDomain: 'host' });
  for (const list of placeReplicas(map)) t.is(new Set(list).size, 7);
});

test('spread: a node joins -> moves at most 1.1 times its share, or times the fewest that the limits allow', (t) => {
  fc.assert(
    fc.property(anyRing, (after) => {
      const before = withoutLast(after);
      fc.pre(new Set(before.members.map(({ host }) => host)).size >= after.n);
      const lists = placeReplicas(before);
      const share = expectedShares(after).get(after.members[before.members.length].node) as number;
      const moved = movement(lists, placeReplicas({ ...after, anchor: lists }));
      if (moved <= 1.1 * share) return;
      t.true(moved <= 1.1 * fewestCopies(after, lists), `${moved} for a share of ${share}`);
    }),
    { numRuns: 80 },
  );
});

function levelsFor(map: RingMap): ReturnType<typeof levelsOf> {
  const fair = [...expectedShares(map).values()];
  return levelsOf(groupsOf(map.members, map.failureDomain), fair, map.partitions, map.n);
}

test('spread: one host and one zone, or a host to each node -> one level says it all', (t) => {
  const weights = [1, 1, 2, 4, 1];
  t.is(levelsFor(ringOf({ weights })).length, 1);
  t.is(levelsFor(ringOf({ weights, hosts: weights.map(() => 'host') })).length, 1);
  t.is(levelsFor(ringOf({ weights, hosts: ['a', 'a', 'b', 'b', 'c'] })).length, 2);
  t.is(levelsFor(ringOf({ weights: [1, 1, 1, 1, 1, 1], hosts: ['a', 'a', 'b', 'b', 'c', 'c'] })).length, 1);
});
