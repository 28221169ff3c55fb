import test from 'ava';
import { LivenessView } from '../../src/actor/liveness-view.js';
import { nodeIndex } from '../../src/core/ids.js';
import type { Liveness, NodeState } from '../../src/core/membership.js';

const viewOf = (nodes: number) => new LivenessView(new Int32Array(LivenessView.bytesFor(nodes) / 4));
const entry = (node: number, state: NodeState, reporters: readonly number[] = []): Liveness => ({
  node: nodeIndex(node),
  incarnation: 1,
  heartbeat: 7,
  state,
  reporters: reporters.map(nodeIndex),
});

test('liveness view: an entry put -> is read back; a node never put, or beyond the memory -> unknown', (t) => {
  const view = viewOf(3);
  view.put(entry(1, 'suspect', [0, 2]), false);
  t.is(view.heartbeatOf(1), 7);
  t.is(view.stateOf(1), 'suspect');
  t.deepEqual(view.reportersOf(1), [0, 2].map(nodeIndex));
  view.put(entry(3, 'down', [0]), true);
  for (const unknown of [0, 2, 3]) {
    t.is(view.stateOf(unknown), undefined);
    t.deepEqual(view.reportersOf(unknown), []);
    t.false(view.suspects(unknown));
  }
});

test('liveness view: more reporters than it has room for -> the first of them; fewer later -> those alone', (t) => {
  const view = viewOf(1);
  view.put(entry(0, 'down', [1, 2, 3, 4, 5, 6]), false);
  t.deepEqual(view.reportersOf(0), [1, 2, 3, 4].map(nodeIndex));
  view.put(entry(0, 'up'), false);
  t.deepEqual(view.reportersOf(0), []);
});

for (const [state, isSilent, expected] of [
  ['up', false, false],
  ['suspect', false, false],
  ['suspect', true, true],
  ['down', false, true],
] as const) {
  test(`liveness view: ${state}, ${isSilent ? 'silent here' : 'heard here'} -> ${expected ? 'suspected' : 'trusted'}`, (t) => {
    const view = viewOf(1);
    view.put(entry(0, state), isSilent);
    t.is(view.suspects(0), expected);
  });
}
