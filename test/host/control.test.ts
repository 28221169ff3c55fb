/** The control plane of a node's thread: what is called and what the thread counts as handled must come out even. */
import { MessageChannel, Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { firstRingState } from '../../src/core/ring-state.js';
import { ControlLink } from '../../src/host/control.js';
import { allocateThreadMap, Status } from '../../src/host/thread-map.js';
import { ringOf } from '../../src/sim/ring-plan.js';

const SHAPE = { n: 1, partitions: 2 };

function scene(t: ExecutionContext) {
  const ring = firstRingState(ringOf({ weights: [1], ...SHAPE }));
  const sizes = { clockStartMs: 0, seats: 1, nodeBytes: 1024 * 1024, pairBytesMax: 1024 };
  const map = allocateThreadMap(
    { hostId: 'h', zone: 'z', hasBridge: true, first: 0, room: 1, ...sizes, ...SHAPE },
    ring,
  );
  // a thread that answers nothing
  const worker = new Worker('setInterval(() => undefined, 1_000)', { eval: true });
  t.teardown(() => worker.terminate());
  const link = new ControlLink(map, 0, worker);
  return { worker, link, posted: () => new Int32Array(map.status)[Status.controlPosted] };
}

test('control: a call to a thread that has ended -> fails, and the next life is not asked to wait for it', async (t) => {
  const { worker, link, posted } = scene(t);
  await worker.terminate();
  await t.throwsAsync(link.attachBridge(new MessageChannel().port1), { code: 'KV_NODE_RESTARTED' });
  await t.throwsAsync(link.detachSeat(0), { code: 'KV_NODE_RESTARTED' });
  t.is(posted(), 0);
});

test('control: a call to a thread that runs -> is waited for, and fails when the thread ends', async (t) => {
  const { worker, link, posted } = scene(t);
  const call = link.detachSeat(0);
  t.is(posted(), 1);
  void worker.terminate();
  await t.throwsAsync(call, { code: 'KV_NODE_RESTARTED' });
});
