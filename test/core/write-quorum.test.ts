import test from 'ava';
import fc from 'fast-check';
import { nodeIndex } from '../../src/core/ids.js';
import type { Durability } from '../../src/core/options.js';
import { addWriteReply, decideWrite, startWrite, type WriteReply, writeRepairs } from '../../src/core/write-quorum.js';

const confirm = (node: number, durability: Durability = 'sync'): WriteReply => ({ node: nodeIndex(node), durability });
const failure = (node: number): WriteReply => ({ node: nodeIndex(node), failed: 'KV_STORAGE_FULL' });
const decide = (n: number, w: number, replies: readonly WriteReply[]) =>
  decideWrite(replies.reduce(addWriteReply, startWrite({ n, w })));

for (const [what, n, w, replies, expected] of [
  ['no reply', 3, 2, [], { kind: 'wait' }],
  ['one confirmation', 3, 2, [confirm(0)], { kind: 'wait' }],
  ['one node twice', 3, 2, [confirm(0), confirm(0)], { kind: 'wait' }],
  ['two confirmations', 3, 2, [confirm(0), confirm(2)], { kind: 'acked', replicas: 2, durability: 'sync' }],
  ['a weaker one', 3, 2, [confirm(0), confirm(2, 'interval')], { kind: 'acked', replicas: 2, durability: 'interval' }],
  ['the weakest', 3, 1, [confirm(0, 'none'), confirm(2)], { kind: 'acked', replicas: 2, durability: 'none' }],
  ['weak, then synced', 1, 1, [confirm(0, 'none'), confirm(0)], { kind: 'acked', replicas: 1, durability: 'sync' }],
  ['synced, then weak', 1, 1, [confirm(0), confirm(0, 'none')], { kind: 'acked', replicas: 1, durability: 'sync' }],
  ['one failure', 3, 2, [failure(1)], { kind: 'wait' }],
  ['two failures', 3, 2, [failure(1), failure(2)], { kind: 'unmet', needed: 2, got: 0 }],
  ['one failure twice', 3, 2, [failure(1), failure(1)], { kind: 'wait' }],
  ['W=N and a failure', 3, 3, [confirm(0), failure(1)], { kind: 'unmet', needed: 3, got: 1 }],
  ['failed, then confirmed', 3, 3, [failure(1), confirm(1)], { kind: 'wait' }],
  ['confirmed, then failed', 1, 1, [confirm(0), failure(0)], { kind: 'acked', replicas: 1, durability: 'sync' }],
] as const) {
  test(`write quorum: N=${n} W=${w}, ${what} -> ${expected.kind}`, (t) => {
    t.deepEqual(decide(n, w, replies), expected);
  });
}

test('write quorum: failures -> the nodes that are owed the write', (t) => {
  const state = [confirm(0), failure(1), failure(2), confirm(2)].reduce(addWriteReply, startWrite({ n: 3, w: 2 }));
  t.deepEqual(writeRepairs(state), [nodeIndex(1)]);
});

test('write quorum: any replies -> acked iff W nodes confirmed, unmet iff W cannot be reached', (t) => {
  const reply = fc.tuple(fc.nat(4), fc.constantFrom<Durability | undefined>('sync', 'interval', 'none', undefined));
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 12 }), fc.integer({ min: 1, max: 5 }), (list, w) => {
      const decision = decide(
        5,
        w,
        list.map(([node, durability]) => (durability ? confirm(node, durability) : failure(node))),
      );
      const confirmed = new Set(list.filter(([, durability]) => durability).map(([node]) => node));
      const failed = new Set(list.map(([node]) => node).filter((node) => !confirmed.has(node)));
      const expected = confirmed.size >= w ? 'acked' : 5 - failed.size < w ? 'unmet' : 'wait';
      t.is(decision.kind, expected);
    }),
  );
});
