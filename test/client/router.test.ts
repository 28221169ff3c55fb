/** Whom a thread sends a key's requests to, by what the members of its host believe of each other. */
import test from 'ava';
import { Router } from '../../src/client/router.js';
import { epoch, type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import { startLiveness } from '../../src/core/membership.js';
import { firstRingState } from '../../src/core/ring-state.js';
import { RingTable } from '../../src/host/ring-table.js';
import { allocateThreadMap, livenessView, slotShiftOf } from '../../src/host/thread-map.js';
import { ringOf } from '../../src/sim/ring-plan.js';

const SHAPE = { partitions: 1, n: 3 };
const LOOK_MS = 200;

/** A host with room for six nodes, all of which run; the first three hold the only partition. */
function scene() {
  const ring = firstRingState(ringOf({ weights: [1, 1, 1], ...SHAPE }));
  const sizes = { clockStartMs: 0, first: 0, room: 6, seats: 1, nodeBytes: 1024 * 1024, pairBytesMax: 1024 };
  const map = allocateThreadMap({ hostId: 'h', zone: 'z', hasBridge: false, ...sizes, ...SHAPE }, ring);
  for (const { serving } of map.memories) new Int32Array(serving).fill(1);
  const quiet = new Set<number>();
  const isQuiet = (node: number) => quiet.has(node);
  const seat = { isUp: () => true, isQuiet, nowMs: 0, ticks: 0, beginTick: () => undefined };
  const router = new Router(map, seat, new RingTable(map.ring, map), slotShiftOf(SHAPE.partitions));
  const route = () => {
    seat.nowMs += LOOK_MS;
    seat.ticks++;
    return router.route(0, false);
  };
  const suspect = (observer: number, about: number) =>
    livenessView(map, observer).put({ ...startLiveness(nodeIndex(about), 1), state: 'suspect' }, true);
  const [owner] = ring.lists[0];
  const others = [0, 1, 2].filter((node) => node !== owner);
  const routeInTick = () => router.route(0, false);
  const adopt = (owners: readonly NodeIndex[]) =>
    new RingTable(map.ring, map).write({ ...ring, epoch: epoch(ring.epoch + 1), lists: [owners] });
  return { route, routeInTick, adopt, router, suspect, quiet, owner, others, first: ring.epoch };
}

test('router: two members suspect the owner of a key -> another holder coordinates; one alone -> the owner', (t) => {
  const { route, suspect, owner, others } = scene();
  t.is(route(), owner);
  suspect(others[0], owner);
  t.is(route(), owner);
  suspect(others[1], owner);
  t.true(others.includes(route()));
});

test('router: nothing is heard of the owner -> another holder; of none of them -> the owner, since it may live', (t) => {
  const { route, quiet, owner, others } = scene();
  quiet.add(owner);
  t.true(others.includes(route()));
  for (const other of others) quiet.add(other);
  t.is(route(), owner);
  quiet.clear();
  t.is(route(), owner);
});

test('router: nodes that are no members suspect it, being told nothing -> the owner', (t) => {
  const { route, suspect, owner } = scene();
  for (const stranger of [3, 4, 5]) suspect(stranger, owner);
  t.is(route(), owner);
});

test('router: the ring changes within a tick -> its requests go by one ring, those of the next tick by the new one', (t) => {
  const { route, routeInTick, adopt, router, owner, others, first } = scene();
  t.is(route(), owner);
  adopt([...others, owner].map(nodeIndex));
  t.is(routeInTick(), owner);
  t.is(router.epoch, first);
  t.is(route(), others[0]);
  t.is(router.epoch, epoch(first + 1));
});

test('router: nothing is heard of the owner any more -> its requests of this tick still go there, those of the next do not', (t) => {
  const { route, routeInTick, quiet, owner, others } = scene();
  t.is(route(), owner);
  quiet.add(owner);
  t.is(routeInTick(), owner);
  t.true(others.includes(route()));
});
