import test from 'ava';
import fc from 'fast-check';
import { type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import { joinReporters, REPORTERS_MAX, type Reporters } from '../../src/core/reporters.js';

const hostOf = (node: NodeIndex) => `host-${node % 5}`;
const join = (...lists: readonly Reporters[]) => lists.reduce((all, list) => joinReporters(all, list, hostOf), []);
const reporters = fc
  .uniqueArray(fc.nat(30).map(nodeIndex), { maxLength: REPORTERS_MAX })
  .map((list) => list.sort((a, b) => a - b));
const hosts = (list: Reporters) => new Set(list.map(hostOf)).size;

test('reporters: any lists, in any order and grouping -> the same few of them', (t) => {
  fc.assert(
    fc.property(reporters, reporters, reporters, (a, b, c) => {
      t.deepEqual(join(a, b), join(b, a));
      t.deepEqual(join(join(a, b), c), join(a, join(b, c)));
      t.deepEqual(join(a, a), a);
      t.true(join(a, b, c).length <= REPORTERS_MAX);
    }),
    { numRuns: 1_000 },
  );
});

test('reporters: many of one host and one of another -> two hosts are still seen; of one host -> two nodes', (t) => {
  fc.assert(
    fc.property(fc.array(reporters, { minLength: 1, maxLength: 8 }), (lists) => {
      const all = new Set(lists.flat());
      const kept = join(...lists);
      t.is(kept.length, Math.min(all.size, REPORTERS_MAX));
      t.is(hosts(kept), Math.min(hosts([...all]), REPORTERS_MAX));
    }),
  );
});
