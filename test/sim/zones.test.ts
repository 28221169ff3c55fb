/**
 * Quorums over several zones in a simulated world: six copies over three zones with W=4 and R=3, and quorums by zone while
 * a zone is cut off or a partition moves. Twelve nodes, two to a host, two hosts to a zone.
 */
import test from 'ava';
import type { ZoneQuorum } from '../../src/core/zone-quorum.js';
import type { Call, ReadCall, WriteCall } from '../../src/sim/calls.js';
import { showValues } from '../../src/sim/messages.js';
import { World } from '../../src/sim/world.js';

const NODES = 12;
const HOSTS_OF_ZONE = 2;
const KEYS = Array.from({ length: 24 }, (_, index) => `key-${index}`);

function threeZones(seed: number): World {
  const zones = ['a', 'a', 'b', 'b', 'c', 'c'];
  const failureDomain = 'host';
  const quorums = { r: 3, w: 4 };
  const world = new World({ seed, nodes: NODES, n: 6, nodesPerHost: 2, zones, failureDomain, quorums, clients: 6 });
  world.runFor(3_000);
  return world;
}

const zoneOf = (world: World, node: number) => (world.hosts.indexOf(world.hostOf(node)) / HOSTS_OF_ZONE) | 0;

/** The first holder of the key that is in a zone and up. */
function holderIn(world: World, key: string, zone: number): number {
  const holder = world.holdersOf(key).find((node) => zoneOf(world, node) === zone && world.nodes[node].up);
  if (holder === undefined) throw new Error(`no holder of ${key} in zone ${zone}`);
  return holder;
}

function ended<One extends Call>(world: World, call: One): One {
  world.runUntil(() => call.endMs !== Number.POSITIVE_INFINITY, 5_000);
  return call;
}

/** Client 2 z sits on the first host of zone z. */
const clientIn = (world: World, zone: number) => world.clients[zone * HOSTS_OF_ZONE];

interface Request {
  readonly zone: number;
  readonly zones?: ZoneQuorum;
}

function put(world: World, key: string, value: string, { zone, zones }: Request): WriteCall {
  const order = { key, value, w: 4, ...(zones && { zones }) };
  return ended(world, clientIn(world, zone).write(order, { node: holderIn(world, key, zone) }));
}

function get(world: World, key: string, { zone, zones }: Request): ReadCall {
  const order = { key, r: 3, ...(zones && { zones }) };
  return ended(world, clientIn(world, zone).read(order, { node: holderIn(world, key, zone) }));
}

function loseHost(world: World, host: number): void {
  for (const node of world.nodes) if (world.hostOf(node.index).index === host) world.crash(node);
}

/** Cuts the hosts of a zone off from the others; the returned function joins them again. */
function cutOff(world: World, zone: number): () => void {
  const inside = [zone * HOSTS_OF_ZONE, zone * HOSTS_OF_ZONE + 1];
  const outside = world.hosts.map(({ index }) => index).filter((host) => !inside.includes(host));
  const ends = inside.flatMap((from) =>
    outside.flatMap((to) => [world.network.block(from, to), world.network.block(to, from)]),
  );
  world.runFor(5_000);
  return () => {
    for (const end of ends) end();
    world.runFor(30_000);
  };
}

test('six copies over three zones, W=4 R=3: a zone is lost -> every write succeeds and is read', (t) => {
  const world = threeZones(1);
  for (const key of KEYS) {
    t.deepEqual(
      [0, 0, 1, 1, 2, 2],
      world
        .holdersOf(key)
        .map((node) => zoneOf(world, node))
        .sort(),
    );
    t.is(put(world, key, 'before', { zone: 0 }).error, undefined);
  }
  for (const host of [4, 5]) loseHost(world, host);
  world.runFor(2_000);
  for (const key of KEYS) {
    t.is(showValues(get(world, key, { zone: 1 }).set), 'before', key);
    t.is(put(world, key, 'after', { zone: 0 }).error, undefined, key);
    t.is(showValues(get(world, key, { zone: 1 }).set), 'after', key);
  }
});

test('six copies over three zones, W=4 R=3: a zone and one host more are lost -> reads see every write, writes say what is short', (t) => {
  const world = threeZones(2);
  for (const key of KEYS) t.is(put(world, key, 'before', { zone: 2 }).error, undefined);
  for (const host of [4, 5, 3]) loseHost(world, host);
  world.runFor(2_000);
  for (const key of KEYS) {
    const read = get(world, key, { zone: 0 });
    t.deepEqual([read.error, showValues(read.set)], [undefined, 'before'], key);
    const write = put(world, key, 'after', { zone: 0 });
    t.is(write.error, 'KV_UNAVAILABLE');
    t.is(write.detail, (4 << 8) | 3);
  }
});

test('quorums by zone: a zone cut off -> local ones go on on both sides, each-quorum says what is short, and all meets again', (t) => {
  const world = threeZones(3);
  for (const key of KEYS) t.is(put(world, key, 'before', { zone: 0, zones: 'each-quorum' }).error, undefined);
  const join = cutOff(world, 2);
  for (const [index, key] of KEYS.entries()) {
    const zone = index % 3;
    t.is(showValues(get(world, key, { zone, zones: 'local-quorum' }).set), 'before', key);
    const write = put(world, key, 'after', { zone, zones: 'local-quorum' });
    t.is(write.error, undefined, key);
    t.is(showValues(get(world, key, { zone, zones: 'local-quorum' }).set), 'after', key);
    const each = get(world, key, { zone, zones: 'each-quorum' });
    t.is(each.error, 'KV_READ_QUORUM_UNMET', key);
    t.is(put(world, key, 'never', { zone, zones: 'each-quorum' }).error, 'KV_UNAVAILABLE', key);
  }
  join();
  for (const [index, key] of KEYS.entries()) {
    const other = (index + 1) % 3;
    t.is(showValues(get(world, key, { zone: other, zones: 'each-quorum' }).set), 'after', key);
  }
  for (const key of KEYS) {
    for (const zone of [0, 1, 2]) t.is(showValues(get(world, key, { zone, zones: 'local-quorum' }).set), 'after', key);
  }
});

test('quorums by zone: one of two replicas of a zone down -> its local-quorum is short, one local is enough, the others go on', (t) => {
  const world = threeZones(4);
  loseHost(world, 1);
  world.runFor(2_000);
  for (const key of KEYS) {
    t.is(put(world, key, 'v', { zone: 0, zones: 'local-quorum' }).detail, (2 << 8) | 1);
    const write = put(world, key, 'v', { zone: 0, zones: { local: 1 } });
    t.deepEqual([write.error, write.replicas > 0], [undefined, true]);
    t.is(put(world, key, 'w', { zone: 1, zones: 'local-quorum' }).error, undefined);
    const read = get(world, key, { zone: 0, zones: 'local-quorum' });
    t.deepEqual(
      [read.error, get(world, key, { zone: 1, zones: 'local-quorum' }).error],
      ['KV_READ_QUORUM_UNMET', undefined],
    );
    t.is(get(world, key, { zone: 0, zones: { local: 1 } }).error, undefined);
  }
});

test('quorums by zone: a local write -> is sent to all zones, though only its own is waited for', (t) => {
  const world = threeZones(5);
  for (const key of KEYS) {
    t.is(put(world, key, 'v', { zone: 1, zones: 'local-quorum' }).error, undefined);
    world.runFor(100);
    for (const node of world.holdersOf(key)) t.not(world.nodes[node].store.record(key), undefined);
  }
});
