import test from 'ava';
import fc from 'fast-check';
import { addressOf, Role } from '../../src/actor/address.js';
import { type Block, BlockPool, BODY_WORD } from '../../src/bridge/block-pool.js';
import { FrameType } from '../../src/bridge/frame.js';
import { Lane, laneOf } from '../../src/bridge/lane.js';
import { LaneScheduler } from '../../src/bridge/lane-scheduler.js';
import { CREDIT_BYTES, LANE_BYTES_MAX, PAYLOAD_BYTES_MAX } from '../../src/bridge/limits.js';
import { Head } from '../../src/protocol/header.js';
import { clientOf, coordinatorOf, fetchOf, gossipOf, messageOf, vnodeOf } from './bridge-fixture.js';

const actor = (role: Role, node: number): number => addressOf(role, node, 0);

function put(scheduler: LaneScheduler, words: Int32Array): boolean {
  return scheduler.put(laneOf(words[Head.from], words[Head.to]), words, 0);
}

/** Request ids of the messages in a block. */
function requestsOf({ type, words, bodyBytes }: Block): number[] {
  if (type === FrameType.chunk) return words[BODY_WORD + 1] === 0 ? [words[BODY_WORD + 2 + Head.request]] : [];
  const found: number[] = [];
  const end = BODY_WORD + bodyBytes / 4;
  for (let at = BODY_WORD; at < end; at += (words[at] & 0xff_ff_ff) / 4) found.push(words[at + Head.request]);
  return found;
}

/** Takes all that may leave: its lanes and the requests in it. */
function drain(scheduler: LaneScheduler, most = 10_000): { lane: Lane; requests: number[] }[] {
  const left: { lane: Lane; requests: number[] }[] = [];
  for (let lane = scheduler.nextLane(); lane !== undefined && left.length < most; lane = scheduler.nextLane()) {
    left.push({ lane, requests: requestsOf(scheduler.take(lane)) });
  }
  return left;
}

const takenOf = new WeakMap<LaneScheduler, number[]>();

/** The receiver has taken as many more bytes of the lane. */
function refillAll(scheduler: LaneScheduler, lane: number, underWay: number): void {
  const taken = takenOf.get(scheduler) ?? [0, 0, 0];
  takenOf.set(scheduler, taken);
  taken[lane] += underWay;
  scheduler.windows[lane].refill(taken[lane]);
}

const gossip = (request: number) => messageOf('gossip', { from: gossipOf(0), to: gossipOf(32), request });
const pulled = (request: number, bytes = 32) =>
  messageOf('pulled', { from: actor(Role.rebalancer, 0), to: actor(Role.rebalancer, 32), request, bytes });
const hinted = (request: number, bytes = 64) =>
  messageOf('replicate', { from: actor(Role.hintKeeper, 0), to: vnodeOf(32), request, bytes });
const barrier = (request: number) =>
  messageOf('barrier', { from: coordinatorOf(0), to: actor(Role.collector, 32), request });

test('lanes: the roles at both ends -> the lane, the same for a call and its reply', (t) => {
  t.is(laneOf(gossipOf(0), gossipOf(32)), Lane.control);
  t.is(laneOf(clientOf(3), actor(Role.ringKeeper, 32)), Lane.control);
  t.is(laneOf(coordinatorOf(0), vnodeOf(32)), Lane.requests);
  t.is(laneOf(clientOf(3), coordinatorOf(32)), Lane.requests);
  t.is(laneOf(actor(Role.hintKeeper, 0), vnodeOf(32)), Lane.bulk);
  const roles = fc.integer({ min: Role.vnode, max: Role.collector });
  fc.assert(
    fc.property(roles, roles, (a, b) => {
      t.is(laneOf(actor(a, 0), actor(b, 32)), laneOf(actor(b, 32), actor(a, 0)));
    }),
  );
});

test('lanes: bulk and requests wait -> control overtakes them', (t) => {
  const scheduler = new LaneScheduler(new BlockPool());
  for (let i = 0; i < 200; i++) put(scheduler, pulled(i, 8_000));
  for (let i = 0; i < 200; i++) put(scheduler, fetchOf(i, 8_000));
  drain(scheduler, 3);
  put(scheduler, gossip(77));
  t.deepEqual(drain(scheduler, 1), [{ lane: Lane.control, requests: [77] }]);
});

test('lanes: requests and bulk wait -> four frames to one', (t) => {
  const scheduler = new LaneScheduler(new BlockPool());
  for (let i = 0; i < 100; i++) put(scheduler, pulled(i, PAYLOAD_BYTES_MAX));
  for (let i = 0; i < 100; i++) put(scheduler, fetchOf(i, PAYLOAD_BYTES_MAX));
  const lanes = drain(scheduler, 10).map(({ lane }) => lane);
  t.is(lanes.filter((lane) => lane === Lane.bulk).length, 2);
});

test('lanes: any messages in any order -> each lane keeps its order, and all leave once', (t) => {
  const message = fc.record({ kind: fc.nat(2), units: fc.integer({ min: 5, max: 20_000 }) });
  fc.assert(
    fc.property(fc.array(message, { maxLength: 40 }), (messages) => {
      const scheduler = new LaneScheduler(new BlockPool());
      const expected: number[][] = [[], [], []];
      for (const [i, { kind, units }] of messages.entries()) {
        const make = [() => gossip(i), () => fetchOf(i, units * 8), () => pulled(i, units * 8)][kind];
        if (put(scheduler, make())) expected[kind].push(i);
      }
      const got: number[][] = [[], [], []];
      for (;;) {
        const left = drain(scheduler);
        if (left.length === 0) break;
        for (const { lane, requests } of left) got[lane].push(...requests);
        for (const [lane, window] of scheduler.windows.entries()) refillAll(scheduler, lane, window.underWay);
      }
      t.deepEqual(got, expected);
    }),
    { numRuns: 50 },
  );
});

for (const [lane, make] of [
  [Lane.requests, fetchOf],
  [Lane.bulk, hinted],
] as const) {
  test(`lanes: the receiver of lane ${lane} takes nothing -> no more is under way than its credit`, (t) => {
    const scheduler = new LaneScheduler(new BlockPool());
    let count = 0;
    while (put(scheduler, make(count, 10_000))) count++;
    t.true(count * 10_000 <= LANE_BYTES_MAX[lane] && (count + 1) * 10_000 > LANE_BYTES_MAX[lane]);
    t.is(scheduler.queues[lane].refused, 1);
    drain(scheduler);
    const { underWay } = scheduler.windows[lane];
    t.true(underWay <= CREDIT_BYTES[lane] && underWay > CREDIT_BYTES[lane] - 70_000);
    t.true(scheduler.windows[lane].refill(underWay));
    t.true(drain(scheduler).length > 0);
  });
}

test('lanes: more credit than was sent -> is noticed', (t) => {
  const scheduler = new LaneScheduler(new BlockPool());
  put(scheduler, fetchOf(1));
  drain(scheduler);
  t.false(scheduler.windows[Lane.requests].refill(1_000_000));
});

test('lanes: a lane is full -> calls are refused, replies still find room', (t) => {
  const scheduler = new LaneScheduler(new BlockPool());
  while (put(scheduler, fetchOf(1, 60_000)));
  const reply = messageOf('answered', { from: coordinatorOf(0), to: clientOf(256 + 3), bytes: 60_000 });
  t.true(put(scheduler, reply));
});

test('lanes: a barrier -> leaves behind all that was sent before it, on whichever lane, and nothing else does', (t) => {
  const scheduler = new LaneScheduler(new BlockPool());
  // more than the credit of the requests lane
  for (let i = 0; i < 100; i++) put(scheduler, fetchOf(i, PAYLOAD_BYTES_MAX));
  put(scheduler, hinted(500));
  put(scheduler, barrier(1_000));
  put(scheduler, hinted(501));
  for (let i = 100; i < 110; i++) put(scheduler, fetchOf(i, PAYLOAD_BYTES_MAX));
  const first = drain(scheduler).flatMap(({ requests }) => requests);
  t.true(first.includes(500));
  t.false(first.includes(1_000));
  refillAll(scheduler, Lane.requests, scheduler.windows[Lane.requests].underWay);
  const all = [...first, ...drain(scheduler).flatMap(({ requests }) => requests)];
  const at = all.indexOf(1_000);
  t.true(at > 0);
  for (let i = 0; i < 100; i++) t.true(all.indexOf(i) < at && all.includes(i), `request ${i}`);
  t.true(all.indexOf(501) > at);
  t.is(all.length, 113);
});

test('lanes: dropped -> names each message of which nothing has left, once', (t) => {
  const scheduler = new LaneScheduler(new BlockPool());
  put(scheduler, fetchOf(1));
  put(scheduler, fetchOf(2, 200_000));
  put(scheduler, fetchOf(3));
  put(scheduler, fetchOf(4));
  drain(scheduler, 2); // the first, and a piece of the second
  put(scheduler, pulled(5));
  const lost: number[] = [];
  scheduler.clear((words, at) => lost.push(words[at + Head.request]));
  t.deepEqual(lost, [3, 4, 5]);
  t.false(scheduler.hasWork);
  t.is(scheduler.queues[Lane.requests].queuedBytes, 0);
});
