import test from 'ava';
import fc from 'fast-check';
import { nodeIndex } from '../../src/core/ids.js';
import {
  beat,
  deltaMembers,
  digestMembers,
  type Liveness,
  type Members,
  markDown,
  mergeMembers,
  report,
  startLiveness,
} from '../../src/core/membership.js';

const liveness: fc.Arbitrary<Liveness> = fc
  .record({
    node: fc.nat(3).map(nodeIndex),
    incarnation: fc.nat(2),
    refutation: fc.nat(2),
    heartbeat: fc.nat(5),
    state: fc.constantFrom('up', 'suspect', 'down'),
    reporters: fc.uniqueArray(fc.nat(3).map(nodeIndex), { maxLength: 3 }),
  })
  .map((entry) => ({ ...entry, reporters: entry.reporters.sort((a, b) => a - b) }));
const tables: fc.Arbitrary<Members> = fc
  .uniqueArray(liveness, { selector: ({ node }) => node, maxLength: 4 })
  .map((list) => list.sort((a, b) => a.node - b.node));
const fresh = (count: number): Members => Array.from({ length: count }, (_, node) => startLiveness(nodeIndex(node), 1));

test('membership: any three tables -> merge is commutative, associative, idempotent', (t) => {
  fc.assert(
    fc.property(tables, tables, tables, (a, b, c) => {
      t.deepEqual(mergeMembers(a, b), mergeMembers(b, a));
      t.deepEqual(mergeMembers(a, mergeMembers(b, c)), mergeMembers(mergeMembers(a, b), c));
      t.deepEqual(mergeMembers(a, a), a);
    }),
    { numRuns: 300 },
  );
});

test('membership: any two tables -> the delta for a digest brings its sender as far as the whole table does', (t) => {
  fc.assert(
    fc.property(tables, tables, (mine, theirs) => {
      const delta = deltaMembers(mine, digestMembers(theirs));
      t.deepEqual(mergeMembers(theirs, delta), mergeMembers(theirs, mine));
      t.deepEqual(deltaMembers(mine, digestMembers(mine)), []);
    }),
    { numRuns: 300 },
  );
});

test('membership: two reporters apart -> the join knows both', (t) => {
  const one = report(fresh(3), nodeIndex(0), nodeIndex(1));
  const two = report(fresh(3), nodeIndex(0), nodeIndex(2));
  const [joined] = mergeMembers(one, two);
  t.deepEqual(joined.reporters, [1, 2].map(nodeIndex));
  t.is(joined.state, 'suspect');
});

test('membership: a suspected node beats -> refuted everywhere, also for those who still spread the rumour', (t) => {
  const rumour = markDown(report(fresh(3), nodeIndex(0), nodeIndex(1)), nodeIndex(0));
  const refuted = beat(rumour, nodeIndex(0));
  const [entry] = mergeMembers(rumour, refuted);
  t.is(entry.state, 'up');
  t.deepEqual(entry.reporters, []);
  t.is(entry.refutation, 1);
});

test('membership: a node that nobody suspects beats -> only its heartbeat rises', (t) => {
  t.deepEqual(beat(fresh(2), nodeIndex(1))[1], { ...startLiveness(nodeIndex(1), 1), heartbeat: 1 });
});

test('membership: a restart -> wins over any rumour of the life before', (t) => {
  const rumour = markDown(report(fresh(2), nodeIndex(0), nodeIndex(1)), nodeIndex(0));
  t.is(mergeMembers(rumour, [startLiveness(nodeIndex(0), 2)])[0].state, 'up');
});
