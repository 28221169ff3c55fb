/** The forecast of a join. */
import test from 'ava';
import fc from 'fast-check';
import { forecastJoin } from '../../src/cli/ring-forecast.js';
import type { MemberReport } from '../../src/client/types.js';
import { claim } from '../../src/core/claim.js';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import { preferenceLists } from '../../src/core/preference-list.js';

test('ring forecast: any ring of equal nodes -> a join moves about the least possible, and never less', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 12 }), fc.integer({ min: 1, max: 3 }), (nodes, n) => {
      const partitions = 256;
      const members = Array.from({ length: nodes }, (_, node) => ({
        node: nodeIndex(node),
        host: 'h',
        machine: 'm',
        zone: 'z',
        weight: 1,
      }));
      const map = { epoch: epoch(1), partitions, n, failureDomain: 'node' as const, members };
      const lists = preferenceLists(map, claim(map));
      const ring = { epoch: 1, partitions, n, failureDomain: 'node' as const, preferenceLists: lists, nodes: [] };
      const reports = members.map(
        (member): MemberReport => ({ ...member, state: 'up', reporters: [], incarnation: 1 }),
      );
      const { node, moved, total, optimum } = forecastJoin(ring, reports);
      t.is(node, nodes);
      t.is(total, partitions * n);
      t.true(Math.abs(optimum - total / (nodes + 1)) < 1e-9);
      t.true(moved >= Math.floor(optimum * 0.95) && moved <= Math.ceil(optimum * 1.1), `${moved} of ${optimum}`);
    }),
    { numRuns: 30 },
  );
});
