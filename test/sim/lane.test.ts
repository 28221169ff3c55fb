/** A lane that is held up while others go on, and what holds and blocks do together. */
import test from 'ava';
import { Lane } from '../../src/sim/lane.js';

const DELAY_MS = 2;

function openLane() {
  const state = { nowMs: 0 };
  const arrived: number[] = [];
  const lane = new Lane({
    from: 0,
    to: 1,
    repeats: false,
    nowMs: () => state.nowMs,
    delayMs: () => DELAY_MS,
    onWaiting: () => undefined,
    onSent: () => undefined,
    onDelivered: (_, { words }) => arrived.push(words[0]),
  });
  const send = (...numbers: number[]) => {
    for (const number of numbers) lane.send(Int32Array.of(number));
  };
  const takeAt = (nowMs: number): number[] => {
    state.nowMs = nowMs;
    arrived.length = 0;
    while (lane.next() >= 0);
    return [...arrived];
  };
  return { lane, send, takeAt };
}

test('lane: held up -> what had not arrived waits, comes in its order once released, and what is sent then behind it', (t) => {
  const { lane, send, takeAt } = openLane();
  send(1);
  t.deepEqual(takeAt(DELAY_MS), [1]);
  send(2);
  const release = lane.hold();
  send(3);
  t.deepEqual(takeAt(1_000), []);
  release();
  send(4);
  t.deepEqual(takeAt(1_000), []);
  t.deepEqual(takeAt(1_000 + DELAY_MS), [2, 3, 4]);
});

test('lane: held up twice, and blocked besides -> free once nothing holds it any more, whichever ends last', (t) => {
  const { lane, send, takeAt } = openLane();
  const holds = [lane.hold(), lane.hold()];
  lane.block();
  send(1);
  holds[0]();
  holds[0]();
  lane.unblock();
  t.deepEqual(takeAt(100), []);
  lane.block();
  holds[1]();
  t.deepEqual(takeAt(200), []);
  lane.unblock();
  t.deepEqual(takeAt(200 + DELAY_MS), [1]);
});

test('lane: held up when its connection breaks -> what waited is lost, and what the next one carries waits too', (t) => {
  const { lane, send, takeAt } = openLane();
  const release = lane.hold();
  send(1);
  t.deepEqual(
    lane.cut().map((words) => words[0]),
    [1],
  );
  lane.begin(1, { repeats: 0, again: [] });
  send(2);
  t.deepEqual(takeAt(100), []);
  release();
  t.deepEqual(takeAt(100 + DELAY_MS), [2]);
});
