import test from 'ava';
import fc from 'fast-check';
import { movement, placeReplicas } from '../../src/core/placement.js';
import type { RingMap } from '../../src/core/ring.js';
import { transferPlan } from '../../src/core/transfer-plan.js';
import { ringOf, rings, withoutLast } from './rings.js';

test('transfer plan: the same ring -> empty', (t) => {
  const map = ringOf({ weights: [1, 2, 1, 4] });
  t.deepEqual(transferPlan(map, { ...map }), []);
});

test('transfer plan: any join -> one transfer for each replica that moves, from a holder to a gainer', (t) => {
  fc.assert(
    fc.property(rings(6, 12), (after) => {
      const before = withoutLast(after);
      const [held, wanted] = [placeReplicas(before), placeReplicas(after)];
      const plan = transferPlan(before, after);
      t.is(plan.length, movement(held, wanted));
      for (const { partition, from, to } of plan) {
        t.true(held[partition].includes(from));
        t.true(wanted[partition].includes(to) && !held[partition].includes(to));
      }
    }),
    { numRuns: 30 },
  );
});

test('transfer plan: a node that is gone -> no transfer comes from it', (t) => {
  const before = ringOf({ weights: [1, 1, 1, 1, 1] });
  const members = before.members.slice(0, 4);
  const after: RingMap = { ...before, members, anchor: placeReplicas(before) };
  const plan = transferPlan(before, after);
  t.true(plan.length > 100);
  t.true(plan.every(({ from }) => from !== before.members[4].node));
});

test('transfer plan: two holders stay for each lost replica -> the sources share the work', (t) => {
  const before = ringOf({ weights: new Array(6).fill(1) });
  const after: RingMap = { ...before, members: before.members.slice(0, 5), anchor: placeReplicas(before) };
  const sent = new Map<number, number>();
  for (const { from } of transferPlan(before, after)) sent.set(from, (sent.get(from) ?? 0) + 1);
  t.is(sent.size, 5);
  t.true(Math.max(...sent.values()) <= 1.1 * Math.min(...sent.values()) + 1);
});
