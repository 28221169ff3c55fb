/** Writes that the ring's change overtakes: refused as older, and sent again once the coordinator has adopted the change. */
import test from 'ava';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import { Phase, type RingState } from '../../src/core/ring-state.js';
import { DurabilityCode, failure, success } from '../../src/protocol/outcome.js';
import { settledRing } from '../sim/sim-env.js';
import { WriteCase } from './write-case.js';

test('write: replicas refuse it as older than a change -> sent again under the change, W of both lists; else it waits', (t) => {
  const ring = settledRing(3, 1);
  const write = new WriteCase({ w: 2 }, { ring });
  t.is(write.answer(1, failure('KV_STALE_EPOCH')), undefined);
  t.is(write.answer(2, failure('KV_STALE_EPOCH')), undefined);
  const again = write.adopt(moving(ring, [0, 1, 3]));
  t.deepEqual(again, [1, 2, 3]);
  t.is(write.answer(2, success(1, DurabilityCode.interval)), undefined);
  t.like(write.answer(3, success(1, DurabilityCode.interval)), { code: undefined });
  t.is(write.answer(1, failure('KV_STALE_EPOCH'))?.code, undefined);
  t.is(write.open, 0);
});

test('write: refused as stale twice by too many -> KV_WRITE_QUORUM_UNMET', (t) => {
  const ring = settledRing(3, 1);
  const write = new WriteCase({ w: 2 }, { ring });
  for (const node of [1, 2]) write.answer(node, failure('KV_STALE_EPOCH'));
  write.adopt(moving(ring, [0, 1, 3]));
  write.answer(1, failure('KV_STALE_EPOCH'));
  t.is(write.answer(2, failure('KV_STALE_EPOCH'))?.code, 'KV_WRITE_QUORUM_UNMET');
});

test('write: refused as stale by a change that this node never hears of -> KV_WRITE_QUORUM_UNMET at the deadline', (t) => {
  const write = new WriteCase({ w: 2 });
  for (const node of [1, 2]) t.is(write.answer(node, failure('KV_STALE_EPOCH')), undefined);
  t.is(write.pass(100), undefined);
  t.is(write.pass(600)?.code, 'KV_WRITE_QUORUM_UNMET');
});

test('write: another change has begun since it was sent again -> whoever refuses it has failed: under that one it would go to another list besides', (t) => {
  const ring = settledRing(3, 2);
  const write = new WriteCase({ w: 2 }, { ring });
  write.answer(1, failure('KV_STALE_EPOCH'));
  const first = moving(ring, [0, 2, 3]);
  t.deepEqual(write.adopt(first), [1, 3]);
  const { move: _, ...rest } = first;
  const settled = { ...rest, epoch: epoch(first.epoch + 1), lists: [[0, 2, 3].map(nodeIndex)] };
  t.deepEqual(write.adopt(moving(settled, [0, 3, 4])), []);
  t.is(write.answer(2, failure('KV_STALE_EPOCH')), undefined);
  t.is(write.answer(1, failure('KV_STALE_EPOCH'))?.code, 'KV_WRITE_QUORUM_UNMET');
});

/** The ring once its only partition has begun to move to these nodes. */
function moving(ring: RingState, to: readonly number[]): RingState {
  const { members, failureDomain } = ring;
  const at = epoch(ring.epoch + 1);
  const next = [to.map(nodeIndex)];
  const move = { id: at, kind: 'join' as const, members, failureDomain, next, phases: [Phase.filling], gone: [] };
  return { ...ring, epoch: at, changedAt: [at], begunAt: [at], move };
}
