/** What a ring keeper keeps and sends of a ring: any that fits into the bodies of messages. */
import test from 'ava';
import { loadRing, saveRing } from '../../actors/ring-records.js';
import { nodeIndex } from '../../src/core/ids.js';
import { firstRingState, Phase, type RingState, ringToPlain } from '../../src/core/ring-state.js';
import { encodeBody } from '../../src/protocol/body.js';
import { ringOf } from '../../src/sim/ring-plan.js';
import { StorageNode, testFolder } from '../storage/node-fixture.js';

/** All partitions move, each number takes as many bytes as it may: hosts far apart, and a cluster of some age. */
function largestRing(partitions: number, n: number): RingState {
  const small = firstRingState(ringOf({ weights: [1, 1, 1, 1, 1, 1], partitions, n }));
  const far = (list: readonly number[]) => list.map((node) => nodeIndex(1_000 + node));
  const lists = small.lists.map(far);
  const aged = { ...small, epoch: 60_000 as RingState['epoch'], lists };
  const old = new Array<number>(partitions).fill(59_000);
  return {
    ...aged,
    changedAt: old,
    begunAt: old,
    move: {
      id: 59_990,
      kind: 'join',
      members: small.members,
      failureDomain: 'node',
      next: lists.map((list) => list.toReversed()),
      phases: lists.map(() => Phase.filling),
      gone: [],
    },
  } as RingState;
}

test('ring records: 4,096 partitions of three replicas, all on the move -> kept, and sent in one message', async (t) => {
  const ring = largestRing(4_096, 3);
  t.true(encodeBody(ringToPlain(ring)).length > 100_000);
  let node = await StorageNode.open(t, testFolder(t));
  t.true(saveRing(node.engine, ring));
  node.endTurn();
  t.deepEqual(loadRing(node.engine), ring);
  await node.flush();
  node = await node.reopen(t);
  t.deepEqual(loadRing(node.engine), ring);
});
