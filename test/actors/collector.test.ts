/** Tombstones and expired values, forgotten for good: when they may be, and when not. */
import test from 'ava';
import { CollectionPromises, DeadRecord, packDead } from '../../actors/dead-records.js';
import { hintKey, putDated } from '../../actors/hint-records.js';
import { Role } from '../../src/actor/address.js';
import { packClock } from '../../src/core/hybrid-clock.js';
import { REPAIR_OPTION_SPECS } from '../../src/core/repair-options.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { Kind } from '../../src/protocol/messages.js';
import { encodedBytes, encodeRecord } from '../../src/protocol/record-set.js';
import { partsOf, replicateDraft } from '../../src/sim/messages.js';
import { changeRing, isSettled } from '../../src/sim/operator.js';
import { PLANTS } from '../../src/sim/plants.js';
import { Random } from '../../src/sim/random.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { SimEnv } from '../sim/sim-env.js';
import { plain } from './sets.js';

const DAY_MS = 86_400_000;

const world = (options: Partial<WorldOptions> = {}): World =>
  new World({ seed: 5, nodes: 3, n: 3, partitions: 8, collectionMs: 200, ...options });

const keysOf = (one: World): string[] => [...new Set(one.nodes.flatMap((node) => node.store.keys))];
const isEmpty = (one: World): boolean => keysOf(one).length === 0;

test('collector: deleted keys -> the records are gone from every node, others stay', (t) => {
  const one = world();
  for (const node of one.nodes) {
    for (let i = 0; i < 50; i++) putAt(node, `dead-${i}`, plain('a', i + 1, '', { tombstone: true }));
    putAt(node, 'alive', plain('a', 99, 'v'));
  }
  t.true(one.runUntil(() => keysOf(one).join() === 'alive', 30_000));
  t.deepEqual(one.thrown, []);
});

test('collector: an expired value -> gone once it is dead by every clock; one that lives on -> stays', (t) => {
  const one = world();
  const expiring = (atMs: number, count: number) => {
    const set = plain('a', count, 'v');
    return { ...set, siblings: set.siblings.map((sibling) => ({ ...sibling, expiresAtMs: atMs })) };
  };
  const nowMs = 1_750_000_000_000;
  for (const node of one.nodes) {
    putAt(node, 'soon', expiring(nowMs + 3_000, 1));
    putAt(node, 'later', expiring(nowMs + 3_600_000, 2));
  }
  one.runFor(2_500);
  t.true(keysOf(one).includes('soon'));
  t.true(one.runUntil(() => keysOf(one).join() === 'later', 30_000));
});

test('collector: a node is away, however long -> nothing is collected until it is back and agrees', (t) => {
  const one = world();
  for (const node of one.nodes) putAt(node, 'key', plain('a', 1, 'old'));
  one.crash(one.nodes[2]);
  for (const node of one.nodes.slice(0, 2)) putAt(node, 'key', plain('a', 2, '', { tombstone: true }));
  one.runFor(120_000);
  t.deepEqual(keysOf(one), ['key']);
  one.restart(one.nodes[2]);
  t.true(one.runUntil(() => isEmpty(one), 120_000));
});

test('collector: a node is away for weeks, whatever the clock of 32 bits shows -> what is dead is collected when it is back', (t) => {
  for (let day = 0; day <= 60; day += 4) {
    const env = new SimEnv({ n: 2, roles: [Role.vnode, Role.collector], intervalMs: 60_000 });
    env.down.add(1);
    env.deliver(Role.vnode, replicateDraft('dead', plain('a', 1, '', { tombstone: true })));
    for (let passed = 0; passed < day; passed++) env.pass(DAY_MS);
    env.pass(60_000);
    env.down.delete(1);
    const sent = [500, 500, 500].flatMap((durationMs) => env.pass(durationMs));
    t.true(
      sent.some(({ tag }) => tag === Kind.confirm),
      `after ${day} days`,
    );
  }
});

test('collector: the longest interval that may be chosen -> nothing is collected before it has passed', (t) => {
  const intervalMs = REPAIR_OPTION_SPECS.collectionIntervalMs.max as number;
  const env = new SimEnv({ n: 2, roles: [Role.vnode, Role.collector], intervalMs });
  env.deliver(Role.vnode, replicateDraft('dead', plain('a', 1, '', { tombstone: true })));
  const collects = (days: number) =>
    Array.from({ length: days }, () => env.pass(DAY_MS)).some((sent) => sent.some(({ tag }) => tag === Kind.confirm));
  t.false(collects(23));
  t.true(collects(2));
});

/** Four nodes, each on a host of its own, of which the last has just left. */
function worldOfThree(): { readonly one: World; readonly left: SimNode } {
  const one = world({ nodes: 4 });
  one.runFor(500);
  changeRing(one, 0, { kind: 'leave', nodes: [3] });
  one.runUntil(() => one.ring.members.length === 3 && isSettled(one), 20_000);
  return { one, left: one.nodes[3] };
}

test('collector: a node has left and is away -> nothing is collected until it has said that it has nothing more to deliver', (t) => {
  const { one, left } = worldOfThree();
  t.deepEqual(one.ring.leavers as readonly number[], [3]);
  one.crash(left);
  for (const node of one.nodes.slice(0, 3)) putAt(node, 'key', plain('a', 2, '', { tombstone: true }));
  one.runFor(120_000);
  t.deepEqual(keysOf(one), ['key']);
  one.restart(left);
  t.true(one.runUntil(() => isEmpty(one), 60_000));
  t.deepEqual(one.ring.leavers, []);
  t.deepEqual(one.thrown, []);
});

test('collector: a node has left and is gone for good -> it is given up after ten minutes, and nothing is taken from it then', (t) => {
  const { one, left } = worldOfThree();
  hintAt(one, left, 1);
  one.crash(left);
  for (const node of one.nodes.slice(0, 3)) putAt(node, 'key', plain('a', 2, '', { tombstone: true }));
  t.true(one.runUntil(() => one.nodes.slice(0, 3).every(({ store }) => store.keys.length === 0), 900_000));
  one.restart(left);
  one.runFor(30_000);
  t.deepEqual(
    one.nodes.map((node) => node.store.keys.length),
    [0, 0, 0, 1],
  );
});

test('collector: a node has left, nobody can see it, and it has a hint of an older value -> that never comes back', (t) => {
  const { one, left } = worldOfThree();
  const members = one.nodes.slice(0, 3);
  hintAt(one, left, 1);
  const heal = members.flatMap(({ index }) => [one.network.block(index, 3), one.network.block(3, index)]);
  for (const node of members) putAt(node, 'key', plain('a', 2, '', { tombstone: true }));
  const isBack = () => members.some((node) => heldAt(node, 'key').siblings.some(({ tombstone }) => !tombstone));
  t.false(one.runUntil(isBack, 60_000));
  for (const end of heal) end();
  t.false(one.runUntil(isBack, 30_000));
  t.true(one.runUntil(() => isEmpty(one), 60_000));
});

/** The node holds an old value of the key, and a hint that another one lacks it. */
function hintAt(one: World, node: SimNode, target: number): void {
  putAt(node, 'key', plain('a', 1, 'old'));
  const { store } = node;
  store.beginHandler();
  putDated(store, hintKey(target, partsOf('key').slot >>> one.slotShift, Buffer.from('key')), 1_750_000_000_000);
  store.requireSync();
  store.commit();
  store.publish();
  one.crash(node);
  one.restart(node);
}

/** A world in which a write of one holder is held up on its way to another, while its key is deleted through the third. */
function worldOfLate(options: Partial<WorldOptions> = {}) {
  const one = world(options);
  const [owner, sender, receiver] = one.holdersOf('key');
  const release = one.network.lane(sender, receiver).hold();
  const [client] = one.clients;
  client.write({ key: 'key', value: 'old', w: 2, deadlineMs: 20_000 }, { node: sender });
  one.runFor(50);
  client.write({ key: 'key', value: '', w: 3, tombstone: true, expiresAtMs: 4_000_000_000_000 }, { node: owner });
  one.runFor(50);
  const isOld = () => one.nodes.some((node) => heldAt(node, 'key').siblings.some(({ tombstone }) => !tombstone));
  return { one, release, isOld };
}

test('collector: an older value is held up between two nodes -> nothing is collected until it has arrived, and it never comes back', (t) => {
  const { one, release, isOld } = worldOfLate();
  t.false(one.runUntil(() => isEmpty(one), 12_000));
  release();
  t.false(one.runUntil(isOld, 200));
  t.true(one.runUntil(() => isEmpty(one), 30_000));
  t.false(one.runUntil(isOld, 5_000));
});

test('collector: the same where nobody waits for the barriers -> collected at once, and the older value comes back', (t) => {
  const { wrap } = PLANTS['collects without waiting for its barriers'];
  const { one, release, isOld } = worldOfLate(wrap === undefined ? {} : { wrap });
  t.true(one.runUntil(() => isEmpty(one), 2_000));
  release();
  t.true(one.runUntil(isOld, 200));
});

test('collector: one replica holds something else -> not collected; once they agree -> collected', (t) => {
  const one = world({ antiEntropyMs: 20_000 });
  for (const node of one.nodes.slice(0, 2)) putAt(node, 'key', plain('a', 2, '', { tombstone: true }));
  putAt(one.nodes[2], 'key', plain('a', 1, 'old'));
  one.runFor(5_000);
  t.is(heldAt(one.nodes[0], 'key').siblings.length, 1);
  t.true(one.runUntil(() => isEmpty(one), 120_000));
});

test('collector: an older value came late to a node that holds the partition no longer -> it holds nothing up', (t) => {
  const one = world({ nodes: 4 });
  one.runFor(500);
  const holders = one.holders(partsOf('key').slot) as readonly number[];
  const other = one.nodes.find(({ index }) => !holders.includes(index)) as SimNode;
  putAt(other, 'key', plain('a', 1, 'old'));
  for (const node of holders) putAt(one.nodes[node], 'key', plain('a', 2, '', { tombstone: true }));
  t.true(one.runUntil(() => isEmpty(one), 10_000));
});

test('collector: what came late to such a node is young -> it may be on its way to a hint, and nothing is collected', (t) => {
  const one = world({ nodes: 4 });
  one.runFor(500);
  const holders = one.holders(partsOf('key').slot) as readonly number[];
  const other = one.nodes.find(({ index }) => !holders.includes(index)) as SimNode;
  const { siblings, vector } = plain('a', 1, 'old');
  const young = siblings.map((sibling) => ({ ...sibling, clock: packClock(1_750_000_000_000, 0) }));
  putAt(other, 'key', { vector, siblings: young });
  for (const node of holders) putAt(one.nodes[node], 'key', plain('a', 2, '', { tombstone: true }));
  one.runFor(10_000);
  t.true(holders.every((node) => heldAt(one.nodes[node], 'key').siblings.length === 1));
  t.true(one.runUntil(() => isEmpty(one), 60_000));
});

test('collector: puts and deletes under crashes, pauses and broken connections -> what was deleted last never comes back', (t) => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed);
    const one = world({
      seed,
      nodes: 3 + random.below(2),
      clients: 3,
      antiEntropyMs: 10_000,
      glitches: 0.02,
      delayMs: [0.02, 20],
    });
    const keys = ['a', 'b', 'c', 'd'];
    let value = 0;
    const act = (client: number, left: number): void => {
      if (left === 0) return;
      const tombstone = random.chance(0.5);
      const order = {
        key: random.pick(keys),
        value: `v${++value}`,
        w: 2,
        deadlineMs: 300,
        ...(tombstone && { tombstone }),
      };
      one.clients[client].write(order, { done: () => act(client, left - 1) });
      if (random.chance(0.3)) one.clients[client].read({ key: random.pick(keys), r: 2, deadlineMs: 300 }, {});
    };
    for (const [client] of one.clients.entries()) act(client, 25);
    for (let strike = 0; strike < 6; strike++) {
      one.schedule(random.between(50, 3_000), () => {
        const node = random.pick(one.nodes);
        if (random.chance(0.5)) one.pause(node, random.between(10, 400));
        else {
          one.crash(node);
          one.schedule(one.nowMs + random.between(5, 800), () => one.restart(node));
        }
      });
    }
    one.runFor(6_000);
    let deleted = 0;
    const remove = (key: string): void => {
      one.clients[0].write(
        { key, value: `end${++value}`, w: 3, tombstone: true },
        { done: ({ error }) => (error === undefined ? deleted++ : remove(key)) },
      );
    };
    for (const key of keys) remove(key);
    t.true(
      one.runUntil(() => deleted === keys.length, 60_000),
      `seed ${seed}: all are deleted`,
    );
    t.true(
      one.runUntil(() => isEmpty(one), 120_000),
      `seed ${seed}: all are collected, not ${keysOf(one).join()}`,
    );
    one.runFor(15_000);
    t.deepEqual(keysOf(one), [], `seed ${seed}: none is back`);
    t.deepEqual(one.thrown, []);
  }
});

test('collector: a promise is kept -> older records of the key are not taken, the very record and newer ones are', (t) => {
  const encoded = (set: SiblingSet) => {
    const key = partsOf('key');
    const words = new Int32Array(encodedBytes(key.bytes.length, set) / 4);
    encodeRecord(words, Buffer.from(words.buffer), 0, key, set);
    return words;
  };
  const dead = plain('a', 2, '', { tombstone: true });
  const words = encoded(dead);
  const promises = new CollectionPromises();
  promises.add(0, 1, new DeadRecord(packDead(words, Buffer.from(words.buffer), 0)));
  const isRefused = (set: SiblingSet) => {
    const other = encoded(set);
    return promises.covers(other, Buffer.from(other.buffer), 0);
  };
  t.true(isRefused(plain('a', 1, 'old')));
  t.false(isRefused(dead), 'who sent it counts on it');
  t.false(isRefused(plain('a', 3, 'new')));
  t.false(isRefused(plain('b', 1, 'other')));
});
