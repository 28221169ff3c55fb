/** What the bridge's thread writes down of other hosts' nodes, as routing reads it. */
import test from 'ava';
import { nodeIndex } from '../../src/core/ids.js';
import { firstRingState } from '../../src/core/ring-state.js';
import { RemoteStatus } from '../../src/host/remote-status.js';
import { allocateThreadMap, Doubt, isQuiet, ringView, Status } from '../../src/host/thread-map.js';
import { ringOf } from '../../src/sim/ring-plan.js';

const SHAPE = { n: 1, partitions: 2 };
const OWN = { first: 0, room: 2 };
const OTHER = { first: 32, room: 2 };

function scene() {
  const ring = firstRingState(ringOf({ weights: [1, 1], ...SHAPE }));
  const sizes = { clockStartMs: 0, seats: 1, nodeBytes: 1024 * 1024, pairBytesMax: 1024 };
  const map = allocateThreadMap({ hostId: 'h', zone: 'z', hasBridge: true, ...OWN, ...sizes, ...SHAPE }, ring);
  const status = new Int32Array(map.status);
  const view = ringView(map, 0, ring, () => undefined);
  const remote = new RemoteStatus(map);
  remote.setPeer(OTHER, 7);
  remote.setNodes(OTHER, [{ node: 32, up: true, incarnation: 3 }]);
  return { status, remote, isUp: () => view.isUp(nodeIndex(32)), suspects: () => view.suspects(nodeIndex(32)) };
}

test('remote status: a connected host tells of a node -> it is up, and nobody suspects it', (t) => {
  const { status, isUp, suspects } = scene();
  t.true(isUp());
  t.false(suspects());
  t.is(status[32 * Status.line + Status.connection], 7);
  t.is(status[32 * Status.line + Status.incarnation], 3);
});

test('remote status: nothing is heard of a host -> its nodes are suspected and up; heard again -> trusted at once', (t) => {
  const { status, remote, isUp, suspects } = scene();
  remote.setQuiet(OTHER, true);
  t.true(isUp());
  t.true(suspects());
  t.deepEqual(
    [0, 31, 32, 33, 34].filter((node) => isQuiet(status, node)),
    [32, 33],
  );
  remote.setQuiet(OTHER, false);
  t.false(suspects());
});

test('remote status: the connection of a quiet host is lost, and there is another -> what was of the old one counts no more', (t) => {
  const { status, remote, isUp, suspects } = scene();
  remote.setQuiet(OTHER, true);
  remote.setPeer(OTHER, 0);
  t.false(isUp());
  remote.setPeer(OTHER, 8);
  t.false(isQuiet(status, 32));
  remote.setNodes(OTHER, [{ node: 32, up: true, incarnation: 3 }]);
  t.false(suspects());
});

test('remote status: a host tells whether a node is in doubt, or is too old to -> noted, and what is not said is not known', (t) => {
  const { status, remote } = scene();
  const doubt = () => status[32 * Status.line + Status.doubt];
  t.is(doubt(), Doubt.unknown);
  for (const [doubtful, expected] of [
    [true, Doubt.some],
    [false, Doubt.none],
    [undefined, Doubt.unknown],
  ] as const) {
    remote.setNodes(OTHER, [{ node: 32, up: true, incarnation: 3, ...(doubtful !== undefined && { doubtful }) }]);
    t.is(doubt(), expected);
  }
});
