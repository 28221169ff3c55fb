/** Where hints go: the answers of a full window, and the hints of a node that is no member any more. */
import test from 'ava';
import { hintKey, noteKey, putDated } from '../../actors/hint-records.js';
import { addressOf, Role } from '../../src/actor/address.js';
import { Hint, Repaired } from '../../src/protocol/hint-messages.js';
import { Kind, Replicate } from '../../src/protocol/messages.js';
import { success } from '../../src/protocol/outcome.js';
import { keyParts } from '../../src/protocol/record-set.js';
import { type Draft, partsOf, replicateDraft, replicatedDraft, valuesOf } from '../../src/sim/messages.js';
import { changeRing, isSettled } from '../../src/sim/operator.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { type Sent, SimEnv } from '../sim/sim-env.js';
import { plain } from './sets.js';

const KEY = 'apple';

/** Three members of one host, which hold everything, and a node that has just left. */
function scene() {
  const world = new World({ seed: 11, nodes: 4, n: 3, partitions: 8, nodesPerHost: 4 });
  world.runFor(100);
  changeRing(world, 0, { kind: 'leave', nodes: [3] });
  world.runUntil(() => world.ring.members.length === 3 && isSettled(world), 20_000);
  return { world, primaries: world.holdersOf(KEY).map((node) => world.nodes[node]) };
}

const hintsOf = (world: World): number => world.nodes.reduce((sum, { hints }) => sum + hints.hints, 0);

/** The node that has left has a hint. */
function retiree(world: World, target: number): SimNode {
  const node = world.nodes[world.ring.members.length];
  world.restart(node);
  putAt(node, KEY, plain('a', 1, 'one'));
  const { store } = node;
  store.beginHandler();
  putDated(store, hintKey(target, partsOf(KEY).slot >>> world.slotShift, Buffer.from(KEY)), Date.now());
  store.requireSync();
  store.commit();
  store.publish();
  world.crash(node);
  world.restart(node);
  world.runFor(100);
  return node;
}

test('hints: the node that keeps them is no member any more, and nobody tells it anything -> it hands them over all the same', (t) => {
  const { world, primaries } = scene();
  const [, second] = primaries;
  world.pause(second, 30_000);
  const left = retiree(world, second.index);
  t.is(left.hints.hints, 1);
  world.runFor(29_000);
  t.true(world.runUntil(() => hintsOf(world) === 0));
  t.deepEqual(valuesOf(heldAt(second, KEY)), ['one']);
  t.is(left.store.record(KEY), undefined);
});

test('hints: the node that keeps them is no member any more and the target is down -> another holder keeps them', (t) => {
  const { world, primaries } = scene();
  const [first, second, third] = primaries;
  world.crash(second);
  const left = retiree(world, second.index);
  t.true(world.runUntil(() => left.hints.hints === 0, 2_000));
  t.is(left.store.record(KEY), undefined);
  t.is(first.hints.hints + third.hints.hints, 1);
  world.crash(left);
  world.restart(second);
  t.true(world.runUntil(() => hintsOf(world) === 0));
  t.deepEqual(valuesOf(heldAt(second, KEY)), ['one']);
});

/** Tells a node's hint keeper that another lacks the key. */
const hintDraft = (target: number, key: string): Draft => {
  const { bytes, hash, slot } = partsOf(key);
  return {
    tag: Kind.hint,
    bytes: Hint.key * 4 + 8,
    fill(words, all, at) {
      words[at + Hint.target] = target;
      words[at + Hint.keyHash] = hash;
      words[at + Hint.keySlot] = bytes.length | (slot << 16);
      words.fill(0, at + Hint.key, at + Hint.key + 2);
      all.set(bytes, (at + Hint.key) * 4);
    },
  };
};

test('hints: answers come while others wait for room in the window -> each is sent once, and the count is exact', (t) => {
  const env = new SimEnv();
  env.pass(100);
  const flying: Sent[] = [];
  const sent: string[] = [];
  const pass = (ms: number) => {
    for (const message of env.pass(ms).filter(({ tag }) => tag === Kind.replicate)) {
      const { words, bytes, at } = message.view;
      sent.push(Buffer.from(keyParts(words, bytes, at + Replicate.record).bytes).toString());
      flying.push(message);
    }
  };
  const answer = (count: number) => {
    for (const { view, request } of flying.splice(0, count)) {
      const draft = replicatedDraft(success(1, 0), view.words[view.at + Replicate.mark]);
      env.deliver(Role.hintKeeper, draft, { from: addressOf(Role.vnode, 1, 0), request });
    }
  };
  const hint = (key: string) => {
    env.deliver(Role.vnode, replicateDraft(key, plain('a', 1, 'v')));
    env.deliver(Role.hintKeeper, hintDraft(1, key));
  };
  const later = Array.from({ length: 64 }, (_, i) => `m${i}`);
  const earlier = Array.from({ length: 8 }, (_, i) => `a${i}`);
  for (const key of later) hint(key);
  pass(300);
  t.is(flying.length, 64);
  for (const key of earlier) hint(key);
  // the next pass begins, and its window is full again before it comes to those under way
  answer(1);
  for (let i = 0; i < 3; i++) pass(30);
  t.is(flying.length, 64);
  while (flying.length > 0) {
    answer(64);
    pass(100);
  }
  t.deepEqual([...sent].sort(), [...later, ...earlier].sort());
  t.deepEqual([env.hints.hints, env.hints.handedOver], [0, later.length + earlier.length]);
});

/** Anti-entropy has seen to what a node lacked of the only partition. */
const repairedDraft = (target: number, heldAtMs: number): Draft => ({
  tag: Kind.repaired,
  bytes: Repaired.end * 4,
  fill(words, _bytes, at) {
    words.set([target, 0, heldAtMs, 0], at + Repaired.target);
  },
});

test('notes: a node begins with thousands, and has no room -> it knows all of them, and forgets each when there is room', (t) => {
  const targets = Array.from({ length: 5_000 }, (_, index) => index + 1);
  const { store, disk } = new SimEnv({ roles: [] });
  for (const target of targets) {
    putDated(store, noteKey(target, 0), 1);
    store.commit();
    store.publish();
  }
  let isFull = true;
  const env = new SimEnv({
    disk,
    roles: [Role.hintKeeper],
    wrap: (_role, behaviour) => ({
      ...behaviour,
      init(its) {
        const reserve = its.store.reserve.bind(its.store);
        its.store.reserve = (bytes) => (isFull ? -1 : reserve(bytes));
        return behaviour.init(its);
      },
    }),
  });
  env.pass(100);
  const repaired = (target: number) => env.deliver(Role.hintKeeper, repairedDraft(target, env.nowMs));
  t.is(env.hints.notes, targets.length);
  for (const target of [1, 5_000]) repaired(target);
  t.is(env.hints.notes, targets.length);
  isFull = false;
  for (const target of targets) repaired(target);
  t.deepEqual([env.hints.notes, env.thrown], [0, []]);
});

test('hints: answers that take longer than is waited for at first -> are waited for longer, beside others that do not', (t) => {
  // without gossip nobody is suspected
  const env = new SimEnv({ roles: [Role.vnode, Role.hintKeeper] });
  env.pass(100);
  const due: { readonly atMs: number; readonly message: Sent }[] = [];
  let large = 0;
  const hint = (key: string, value: string) => {
    env.deliver(Role.vnode, replicateDraft(key, plain('a', 1, value)));
    env.deliver(Role.hintKeeper, hintDraft(1, key));
  };
  hint('large', 'v'.repeat(1_000));
  for (let ms = 0; ms < 120_000 && (ms < 1_000 || env.hints.hints > 0); ms += 20) {
    // a small one now and then, which is answered at once
    if (ms % 500 === 0 && ms < 60_000) hint(`k${(ms / 500) % 8}`, 'v');
    for (const message of env.pass(20).filter(({ tag }) => tag === Kind.replicate)) {
      const isLarge = message.view.size > 1_000;
      if (isLarge) large++;
      due.push({ atMs: ms + (isLarge ? 5_000 : 20), message });
    }
    for (const { message } of due.filter(({ atMs }) => atMs === ms)) {
      const draft = replicatedDraft(success(1, 0), message.view.words[message.view.at + Replicate.mark]);
      env.deliver(Role.hintKeeper, draft, { from: addressOf(Role.vnode, 1, 0), request: message.request });
    }
  }
  t.is(env.hints.hints, 0);
  t.true(large <= 3, `sent ${large} times`);
});
