import test from 'ava';
import fc from 'fast-check';
import { expectedShares } from '../../src/core/fair-share.js';
import { movement, placeReplicas } from '../../src/core/placement.js';
import { domainOf, type RingMap } from '../../src/core/ring.js';
import { fastestMs } from '../fastest-ms.js';
import { countHeld, ringOf, rings, withoutLast } from './rings.js';

/** The promise on shares: within 5 % where each node owns 40 partitions, else within 10 % or one partition. */
function isFair(map: RingMap): boolean {
  const held = countHeld(placeReplicas(map));
  const shares = [...expectedShares(map)];
  const least = Math.min(...shares.map(([, fair]) => fair));
  const isLarge = least / map.n >= 40;
  return shares.every(([node, fair]) => {
    const off = Math.abs((held.get(node) ?? 0) - fair);
    return isLarge ? off <= 0.05 * fair : off <= Math.max(0.1 * fair, 1 + 1e-9);
  });
}

test('placement: 3 equal nodes, N=3 -> every node holds every partition', (t) => {
  for (const list of placeReplicas(ringOf({ weights: [1, 1, 1] }))) t.deepEqual([...list].sort(), [0, 1, 2] as never);
});

test('placement: any ring -> N holders in N failure domains, for every partition', (t) => {
  fc.assert(
    fc.property(rings(4, 20), (map) => {
      const domains = new Map(map.members.map((member) => [member.node, domainOf(member, map.failureDomain)]));
      for (const list of placeReplicas(map)) {
        t.is(list.length, map.n);
        t.is(new Set(list.map((node) => domains.get(node))).size, map.n);
      }
    }),
    { numRuns: 60 },
  );
});

test('placement: any ring -> shares keep the promise', (t) => {
  fc.assert(
    fc.property(rings(4, 40), (map) => isFair(map)),
    { numRuns: 100 },
  );
  t.pass();
});

for (const failureDomain of ['node', 'host', 'zone'] as const) {
  test(`placement: 100 nodes of mixed weights by ${failureDomain}, 4096 partitions -> fair, within a second`, (t) => {
    const weights = Array.from({ length: 100 }, (_, node) => [0.5, 1, 2, 4][(node * 7) % 4]);
    const hosts = weights.map((_, node) => `host-${node % 30}`);
    const zones = weights.map((_, node) => `zone-${node % 5}`);
    const map = ringOf({ weights, hosts, zones, failureDomain, partitions: 4096 });
    t.true(isFair(map));
    const ms = fastestMs(3, () => placeReplicas(map));
    t.true(ms < 1_000, `${ms} ms`);
  });
}

test('placement: any node joins a ring without domains -> moves what the joiner receives and at most one in ten more', (t) => {
  const plan = fc.record({
    weights: fc.array(fc.constantFrom(0.5, 1, 2, 4), { minLength: 4, maxLength: 30 }),
    n: fc.constantFrom(1, 2, 3),
  });
  fc.assert(
    fc.property(plan, ({ weights, n }) => {
      const after = ringOf({ weights, n, partitions: 1024 });
      const moved = movement(placeReplicas(withoutLast(after)), placeReplicas(after));
      const optimum = expectedShares(after).get(after.members[weights.length - 1].node) as number;
      return moved <= 1.1 * optimum + 1;
    }),
    { numRuns: 60 },
  );
  t.pass();
});

test('placement: a node leaves, anchored -> moves what it held, and at most a quarter more on average', (t) => {
  let moved = 0;
  let optimum = 0;
  for (let seed = 0; seed < 40; seed++) {
    const weights = Array.from({ length: 5 + (seed % 9) }, (_, node) => [0.5, 1, 2, 4][(node * 3 + seed) % 4]);
    const before = ringOf({ weights });
    const anchor = placeReplicas(before);
    const leaver = before.members[seed % weights.length].node;
    const after = { ...before, members: before.members.filter(({ node }) => node !== leaver), anchor };
    t.true(isFair(after));
    moved += movement(anchor, placeReplicas(after));
    optimum += countHeld(anchor).get(leaver) as number;
  }
  t.true(moved >= optimum && moved <= 1.25 * optimum, `${moved} of ${optimum}`);
});

test('placement: anchored on itself -> nothing moves', (t) => {
  fc.assert(
    fc.property(rings(4, 20), (map) => {
      const anchor = placeReplicas(map);
      return movement(anchor, placeReplicas({ ...map, anchor })) === 0;
    }),
    { numRuns: 40 },
  );
  t.pass();
});

test('placement: anchored, coarser failure domain or more replicas -> still N holders in N domains, fair', (t) => {
  const zones = Array.from({ length: 9 }, (_, node) => `zone-${node % 3}`);
  const before = ringOf({ weights: new Array(9).fill(1), zones, n: 2 });
  const after: RingMap = { ...before, n: 3, failureDomain: 'zone', anchor: placeReplicas(before) };
  for (const list of placeReplicas(after)) t.is(new Set(list.map((node) => node % 3)).size, 3);
  t.true(isFair(after));
});

test('placement: 12 equal nodes -> every pair shares about as many partitions, so that a lost node is rebuilt by all', (t) => {
  const shared = new Map<string, number>();
  for (const list of placeReplicas(ringOf({ weights: new Array(12).fill(1), partitions: 4096 }))) {
    for (const a of list) for (const b of list) if (a < b) shared.set(`${a}-${b}`, (shared.get(`${a}-${b}`) ?? 0) + 1);
  }
  const fair = (4096 * 3) / 66;
  t.is(shared.size, 66);
  for (const [pair, count] of shared) t.true(count > 0.5 * fair && count < 1.7 * fair, `${pair}: ${count} of ${fair}`);
});

test('movement: counts replicas that were elsewhere, not their order', (t) => {
  const list = (...nodes: number[]) => [nodes as never];
  t.is(movement(list(0, 1, 2), list(2, 0, 1)), 0);
  t.is(movement(list(0, 1, 2), list(3, 0, 1)), 1);
  t.is(movement(list(0, 1), list(3, 4)), 2);
});
