import test from 'ava';
import fc from 'fast-check';
import { claim } from '../../src/core/claim.js';
import { preferenceLists, walk } from '../../src/core/preference-list.js';
import { domainOf } from '../../src/core/ring.js';
import { ringOf, rings } from './rings.js';

test('preference list: any ring -> led by the owner, N failure domains', (t) => {
  fc.assert(
    fc.property(rings(4, 12), (map) => {
      const owners = claim(map);
      const domains = new Map(map.members.map((member) => [member.node, domainOf(member, map.failureDomain)]));
      preferenceLists(map, owners).forEach((list, partition) => {
        t.is(list[0], owners[partition]);
        t.is(new Set(list.map((node) => domains.get(node))).size, map.n);
      });
    }),
    { numRuns: 30 },
  );
});

test('walk: any ring -> the primaries, then every other node once', (t) => {
  fc.assert(
    fc.property(rings(4, 12), (map) => {
      const owners = claim(map);
      const lists = preferenceLists(map, owners);
      for (let partition = 0; partition < map.partitions; partition += 7) {
        const nodes = walk(map, owners, partition);
        t.deepEqual(nodes.slice(0, map.n), [...lists[partition]]);
        t.is(new Set(nodes).size, map.members.length);
        t.is(nodes.length, map.members.length);
      }
    }),
    { numRuns: 30 },
  );
});

test('walk: fallbacks -> those in a domain without a primary come first', (t) => {
  const zones = ['a', 'b', 'c', 'a', 'b', 'c', 'd', 'd'];
  const map = ringOf({ weights: new Array(8).fill(1), zones, failureDomain: 'zone' });
  const owners = claim(map);
  for (let partition = 0; partition < map.partitions; partition++) {
    const nodes = walk(map, owners, partition);
    const free = nodes.slice(3, 5).map((node) => zones[node]);
    const taken = nodes.slice(0, 3).map((node) => zones[node]);
    t.true(free.every((zone) => !taken.includes(zone)));
  }
});

test('walk: fallbacks over a ring of equal nodes -> spread over all of them', (t) => {
  const map = ringOf({ weights: new Array(8).fill(1) });
  const owners = claim(map);
  const firsts = new Set(owners.map((_, partition) => walk(map, owners, partition)[3]));
  t.is(firsts.size, 8);
});
