/**
 * Ring keepers and rebalancers over simulated nodes: a ring changes while nodes crash, messages are lost and several ask at
 * once; in the end one ring is in force everywhere, and each of its holders has everything.
 */
import test from 'ava';
import { nodeIndex } from '../../src/core/ids.js';
import { DurabilityCode } from '../../src/protocol/outcome.js';
import { changeRing, isSettled, joinSpare, memberOf } from '../../src/sim/operator.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';

const KEYS = 40;

const worldOf = (seed: number, more: Partial<WorldOptions> = {}) =>
  new World({ seed, nodes: 3, n: 3, partitions: 16, spares: 2, ...more });

/** Writes every key and waits for the answers; the keys that were acknowledged. */
function fill(world: World, tag: string): string[] {
  const calls = Array.from({ length: KEYS }, (_, i) =>
    world.clients[0].write({ key: `key-${i}`, value: `${tag}-${i}`, w: 2, durability: DurabilityCode.interval }),
  );
  world.runUntil(() => calls.every(({ endMs }) => Number.isFinite(endMs)), 5_000);
  return calls.filter(({ error }) => error === undefined).map(({ order }) => order.key);
}

/** Holders in force that lack a key which all were given. */
function lacking(world: World, keys: readonly string[]): string[] {
  return keys.flatMap((key) =>
    world
      .holdersOf(key)
      .filter((node) => world.nodes[node].store.record(Buffer.from(key).latin1Slice()) === undefined)
      .map((node) => `${key} at ${node}`),
  );
}

const shares = (world: World) => {
  const held = new Map<number, number>();
  for (const list of world.ring.lists) for (const node of list) held.set(node, (held.get(node) ?? 0) + 1);
  return held;
};

test('ring keeper: a join -> the newcomer holds its share, with all that was written; the others forget nothing early', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = worldOf(seed);
    world.runFor(500);
    const keys = fill(world, 'before');
    t.is(keys.length, KEYS);
    const call = joinSpare(world, nodeIndex(3), 0);
    t.true(
      world.runUntil(() => isSettled(world) && world.ring.epoch > 1, 20_000),
      `seed ${seed}`,
    );
    t.is(call.error, undefined);
    t.is(world.ring.members.length, 4);
    t.deepEqual(lacking(world, keys), []);
    for (const [node, held] of shares(world)) t.true(Math.abs(held - 12) <= 1.5, `node ${node} holds ${held}`);
  }
});

test('ring keeper: a leave, a replacement of a dead node and a new weight -> the same', (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const world = worldOf(seed, { nodes: 5, spares: 1 });
    world.runFor(500);
    const keys = fill(world, 'before');
    changeRing(world, 1, { kind: 'leave', nodes: [4] });
    t.true(
      world.runUntil(() => world.ring.members.length === 4 && isSettled(world), 20_000),
      `seed ${seed}: leave`,
    );
    t.deepEqual(lacking(world, keys), []);
    world.crash(world.nodes[1]);
    world.restart(world.nodes[5]);
    changeRing(world, 0, { kind: 'replace', nodes: [1], by: [memberOf(world, 5)] });
    const isReplaced = () => world.ring.members.every(({ node }) => node !== 1) && isSettled(world);
    t.true(world.runUntil(isReplaced, 30_000), `seed ${seed}: replace`);
    t.deepEqual(lacking(world, keys), []);
    const before = shares(world).get(0) ?? 0;
    changeRing(world, 2, { kind: 'reweight', node: 0, weight: 0.5 });
    t.true(world.runUntil(() => world.ring.members[0].weight === 0.5 && isSettled(world), 30_000));
    t.true((shares(world).get(0) ?? 0) < before);
    t.deepEqual(lacking(world, keys), []);
  }
});

test('ring keeper: the newcomer and the givers crash again and again -> the change goes on where it was', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = worldOf(seed);
    world.runFor(500);
    const keys = fill(world, 'before');
    joinSpare(world, nodeIndex(3), 0);
    for (let crash = 0; crash < 6; crash++) {
      world.runFor(30 + 40 * crash);
      const victim = world.nodes[crash % 2 === 0 ? 3 : (crash + seed) % 3];
      world.crash(victim);
      world.runFor(50);
      world.restart(victim);
    }
    t.true(
      world.runUntil(() => world.ring.members.length === 4 && isSettled(world), 30_000),
      `seed ${seed}`,
    );
    t.deepEqual(lacking(world, keys), []);
  }
});

test('ring keeper: several ask at once, over connections that break -> one change at a time, the others are told', (t) => {
  let refused = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const world = worldOf(seed, { nodes: 4, n: 3, glitches: 0.02 });
    world.runFor(500);
    const calls = [
      joinSpare(world, nodeIndex(4), 0),
      changeRing(world, 1, { kind: 'reweight', node: 2, weight: 2 }),
      changeRing(world, 2, { kind: 'reweight', node: 3, weight: 3 }),
      changeRing(world, 3, { kind: 'reweight', node: 1, weight: 0.5 }),
    ];
    world.runFor(8_000);
    t.true(
      world.runUntil(() => isSettled(world), 30_000),
      `seed ${seed}`,
    );
    const done = calls.filter(({ endMs, error }) => Number.isFinite(endMs) && error === undefined);
    t.true(done.length >= 1, `seed ${seed}`);
    for (const { change, error } of calls) {
      const isRefused = change.kind === 'reweight' && error === 'KV_RING_CHANGING';
      if (isRefused) t.not(world.ring.members[change.node].weight, change.weight, `seed ${seed}: it was chosen`);
    }
    refused += calls.filter(({ error }) => error === 'KV_RING_CHANGING').length;
    const rings = world.nodes.filter(({ up }) => up).map(({ system }) => JSON.stringify(system.placement.ring));
    t.is(new Set(rings).size, 1, `seed ${seed}`);
  }
  t.true(refused > 10, `${refused} were refused`);
});

test('ring keeper: most members gone -> no change but by force, which goes on with those that are left', (t) => {
  const world = worldOf(3, { nodes: 5, n: 2, spares: 0 });
  world.runFor(500);
  fill(world, 'before');
  for (const node of [2, 3, 4]) world.crash(world.nodes[node]);
  const plain = changeRing(world, 0, { kind: 'leave', nodes: [2, 3, 4] });
  world.runFor(10_000);
  t.is(plain.error, 'KV_UNAVAILABLE');
  t.is(Number(world.ring.epoch), 1);
  const forced = changeRing(world, 0, { kind: 'leave', nodes: [2, 3, 4] }, [2, 3, 4]);
  t.true(world.runUntil(() => world.ring.members.length === 2 && isSettled(world), 30_000));
  t.is(forced.error, undefined);
});

test('ring keeper: a member has lost its disk and another is away -> no change before it is back', (t) => {
  const world = worldOf(5, { spares: 0, n: 2 });
  world.runFor(500);
  world.crash(world.nodes[1]);
  world.nodes[1].disk.wipe();
  world.crash(world.nodes[2]);
  world.restart(world.nodes[1]);
  world.runFor(500);
  const reweight = { kind: 'reweight', node: 1, weight: 2 } as const;
  const refused = changeRing(world, 0, reweight);
  world.runFor(10_000);
  t.is(refused.error, 'KV_UNAVAILABLE');
  t.is(Number(world.ring.epoch), 1);
  world.restart(world.nodes[2]);
  world.runFor(2_000);
  world.crash(world.nodes[2]);
  // node 1 has heard what it may have promised: two of three remember
  const call = changeRing(world, 0, reweight);
  t.true(world.runUntil(() => Number.isFinite(call.endMs), 10_000));
  t.is(call.error, undefined);
});

test('ring keeper: too few remember what they promised -> a change by force goes on without them', (t) => {
  const world = worldOf(6, { spares: 0, n: 2 });
  world.runFor(500);
  world.crash(world.nodes[1]);
  world.nodes[1].disk.wipe();
  world.crash(world.nodes[2]);
  world.restart(world.nodes[1]);
  world.runFor(500);
  const forced = changeRing(world, 0, { kind: 'leave', nodes: [2] }, [2]);
  t.true(world.runUntil(() => world.ring.members.length === 2 && isSettled(world), 30_000));
  t.is(forced.error, undefined);
});

test('ring keeper: all disks are lost -> the nodes vote again once all are back', (t) => {
  const world = worldOf(7, { spares: 0, n: 2 });
  world.runFor(500);
  for (const node of world.nodes) world.crash(node);
  for (const node of world.nodes) node.disk.wipe();
  for (const node of world.nodes) world.restart(node);
  const call = changeRing(world, 0, { kind: 'reweight', node: 1, weight: 2 });
  t.true(world.runUntil(() => Number.isFinite(call.endMs), 10_000));
  t.is(call.error, undefined);
});
