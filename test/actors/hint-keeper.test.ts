/** Writes while replicas are away, and how they come home: the real actors in the simulated world. */
import test from 'ava';
import { noteKey, putDated } from '../../actors/hint-records.js';
import type { WriteCall } from '../../src/sim/calls.js';
import { partsOf, valuesOf, type WriteOrder } from '../../src/sim/messages.js';
import { Observer } from '../../src/sim/observer.js';
import { Random } from '../../src/sim/random.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { heldAt } from '../sim/replicas.js';

const KEY = 'apple';

/** Nodes of one host, so that who is down is known at once. */
function scene(options: Partial<WorldOptions> = {}) {
  const nodes = options.nodes ?? 5;
  const world = new World({ seed: 11, n: 3, partitions: 8, nodesPerHost: nodes, ...options, nodes });
  // until its hints are counted a keeper knows of none
  world.runFor(100);
  const [client] = world.clients;
  const primaries = world.holdersOf(KEY).map((node) => world.nodes[node]);
  const others = world.nodes.filter((node) => !primaries.includes(node));
  const write = (order: Partial<WriteOrder> = {}): WriteCall => {
    const call = client.write({ key: KEY, value: 'one', w: 3, available: true, ...order });
    world.runUntil(() => call.endMs < Number.POSITIVE_INFINITY);
    return call;
  };
  return { world, client, primaries, others, write };
}

const holdersAmong = (nodes: readonly SimNode[], key = KEY): number[] =>
  nodes.filter((node) => node.store.record(key) !== undefined).map(({ index }) => index);

const hintsOf = (world: World): number => world.nodes.reduce((sum, { hints }) => sum + hints.hints, 0);
const notesOf = (world: World): number => world.nodes.reduce((sum, { hints }) => sum + hints.notes, 0);

test('hints: a primary is down -> a stand-in takes the write, and hands it over and forgets it when the primary is back', (t) => {
  const { world, primaries, others, write } = scene();
  const [, second] = primaries;
  world.crash(second);
  const call = write();
  t.deepEqual([call.error, call.replicas, call.fallbacks], [undefined, 2, 1]);
  const [standIn] = holdersAmong(others);
  t.is(world.nodes[standIn].hints.hints, 1);
  t.is(holdersAmong([second]).length, 0);
  world.restart(second);
  t.true(world.runUntil(() => hintsOf(world) === 0));
  t.deepEqual(valuesOf(heldAt(second, KEY)), ['one']);
  t.is(new Set(primaries.map((node) => node.store.record(KEY)?.join())).size, 1);
  t.deepEqual(holdersAmong(others), []);
  t.is(world.nodes[standIn].hints.handedOver, 1);
});

test('hints: all primaries are down -> any other node coordinates; when they are back each has the write', (t) => {
  const { world, primaries, others, write } = scene({ nodes: 6 });
  for (const node of primaries) world.crash(node);
  const call = write();
  t.deepEqual([call.error, call.replicas, call.fallbacks], [undefined, 0, 3]);
  for (const node of primaries) world.restart(node);
  t.true(world.runUntil(() => hintsOf(world) === 0));
  for (const node of primaries) t.deepEqual(valuesOf(heldAt(node, KEY)), ['one']);
  t.deepEqual(holdersAmong(others), []);
});

test('hints: strict -> stand-ins take the write but never count', (t) => {
  const { world, client, primaries, write } = scene();
  world.crash(primaries[1]);
  t.is(write({ available: false }).error, 'KV_UNAVAILABLE');
  const two = write({ available: false, w: 2, value: 'two' });
  t.deepEqual([two.error, two.replicas], [undefined, 2]);
  world.runFor(100);
  t.is(hintsOf(world), 1);
  world.crash(primaries[2]);
  t.is(write({ available: false, w: 2 }).error, 'KV_UNAVAILABLE');
  const read = client.read({ key: KEY, r: 2 });
  world.runUntil(() => read.endMs < Number.POSITIVE_INFINITY);
  t.is(read.error, 'KV_READ_QUORUM_UNMET');
});

test('hints: two of three primaries are down -> an available read finds the write on the nodes that stand in', (t) => {
  const { world, client, primaries, write } = scene();
  world.crash(primaries[0]);
  world.crash(primaries[2]);
  const call = write();
  t.deepEqual([call.replicas, call.fallbacks], [1, 2]);
  const read = client.read({ key: KEY, r: 3, available: true });
  world.runUntil(() => read.endMs < Number.POSITIVE_INFINITY);
  t.deepEqual([read.error, read.replicas, read.fallbacks, valuesOf(read.set)], [undefined, 1, 2, ['one']]);
});

test('hints: no node is left to stand in -> the coordinator keeps the hint beside its own copy, which counts once', (t) => {
  const { world, primaries, write } = scene({ nodes: 3 });
  const [owner, , third] = primaries;
  world.crash(third);
  t.is(write().error, 'KV_UNAVAILABLE');
  const call = write({ w: 2 });
  t.deepEqual([call.error, call.replicas, call.fallbacks], [undefined, 2, 0]);
  t.is(owner.hints.hints, 1);
  world.restart(third);
  t.true(world.runUntil(() => hintsOf(world) === 0));
  t.deepEqual(valuesOf(heldAt(third, KEY)), ['one']);
  t.deepEqual(valuesOf(heldAt(owner, KEY)), ['one']);
});

test('hints: the node that keeps them starts again in between -> none is lost', (t) => {
  const { world, primaries, others, write } = scene();
  const [, second] = primaries;
  world.crash(second);
  for (let i = 0; i < 20; i++) t.is(write({ key: KEY, value: `v${i}` }).error, undefined);
  const [standIn] = holdersAmong(others).map((node) => world.nodes[node]);
  world.crash(standIn);
  world.runFor(50);
  world.restart(standIn);
  world.runFor(500);
  t.is(standIn.hints.hints, 1);
  world.restart(second);
  t.true(world.runUntil(() => hintsOf(world) === 0));
  t.deepEqual(valuesOf(heldAt(second, KEY)), ['v19']);
  t.deepEqual(holdersAmong(others), []);
});

test('hints: more than fit -> notes for what is left out, and the others are still handed over', (t) => {
  const { world, primaries, write } = scene({ nodes: 3, hints: { hintBytesMax: 300 } });
  const [, second] = primaries;
  world.crash(second);
  const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`);
  for (const key of keys) t.is(write({ key, w: 2 }).error, undefined);
  const kept = hintsOf(world);
  t.true(kept > 0 && kept < keys.length, `${kept} hints`);
  t.true(notesOf(world) > 0);
  for (const { hints } of world.nodes) t.true(hints.bytes <= 300 * world.nodes.length);
  world.restart(second);
  t.true(world.runUntil(() => hintsOf(world) === 0));
  t.true(notesOf(world) > 0);
  t.is(keys.filter((key) => heldAt(second, key).siblings.length > 0).length >= kept, true);
});

test('hints: the node that keeps them starts again and again -> what it keeps after each start is no more than before', (t) => {
  const hintBytesMax = 300;
  const { world, primaries, write } = scene({ nodes: 3, hints: { hintBytesMax } });
  const [owner, , third] = primaries;
  world.crash(third);
  for (let life = 0; life < 4; life++) {
    for (let index = 0; index < 6; index++) write({ key: `key-${life}-${index}`, w: 2 });
    world.crash(owner);
    world.runFor(50);
    world.restart(owner);
  }
  world.runFor(500);
  for (const { hints, index } of [owner, primaries[1]])
    t.true(hints.bytes <= hintBytesMax, `node ${index}: ${hints.bytes}`);
  t.true(notesOf(world) > 0);
});

test('hints: a node that only stands in has no room for them -> when the primary is back it has every write all the same', (t) => {
  const { world, primaries, others, write } = scene({ hints: { hintBytesMax: 120 } });
  const [, second] = primaries;
  world.crash(second);
  const keys = Array.from({ length: 12 }, (_, index) => `key-${index}`).filter((key) =>
    world.holdersOf(key).includes(second.index),
  );
  for (const key of keys) t.is(write({ key }).error, undefined);
  t.true(others.some(({ hints }) => hints.notes > 0));
  world.restart(second);
  t.true(world.runUntil(() => hintsOf(world) + notesOf(world) === 0, 60_000));
  for (const key of keys) t.deepEqual(valuesOf(heldAt(second, key)), ['one'], key);
});

test('hints: one target has its hint while another only has a note -> the copy stays for that one', (t) => {
  const { world, primaries, others, write } = scene();
  const [, second, third] = primaries;
  world.crash(second);
  t.is(write().error, undefined);
  const [standIn] = holdersAmong(others).map((node) => world.nodes[node]);
  standIn.store.beginHandler();
  putDated(standIn.store, noteKey(third.index, partsOf(KEY).slot >>> world.slotShift), 1);
  standIn.store.commit();
  standIn.store.publish();
  for (const node of [standIn, third]) world.crash(node);
  world.restart(standIn);
  world.runFor(500);
  world.restart(second);
  t.true(world.runUntil(() => hintsOf(world) === 0 && heldAt(second, KEY).siblings.length > 0, 30_000));
  t.deepEqual(valuesOf(heldAt(standIn, KEY)), ['one']);
  world.restart(third);
  t.true(world.runUntil(() => notesOf(world) === 0, 30_000));
});

test('hints: the target never returns -> they become a note when they are old', (t) => {
  const { world, primaries, write } = scene({ nodes: 3, hints: { hintAgeMaxMs: 5_000 } });
  world.crash(primaries[1]);
  write({ w: 2 });
  world.runFor(4_000);
  t.deepEqual([hintsOf(world), notesOf(world)], [1, 0]);
  t.true(world.runUntil(() => hintsOf(world) === 0));
  t.is(notesOf(world), 1);
});

test('hints: the key is written again while its hint is under way -> the target gets both, and the hint goes', (t) => {
  const { world, primaries, others, write } = scene({ delayMs: [5, 60], nodesPerHost: 1 });
  const [, second] = primaries;
  world.crash(second);
  world.runFor(500);
  for (let i = 0; i < 10; i++) write({ value: `v${i}` });
  world.restart(second);
  for (let i = 10; i < 20; i++) write({ value: `v${i}`, w: 2 });
  t.true(world.runUntil(() => hintsOf(world) === 0, 60_000));
  world.runFor(3_000);
  t.true(world.runUntil(() => hintsOf(world) === 0, 60_000));
  for (const node of primaries) t.deepEqual(valuesOf(heldAt(node, KEY)), ['v19']);
  t.deepEqual(holdersAmong(others), []);
});

test('hints: a primary does not answer until the deadline -> it is hinted though nobody waited for it', (t) => {
  const { world, primaries, write } = scene();
  const [, , third] = primaries;
  world.pause(third, 3_000);
  const call = write({ w: 2, deadlineMs: 500 });
  t.deepEqual([call.error, call.replicas], [undefined, 2]);
  t.is(hintsOf(world), 0);
  t.true(world.runUntil(() => hintsOf(world) === 1, 2_000));
  t.true(world.runUntil(() => hintsOf(world) === 0));
  t.deepEqual(valuesOf(heldAt(third, KEY)), ['one']);
});

/** Writes in mode available while nodes come and go, none of which loses its disk; then all are back. */
function runSeed(seed: number) {
  const random = new Random(seed);
  const observer: Observer = new Observer(
    () => world.nowMs,
    () => world.latestWallMs,
  );
  const nodes = 3 + random.below(4);
  const world: World = new World({
    seed,
    nodes,
    n: 3,
    clients: 3,
    nodesPerHost: random.chance(0.5) ? nodes : 1,
    antiEntropyMs: 0,
    wrap: (role, behaviour, node) => observer.watch(role, behaviour, node),
    onCommit: (node, words, sequence) => observer.committed(node, words, sequence),
  });
  const keys = ['apple', 'pear', 'plum'];
  const calls: WriteCall[] = [];
  for (let i = 0; i < 60; i++) {
    const key = random.pick(keys);
    const client = random.pick(world.clients);
    calls.push(client.write({ key, value: `v${i}`, w: 2, available: true, deadlineMs: 400 }));
    const node = random.pick(world.nodes);
    if (random.chance(0.2)) world.crash(node);
    else if (random.chance(0.4)) world.restart(node);
    else if (random.chance(0.1)) world.pause(node, random.between(10, 600));
    world.runFor(random.between(0, 40));
  }
  for (const node of world.nodes) world.restart(node);
  world.runFor(2_000);
  const isHandedOver = world.runUntil(() => hintsOf(world) === 0, 60_000);
  return { world, observer, keys, calls, isHandedOver };
}

test('hints: nodes crash, pause and return under available writes -> W primaries hold each, nobody else does, none is left', (t) => {
  const seen = { acked: 0, standIns: 0 };
  for (let seed = 1; seed <= 60; seed++) {
    const { world, observer, keys, calls, isHandedOver } = runSeed(seed);
    t.true(isHandedOver, `seed ${seed}: ${hintsOf(world)} hints are left`);
    t.deepEqual([observer.problems, world.thrown, notesOf(world)], [[], [], 0], `seed ${seed}`);
    for (const call of calls.filter(({ error }) => error === undefined)) {
      const { key, value } = call.order;
      const held = world.holdersOf(key).filter((node) => observer.hasSeen(heldAt(world.nodes[node], key), value));
      t.true(held.length >= 2, `seed ${seed}: ${value} of ${key} is on ${held}`);
      seen.acked++;
      if (call.fallbacks > 0) seen.standIns++;
    }
    for (const key of keys) {
      const strays = world.nodes.filter(({ index }) => !world.holdersOf(key).includes(index));
      t.deepEqual(holdersAmong(strays, key), [], `seed ${seed}: ${key} (slot ${partsOf(key).slot})`);
    }
  }
  t.log(seen);
  t.true(seen.acked > 1_000 && seen.standIns > 200);
});
