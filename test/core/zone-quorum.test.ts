import test from 'ava';
import fc from 'fast-check';
import type { NodeIndex } from '../../src/core/ids.js';
import { settleWrite } from '../../src/core/write-quorum.js';
import { type PlacesNeed, settleZones, shortestOf, type ZoneQuorum, zoneNeeds } from '../../src/core/zone-quorum.js';

const nodes = (...list: number[]) => list as NodeIndex[];
/** Nodes 0..9 in zone 0, 10..19 in zone 1, and so on. */
const zoneOf = (node: NodeIndex) => `zone-${Math.floor(node / 10)}`;
const needsOf = (quorum: ZoneQuorum, list: readonly NodeIndex[], own = 'zone-0') =>
  zoneNeeds(quorum, list, zoneOf, own);

test('zone needs: local, local-quorum and each-quorum over 3 + 2 + 1 replicas -> the replicas of the zones that count', (t) => {
  const list = nodes(0, 10, 1, 20, 11, 2);
  t.deepEqual(needsOf({ local: 1 }, list), [{ nodes: nodes(0, 1, 2), needed: 1 }]);
  t.deepEqual(needsOf('local-quorum', list), [{ nodes: nodes(0, 1, 2), needed: 2 }]);
  t.deepEqual(needsOf('local-quorum', list, 'zone-1'), [{ nodes: nodes(10, 11), needed: 2 }]);
  t.deepEqual(needsOf('each-quorum', list), [
    { nodes: nodes(0, 1, 2), needed: 2 },
    { nodes: nodes(10, 11), needed: 2 },
    { nodes: nodes(20), needed: 1 },
  ]);
});

test('zone needs: no replica in the own zone -> a need that nothing can meet', (t) => {
  for (const quorum of ['local-quorum', { local: 1 }] as const) {
    t.deepEqual(needsOf(quorum, nodes(10, 20)), [{ nodes: [], needed: 1 }]);
  }
});

const anyNeeds = fc.array(fc.record({ places: fc.nat(0xfff), needed: fc.integer({ min: 1, max: 4 }) }), {
  minLength: 1,
  maxLength: 6,
});

test('zone needs: any -> acknowledged where each is met, unmet where one cannot be, else they wait', (t) => {
  const holds = ({ places, needed }: PlacesNeed, set: number) =>
    [...(places & set).toString(2)].filter((bit) => bit === '1').length >= needed;
  fc.assert(
    fc.property(anyNeeds, fc.nat(0xfff), fc.nat(0xfff), (needs, confirmed, failed) => {
      const isMet = needs.every((need) => holds(need, confirmed));
      const isLost = needs.some((need) => !holds(need, confirmed | ~failed));
      t.is(settleZones(needs, confirmed, failed), isMet ? 'acked' : isLost ? 'unmet' : 'wait');
    }),
  );
});

test('zone needs: one zone of all replicas -> decide as W of them does', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.nat(63), fc.nat(63), (w, confirmed, failed) => {
      const all = 0b111111;
      t.is(settleZones([{ places: all, needed: w }], confirmed, failed), settleWrite(w, all, all, confirmed, failed));
    }),
  );
});

test('zone needs: what is short -> told of the one that lacks most', (t) => {
  const needs = [
    { places: 0b000111, needed: 2 },
    { places: 0b111000, needed: 3 },
  ];
  t.deepEqual(shortestOf(needs, 0b001001), { needed: 3, got: 1 });
  t.deepEqual(shortestOf(needs, 0b111000), { needed: 2, got: 0 });
});

test('zone needs: majorities in every zone of two quorums -> have a replica in common in each zone', (t) => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(29), { minLength: 1, maxLength: 9 }), (list) => {
      for (const { nodes: zone, needed } of needsOf('each-quorum', nodes(...list))) t.true(2 * needed > zone.length);
    }),
  );
});
