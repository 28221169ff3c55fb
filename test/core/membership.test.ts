import test from 'ava';
import fc from 'fast-check';
import { type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import {
  beat,
  type Liveness,
  type Members,
  markDown,
  membersOf,
  mergeMembers,
  report,
  startLiveness,
} from '../../src/core/membership.js';

const hostOf = (node: NodeIndex) => `host-${node >> 1}`;
const only = (...nodes: readonly number[]): ReadonlySet<NodeIndex> => new Set(nodes.map(nodeIndex));
const merge = (a: Members, b: Members) => mergeMembers(a, b, hostOf);
const fresh = (count: number): Members => Array.from({ length: count }, (_, node) => startLiveness(nodeIndex(node), 1));
const reported = (by: number) => report(fresh(3), only(0), nodeIndex(by), hostOf);

const liveness: fc.Arbitrary<Liveness> = fc
  .record({
    node: fc.nat(3).map(nodeIndex),
    incarnation: fc.nat(2),
    heartbeat: fc.nat(3),
    state: fc.constantFrom('up', 'suspect', 'down'),
    reporters: fc.uniqueArray(fc.nat(9).map(nodeIndex), { maxLength: 4 }),
  })
  .map((entry) => ({ ...entry, reporters: entry.reporters.sort((a, b) => a - b) }));
const tables: fc.Arbitrary<Members> = fc
  .uniqueArray(liveness, { selector: ({ node }) => node, maxLength: 4 })
  .map((list) => list.sort((a, b) => a.node - b.node));

test('membership: any three tables -> merge is commutative, associative, idempotent', (t) => {
  fc.assert(
    fc.property(tables, tables, tables, (a, b, c) => {
      t.deepEqual(merge(a, b), merge(b, a));
      t.deepEqual(merge(a, merge(b, c)), merge(merge(a, b), c));
      t.deepEqual(merge(a, a), a);
    }),
    { numRuns: 1_000 },
  );
});

test('membership: two reporters apart -> the join knows both', (t) => {
  const [joined] = merge(reported(1), reported(2));
  t.deepEqual(joined.reporters, [1, 2].map(nodeIndex));
  t.is(joined.state, 'suspect');
});

test('membership: a suspected node beats -> refuted everywhere, also for those who still spread the rumour', (t) => {
  const rumour = markDown(reported(1), only(0));
  const refuted = beat(rumour, nodeIndex(0));
  for (const [entry] of [merge(rumour, refuted), merge(refuted, rumour)]) {
    t.is(entry.state, 'up');
    t.deepEqual(entry.reporters, []);
  }
});

test('membership: a rumour of an older heartbeat -> convinces nobody who has heard a newer one', (t) => {
  const heard = beat(fresh(3), nodeIndex(0));
  t.deepEqual(merge(heard, markDown(reported(1), only(0))), heard);
});

test('membership: a node beats -> only its own heartbeat rises', (t) => {
  const [first, second] = fresh(2);
  t.deepEqual(beat(fresh(2), nodeIndex(1)), [first, { ...second, heartbeat: 1 }]);
});

test('membership: a restart -> wins over any rumour of the life before', (t) => {
  const rumour = markDown(beat(reported(1), nodeIndex(0)), only(0));
  t.is(merge(rumour, [startLiveness(nodeIndex(0), 2)])[0].state, 'up');
});

test('membership: another ring -> exactly its nodes, those known as they are, the others yet to be heard of', (t) => {
  const known = reported(1);
  const table = membersOf([4, 0, 2].map(nodeIndex), known);
  t.deepEqual(table, [known[0], known[2], startLiveness(nodeIndex(4), 0)]);
  t.deepEqual(merge(table, [startLiveness(nodeIndex(4), 1)])[2], startLiveness(nodeIndex(4), 1));
});
