/** Which nodes may be cleared, as far as is known of the others. */
import test from 'ava';
import { renewNode } from '../../src/client/node-renewal.js';
import type { RingAdmin } from '../../src/client/ring-changes.js';
import { nodeIndex } from '../../src/core/ids.js';
import { firstRingState } from '../../src/core/ring-state.js';
import type { NodeStats } from '../../src/host/reports.js';
import { ringOf } from '../core/rings.js';
import { failsWith } from './store-fixture.js';

const SHAPE = { n: 3, partitions: 16, weights: [1, 1, 1, 1] };

/** Nodes 0 and 1 are of this host, and 1 is down; 2 and 3 are of another one, `counts` is what that has told of 3. */
function adminOf(counts: boolean | undefined, upNodes: readonly number[]) {
  const renewed: number[] = [];
  const ring = firstRingState(ringOf(SHAPE));
  const members = ring.members.map((member) => ({ ...member, host: member.node < 2 ? 'here' : 'there' }));
  const stats = (node: number) => ({ node, up: node === 0 || renewed.includes(node), repairs: { inDoubt: 0 } });
  const admin: Partial<RingAdmin> = {
    ring: () => ({ ...ring, members }),
    isUp: (node) => upNodes.includes(node),
    counts: (node) => (node === 3 ? counts : true),
    stats: () => [0, 1].map(stats) as NodeStats[],
    renew: async (node) => void renewed.push(node),
    nextChange: async () => undefined,
  };
  const change = (force = false) => renewNode(admin as RingAdmin, [nodeIndex(1)], { force }, () => undefined);
  return { renewed, change };
}

for (const { what, counts, up, reason } of [
  { what: 'in doubt', counts: false, up: [0, 2, 3], reason: /^node 3 is in doubt.*by force/ },
  {
    what: 'not told of',
    counts: undefined,
    up: [0, 2, 3],
    reason: /^whether node 3 is in doubt is not known: host there/,
  },
  { what: 'down', counts: true, up: [0, 2], reason: /^node 3 is down: what only it and node 1 hold/ },
]) {
  test(`node renewal: a node of another host is ${what} -> refused with the reason; by force it begins anew`, async (t) => {
    const { renewed, change } = adminOf(counts, up);
    const error = await failsWith(t, 'KV_UNAVAILABLE', () => change(), reason);
    t.is(error.details.node, 3);
    t.deepEqual(renewed, []);
    t.like(await change(true), { joined: [1], done: true });
    t.deepEqual(renewed, [1]);
  });
}

test('node renewal: every other node is up and counts -> it begins anew', async (t) => {
  const { renewed, change } = adminOf(true, [0, 2, 3]);
  t.true((await change()).done);
  t.deepEqual(renewed, [1]);
});
