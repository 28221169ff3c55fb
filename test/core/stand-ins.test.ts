import test from 'ava';
import fc from 'fast-check';
import { nodeIndex } from '../../src/core/ids.js';
import type { Member } from '../../src/core/ring.js';
import { nearnessOf, spreadOut } from '../../src/core/stand-ins.js';

/** Hosts belong to machines, machines to zones. */
const memberAt = (node: number, host: number): Member => ({
  node: nodeIndex(node),
  host: `h${host}`,
  machine: `m${host >> 1}`,
  zone: `z${host >> 2}`,
  weight: 1,
});

const worlds = fc
  .record({
    hosts: fc.array(fc.nat(11), { minLength: 2, maxLength: 16 }),
    heldCount: fc.nat(4),
    count: fc.integer({ min: 1, max: 5 }),
    failureDomain: fc.constantFrom('node' as const, 'host' as const, 'machine' as const, 'zone' as const),
  })
  .map(({ hosts, heldCount, count, failureDomain }) => {
    const members = hosts.map((host, node) => memberAt(node, host));
    const nodes = members.map(({ node }) => node);
    const held = nodes.slice(0, Math.min(heldCount, nodes.length - 1));
    return { members, held, free: nodes.slice(held.length), count, failureDomain };
  });

test('stand-ins: any ring -> as many as are wanted, none twice, none that holds the key already', (t) => {
  fc.assert(
    fc.property(worlds, ({ members, held, free, count, failureDomain }) => {
      const chosen = spreadOut(free, held, nearnessOf(members, failureDomain), count);
      t.is(chosen.length, Math.min(count, free.length));
      t.is(new Set(chosen).size, chosen.length);
      t.true(chosen.every((node) => free.includes(node)));
    }),
  );
});

test('stand-ins: any ring -> each in a failure domain of its own as long as there is one, and in the zone with the fewest copies', (t) => {
  fc.assert(
    fc.property(worlds, ({ members, held, free, count, failureDomain }) => {
      const memberOf = (node: number) => members[node];
      const domainsOf = (nodes: readonly number[]) =>
        new Set(nodes.map((node) => (failureDomain === 'node' ? String(node) : memberOf(node)[failureDomain])));
      const copies: number[] = [...held];
      for (const node of spreadOut(free, held, nearnessOf(members, failureDomain), count)) {
        const left = free.filter((other) => !copies.includes(other));
        const taken = domainsOf(copies);
        const apart = left.filter((other) => ![...domainsOf([other])].some((domain) => taken.has(domain)));
        t.true(apart.length === 0 || apart.includes(node), 'a failure domain without a copy');
        const inZone = (other: number) => copies.filter((copy) => memberOf(copy).zone === memberOf(other).zone).length;
        const least = Math.min(...apart.map(inZone));
        t.true(apart.length === 0 || inZone(node) === least, 'a zone with fewer copies');
        copies.push(node);
      }
    }),
  );
});

test('stand-ins: nothing tells nodes apart -> the order that they were given in', (t) => {
  const members = Array.from({ length: 6 }, (_, node) => memberAt(node, 0));
  const nodes = [4, 2, 5, 3].map(nodeIndex);
  t.deepEqual(spreadOut(nodes, [nodeIndex(0)], nearnessOf(members, 'node')), nodes);
});
