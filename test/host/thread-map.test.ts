import test from 'ava';
import { nodeIndex } from '../../src/core/ids.js';
import { type NodeState, report, startLiveness } from '../../src/core/membership.js';
import { firstRingState } from '../../src/core/ring-state.js';
import { inspectMembers } from '../../src/host/inspect.js';
import { allocateThreadMap, livenessView, ringView, Status, showDoubt } from '../../src/host/thread-map.js';
import { ringOf } from '../../src/sim/ring-plan.js';

const SHAPE = { partitions: 8, n: 2 };
const plan = ringOf({ weights: [1, 1, 1], ...SHAPE });
const sizes = {
  clockStartMs: 0,
  hasBridge: false,
  first: 0,
  room: 3,
  seats: 1,
  nodeBytes: 1024 * 1024,
  pairBytesMax: 1024,
};

/** Three nodes, all of them up, and what node 0 routes by. */
function host() {
  const map = allocateThreadMap({ hostId: 'h', zone: 'z', ...sizes, ...SHAPE }, firstRingState(plan));
  const status = new Int32Array(map.status);
  const setUp = (node: number, isUp: boolean) => {
    status[node * Status.line + Status.up] = Number(isUp);
  };
  for (const node of [0, 1, 2]) setUp(node, true);
  const view = ringView(map, 0, firstRingState(plan), () => undefined);
  const believe = (observer: number, about: number, state: NodeState, isSilent = false) =>
    livenessView(map, observer).put({ ...startLiveness(nodeIndex(about), 1), state }, isSilent);
  return { map, setUp, view, believe };
}

test('thread map: a thread that has ended -> suspected at once by all; up again -> not', (t) => {
  const { setUp, view } = host();
  t.false(view.suspects(nodeIndex(1)));
  setUp(1, false);
  t.true(view.suspects(nodeIndex(1)));
  setUp(1, true);
  t.false(view.suspects(nodeIndex(1)));
});

test('thread map: the node’s own agent waits in vain, or has the verdict -> suspected; another’s agent alone -> not', (t) => {
  const { view, believe } = host();
  believe(2, 1, 'suspect', true);
  t.false(view.suspects(nodeIndex(1)));
  believe(0, 1, 'suspect');
  t.false(view.suspects(nodeIndex(1)));
  believe(0, 1, 'suspect', true);
  t.true(view.suspects(nodeIndex(1)));
  believe(0, 1, 'down');
  t.true(view.suspects(nodeIndex(1)));
  believe(0, 1, 'up');
  t.false(view.suspects(nodeIndex(1)));
});

test('members: suspected by some -> suspect, with all who say so; its thread ended -> down; a reporter ended -> counts no more', (t) => {
  const { map, setUp } = host();
  const of = (node: number) => {
    const { state, reporters } = inspectMembers(map, firstRingState(plan))[node];
    return [state, reporters];
  };
  t.deepEqual(of(1), ['up', []]);
  for (const by of [2, 0]) {
    const [entry] = report([startLiveness(nodeIndex(1), 1)], new Set([nodeIndex(1)]), nodeIndex(by), String);
    livenessView(map, by).put(entry, true);
  }
  t.deepEqual(of(1), ['suspect', [0, 2]]);
  setUp(1, false);
  t.deepEqual(of(1), ['down', [0, 2]]);
  setUp(1, true);
  setUp(2, false);
  t.deepEqual(of(1), ['suspect', [0]]);
});

test('members: in doubt, counts, its host does not tell or is silent, down -> false, true, not known', (t) => {
  const { map, setUp } = host();
  const status = new Int32Array(map.status);
  const counts = () => inspectMembers(map, firstRingState(plan)).map((member) => member.counts);
  t.deepEqual(counts(), [undefined, undefined, undefined]);
  showDoubt(map, 0, true);
  showDoubt(map, 1, false);
  t.deepEqual(counts(), [false, true, undefined]);
  status[Status.quiet] = 1;
  setUp(1, false);
  t.deepEqual(counts(), [undefined, undefined, undefined]);
});

test('members: suspected by a node that is no member, which is told nothing -> up', (t) => {
  const { map, believe } = host();
  const smaller = firstRingState(ringOf({ weights: [1, 1], ...SHAPE }));
  believe(2, 1, 'down', true);
  t.deepEqual(
    inspectMembers(map, smaller).map(({ state }) => state),
    ['up', 'up'],
  );
  believe(0, 1, 'suspect', true);
  t.is(inspectMembers(map, smaller)[1].state, 'suspect');
});
