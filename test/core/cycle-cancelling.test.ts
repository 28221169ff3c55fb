/** A step of the claim copies at most 1.1 times the fewest replicas that a flow of least cost copies (fewest-copies.ts). */
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { expectedShares } from '../../src/core/fair-share.js';
import type { FailureDomain } from '../../src/core/options.js';
import { movement, placeReplicas } from '../../src/core/placement.js';
import { domainCount, type Placement, type RingMap } from '../../src/core/ring.js';
import { boundsOf, fewestCopies } from './fewest-copies.js';
import { countHeld, ringOf } from './rings.js';

interface Plan {
  readonly weights: readonly number[];
  /** Host of each node, machine of each host, zone of each machine. */
  readonly hosts: readonly number[];
  readonly machines: readonly number[];
  readonly zones: readonly number[];
  readonly failureDomain: FailureDomain;
  readonly n: number;
  readonly partitions: number;
  readonly joiner: number;
}

function grownRing({ weights, hosts, machines, zones, failureDomain, n, partitions }: Plan): RingMap {
  const machineOf = (host: number) => machines[host % machines.length];
  const zoneOf = (host: number) => zones[machineOf(host) % zones.length];
  const names = { hosts: hosts.map((host) => `host-${host}`), zones: hosts.map((host) => `zone-${zoneOf(host)}`) };
  const map = ringOf({ weights, ...names, failureDomain, n, partitions });
  const members = map.members.map((member, node) => ({ ...member, machine: `machine-${machineOf(hosts[node])}` }));
  return { ...map, members };
}

function without(map: RingMap, joiner: number): RingMap {
  return { ...map, members: map.members.filter(({ node }) => node !== joiner) };
}

/** Has the joiner join, and compares; what was copied, and the fewest. */
function checkJoin(t: ExecutionContext, plan: Plan): { readonly copied: number; readonly fewest: number } {
  const grown = grownRing(plan);
  const before = placeReplicas(without(grown, plan.joiner));
  return checkStep(t, grown, before);
}

function checkStep(
  t: ExecutionContext,
  map: RingMap,
  before: Placement,
): { readonly copied: number; readonly fewest: number } {
  const after = placeReplicas({ ...map, anchor: before });
  const copied = movement(before, after);
  const fewest = fewestCopies(map, before);
  t.true(copied <= 1.1 * fewest, `${copied} copied, ${fewest} would do`);
  const [old, held] = [countHeld(before), countHeld(after)];
  const shares = [...expectedShares(map)].map(([node, fair]) => ({ node, fair, own: held.get(node) ?? 0 }));
  for (const { node, fair, own } of shares) {
    const { floor, ceiling } = boundsOf(fair, Number.POSITIVE_INFINITY);
    t.true(own >= floor && own <= ceiling, `node ${node}: ${own} of ${fair}`);
  }
  // who held too little may lack one of its share still
  const isWhole = shares.every(({ node, fair, own }) => own >= boundsOf(fair, old.get(node) ?? 0).floor);
  if (isWhole) t.true(copied >= fewest, `${copied} copied, which cannot be fewer than ${fewest}`);
  return { copied, fewest };
}

const KEPT: Readonly<Record<string, Plan & { readonly fewest: number }>> = {
  'four equal nodes, two to a zone: a fourth evens the zones out': {
    weights: [1, 1, 1, 1],
    hosts: [0, 1, 2, 3],
    machines: [0, 0, 1, 1],
    zones: [0, 1],
    failureDomain: 'node',
    n: 2,
    partitions: 128,
    joiner: 3,
    fewest: 64,
  },
  'six equal nodes in three zones, by host: the sixth lowers the limit of each zone': {
    weights: [1, 1, 1, 1, 1, 1],
    hosts: [0, 1, 2, 3, 4, 5],
    machines: [0, 0, 1, 1, 2, 2],
    zones: [0, 1, 2],
    failureDomain: 'host',
    n: 3,
    partitions: 128,
    joiner: 5,
    fewest: 85,
  },
  'twelve equal nodes on three hosts of different size: many seats are given up': {
    weights: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
    hosts: [0, 1, 2, 1, 0, 0, 2, 0, 1, 0, 2, 0],
    machines: [0, 0, 1],
    zones: [0, 0],
    failureDomain: 'node',
    n: 4,
    partitions: 64,
    joiner: 3,
    fewest: 21,
  },
  'two hosts, one replica by host: the joiner shares its host’s replicas, which have to come from the other': {
    weights: [1, 4, 4, 4, 0.5, 0.5, 2, 1, 2],
    hosts: [0, 1, 1, 0, 1, 0, 0, 0, 1],
    machines: [0],
    zones: [0],
    failureDomain: 'host',
    n: 1,
    partitions: 64,
    joiner: 8,
    fewest: 7,
  },
  'four zones of mixed weights, by zone: few partitions have room for the joiner beside who gives way': {
    weights: [1, 2, 1, 1, 1, 2, 1, 2, 2, 1],
    hosts: [0, 1, 2, 3, 4, 5, 6, 4, 2, 0],
    machines: [0, 0, 1, 1, 2, 2, 3],
    zones: [0, 1, 2, 3],
    failureDomain: 'zone',
    n: 3,
    partitions: 64,
    joiner: 3,
    fewest: 14,
  },
  'ten nodes of weight 1 and 2, two hosts to a machine: more seats are given up than the joiner takes': {
    weights: [2, 2, 1, 2, 2, 1, 2, 2, 1, 2],
    hosts: [0, 1, 2, 3, 4, 5, 6, 7, 8, 5],
    machines: [0, 0, 1, 1, 2, 2, 3, 3, 4],
    zones: [0],
    failureDomain: 'node',
    n: 4,
    partitions: 64,
    joiner: 9,
    fewest: 43,
  },
};

for (const [name, plan] of Object.entries(KEPT)) {
  test(`cycle cancelling: ${name} -> at most 1.1 times the fewest copies`, (t) => {
    const { copied, fewest } = checkJoin(t, plan);
    t.is(fewest, plan.fewest);
    t.log(`${copied} copied, ${fewest} would do`);
  });
}

/** Rings of any shape whose hosts nest in machines, and machines in zones; any node is the one that joins. */
const joins = (nodes: { readonly min: number; readonly max: number }, partitions: readonly number[]) =>
  fc
    .record({
      weights: fc
        .constantFrom([1], [1, 2], [0.5, 1, 1, 2, 4], [0.1, 1, 10], [0.3, 0.7, 1.3])
        .chain((set) => fc.array(fc.constantFrom(...set), { minLength: nodes.min, maxLength: nodes.max })),
      homes: fc.array(fc.nat(29), { minLength: nodes.max, maxLength: nodes.max }),
      machines: fc.array(fc.nat(9), { minLength: 1, maxLength: 30 }),
      zones: fc.array(fc.nat(5), { minLength: 1, maxLength: 10 }),
      failureDomain: fc.constantFrom<FailureDomain>('node', 'host', 'zone'),
      n: fc.integer({ min: 1, max: 6 }),
      partitions: fc.constantFrom(...partitions),
      joiner: fc.nat(),
    })
    .map(({ homes, ...plan }): Plan => {
      const { length } = plan.weights;
      return { ...plan, hosts: homes.slice(0, length), joiner: plan.joiner % length };
    })
    .filter((plan) => domainCount(without(grownRing(plan), plan.joiner)) >= plan.n);

test('cycle cancelling: any node joins any ring -> at most 1.1 times the fewest copies, and every share within its bounds', (t) => {
  fc.assert(
    fc.property(joins({ min: 4, max: 16 }, [64, 128]), (plan) => {
      checkJoin(t, plan);
    }),
    { numRuns: 60 },
  );
});

test('cycle cancelling: a ring that grows node by node -> the same at each join', (t) => {
  fc.assert(
    fc.property(joins({ min: 9, max: 12 }, [64]), (plan) => {
      const grown = grownRing(plan);
      const sizes = grown.members.map((_, index) => index + 1);
      const maps = sizes.map((size) => ({ ...grown, members: grown.members.slice(0, size) }));
      let lists: Placement | undefined;
      for (const map of maps) {
        if (domainCount(map) < map.n) continue;
        if (lists !== undefined) checkStep(t, map, lists);
        lists = placeReplicas({ ...map, ...(lists !== undefined && { anchor: lists }) });
      }
    }),
    { numRuns: 10 },
  );
});

test('cycle cancelling: any node leaves any ring, or weighs more -> at most 1.1 times the fewest copies', (t) => {
  fc.assert(
    fc.property(joins({ min: 5, max: 12 }, [64]), fc.constantFrom(0, 2, 4), (plan, factor) => {
      const grown = grownRing(plan);
      const reweighted = grown.members.map((member) =>
        member.node === plan.joiner ? { ...member, weight: Math.min(100, member.weight * factor) } : member,
      );
      const after = factor === 0 ? without(grown, plan.joiner) : { ...grown, members: reweighted };
      checkStep(t, after, placeReplicas(grown));
    }),
    { numRuns: 40 },
  );
});

test('cycle cancelling: the members in another order -> the same placement', (t) => {
  fc.assert(
    fc.property(joins({ min: 4, max: 16 }, [64]), (plan) => {
      const grown = grownRing(plan);
      const anchor = placeReplicas(without(grown, plan.joiner));
      const turned = { ...grown, members: [...grown.members].reverse() };
      t.deepEqual(placeReplicas({ ...turned, anchor }), placeReplicas({ ...grown, anchor }));
    }),
    { numRuns: 40 },
  );
});
