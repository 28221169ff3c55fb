import test from 'ava';
import fc from 'fast-check';
import { entryNumbers, excerpt } from '../../src/core/excerpt.js';
import { nodeIndex } from '../../src/core/ids.js';
import { type Members, markDown, report, startLiveness } from '../../src/core/membership.js';

const healthy = (count: number): Members =>
  Array.from({ length: count }, (_, node) => startLiveness(nodeIndex(node), 1));
const numbers = (members: Members) => members.reduce((sum, entry) => sum + entryNumbers(entry), 0);

test('excerpt: any table and beginning -> within its room, ascending, with the entry of who tells', (t) => {
  const given = fc.record({
    count: fc.integer({ min: 2, max: 60 }),
    entriesMax: fc.integer({ min: 8, max: 40 }),
    first: fc.nat(59),
  });
  fc.assert(
    fc.property(given, fc.func(fc.boolean()), ({ count, entriesMax, first }, isLost) => {
      const lost = new Set(
        healthy(count)
          .map(({ node }) => node)
          .filter((node) => node !== 0 && isLost(node)),
      );
      const members = markDown(report(healthy(count), lost, nodeIndex(0), String), lost);
      const self = nodeIndex(0);
      const told = excerpt(members, { entriesMax, first: first % count, self });
      t.deepEqual(
        told,
        members.filter((entry) => told.includes(entry)),
      );
      t.is(told[0].node, self);
      t.true(numbers(told) <= entriesMax * 3);
      const left = members.filter((entry) => !told.includes(entry));
      if (left.length > 0) t.true(numbers(told) + Math.max(...left.map(entryNumbers)) > entriesMax * 3);
    }),
  );
});

test('excerpt: every beginning in turn -> each entry is told as often as each other', (t) => {
  const members = healthy(10);
  const often = new Array<number>(10).fill(0);
  for (let first = 0; first < 10; first++) {
    for (const { node } of excerpt(members, { entriesMax: 4, first, self: nodeIndex(99) })) often[node]++;
  }
  t.deepEqual(often, new Array(10).fill(3));
});
