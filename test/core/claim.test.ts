import test from 'ava';
import fc from 'fast-check';
import { claim, placementOf } from '../../src/core/claim.js';
import type { NodeIndex } from '../../src/core/ids.js';
import { fastestMs } from '../fastest-ms.js';
import { countHeld, ringOf, rings } from './rings.js';

const countOwned = (owners: readonly NodeIndex[]): ReadonlyMap<number, number> =>
  countHeld(owners.map((owner) => [owner]));

test('claim: 3 equal nodes, N=3, Q=256 -> 86, 85 and 85 partitions owned', (t) => {
  const owned = [...countOwned(claim(ringOf({ weights: [1, 1, 1] }))).values()].sort((a, b) => b - a);
  t.deepEqual(owned, [86, 85, 85]);
});

test('claim: any ring -> each owner holds its partition', (t) => {
  fc.assert(
    fc.property(rings(4, 12), (map) => {
      const placement = placementOf(map);
      t.true(claim(map).every((owner, partition) => placement[partition].includes(owner)));
    }),
    { numRuns: 40 },
  );
});

test('claim: any ring -> a node owns one N-th of what it holds, rounded', (t) => {
  fc.assert(
    fc.property(rings(4, 20), (map) => {
      const owned = countOwned(claim(map));
      for (const [node, held] of countHeld(placementOf(map))) {
        t.true(Math.abs((owned.get(node) ?? 0) - held / map.n) < 1, `node ${node}`);
      }
    }),
    { numRuns: 40 },
  );
});

test('claim: the same map built anew, members in another order -> the same owners', (t) => {
  fc.assert(
    fc.property(rings(4, 12), (map) => {
      t.deepEqual(claim({ ...map, members: [...map.members].reverse() }), claim(map));
    }),
    { numRuns: 20 },
  );
});

test('claim: 3 nodes, 256 partitions -> within 20 ms', (t) => {
  const ms = fastestMs(20, () => claim(ringOf({ weights: [1, 1, 1] })));
  t.true(ms < 20, `${ms} ms`);
});
