import test from 'ava';
import fc from 'fast-check';
import { expectedShares } from '../../src/core/fair-share.js';
import { domainOf } from '../../src/core/ring.js';
import { ringOf, rings } from './rings.js';

const sharesOf = (plan: Parameters<typeof ringOf>[0]): number[] => [...expectedShares(ringOf(plan)).values()];

test('fair share: 4 equal nodes, N=3, Q=256 -> 192 replicas each', (t) => {
  t.deepEqual(sharesOf({ weights: [1, 1, 1, 1] }), [192, 192, 192, 192]);
});

test('fair share: a node heavier than one N-th -> full at Q, the rest goes by weight', (t) => {
  t.deepEqual(sharesOf({ weights: [10, 1, 1, 2], n: 2 }), [256, 64, 64, 128]);
});

test('fair share: 3 zones of unequal size, N=3 -> each zone holds everything once', (t) => {
  const shares = sharesOf({ weights: [1, 1, 1, 3, 1], zones: ['a', 'b', 'b', 'c', 'c'], failureDomain: 'zone' });
  t.deepEqual(shares, [256, 128, 128, 192, 64]);
});

test('fair share: any ring -> adds up to Q * N, and no domain exceeds Q', (t) => {
  fc.assert(
    fc.property(rings(4, 30), (map) => {
      const shares = expectedShares(map);
      const byDomain = new Map<string, number>();
      for (const member of map.members) {
        const domain = domainOf(member, map.failureDomain);
        byDomain.set(domain, (byDomain.get(domain) ?? 0) + (shares.get(member.node) as number));
      }
      const total = [...byDomain.values()].reduce((sum, share) => sum + share, 0);
      t.true(Math.abs(total - map.partitions * map.n) < 1e-6);
      t.true([...byDomain.values()].every((share) => share <= map.partitions + 1e-6));
    }),
  );
});
