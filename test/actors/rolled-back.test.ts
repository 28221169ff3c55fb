/** A disk from the past: each key of it that no other holder knows of is looked into before the node counts again. */
import test from 'ava';
import { Role } from '../../src/actor/address.js';
import type { MessageView } from '../../src/protocol/header.js';
import type { SimNode, Wrap } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { plain } from './sets.js';

const world = (options: Partial<WorldOptions> = {}): World =>
  new World({ seed: 3, nodes: 3, n: 3, partitions: 1, nodesPerHost: 1, delayMs: [20, 40], ...options });

function rollBack(one: World, node: SimNode): boolean {
  one.crash(node);
  node.disk.rollBack(node.disk.log.length);
  one.restart(node);
  return one.runUntil(() => node.doubts.size === 0, 120_000);
}

test('rolled back: more keys that nobody else knows of than are asked for at once -> all of them are set aside', (t) => {
  const one = world();
  const [a, b, c] = one.nodes;
  const keys = Array.from({ length: 1_500 }, (_, index) => `key-${index}`);
  const written = keys.slice(0, 400);
  for (const [index, key] of keys.entries()) putAt(b, key, plain('b', index + 1, 'deleted and collected'));
  for (const key of written) for (const node of [a, c]) putAt(node, key, plain('a', 9_000, 'later'));
  t.true(rollBack(one, b));
  one.runFor(5_000);
  const wrong = keys.filter((key) => {
    const [held] = heldAt(b, key).siblings;
    return written.includes(key) ? held?.dot.counter !== 9_000 : held !== undefined;
  });
  t.deepEqual(wrong, []);
  t.is(b.repairs?.setAside, keys.length);
});

test('rolled back: an answer about a key is lost -> the key is asked for again, and what was acknowledged is there', (t) => {
  let fetches = 0;
  let first = -1;
  // the first fetch is the exchange's own
  const wrap: Wrap = (role, behaviour, node) => {
    const handler = behaviour.receive.fetch;
    if (role !== Role.vnode || handler === undefined) return behaviour;
    const losing: typeof handler = (state, message: MessageView, env) => {
      if (node.index !== first || ++fetches !== 2) handler(state, message, env);
    };
    return { ...behaviour, receive: { ...behaviour.receive, fetch: losing } };
  };
  const one = world({ wrap });
  const b = one.nodes[1];
  first = one.ring.lists[0].filter((node) => node !== b.index)[0];
  const a = one.nodes[first];
  putAt(b, 'key', plain('b', 1, 'deleted and collected'));
  putAt(a, 'key', plain('a', 9, 'acknowledged by this one and by what was lost'));
  t.true(rollBack(one, b));
  t.is(heldAt(b, 'key').siblings[0]?.dot.counter as number | undefined, 9);
  t.is(b.repairs?.setAside, 1);
  t.true(fetches > 2);
});

test('rolled back: a write of the new incarnation, by a life that ended before its doubt was settled -> it stays', (t) => {
  const one = world();
  const [a, b] = one.nodes;
  one.crash(b);
  b.disk.rollBack(b.disk.log.length);
  one.restart(b);
  const past = plain('b', 1, 'deleted and collected');
  const [written] = plain('c', 1, 'acknowledged by this one alone').siblings;
  const dot = { replica: b.store.replica, counter: written.dot.counter };
  const fresh = { vector: [dot], siblings: [{ ...written, dot }] };
  for (const key of ['key', 'shared']) putAt(b, key, fresh);
  putAt(a, 'shared', plain('a', 9, 'concurrent'));
  putAt(b, 'past', past);
  one.crash(b);
  one.restart(b);
  t.deepEqual(b.store.replica, dot.replica);
  t.true(one.runUntil(() => b.doubts.size === 0, 120_000));
  one.runFor(5_000);
  t.deepEqual(
    ['key', 'shared', 'past'].map((key) => heldAt(b, key).siblings.length),
    [1, 2, 0],
  );
  t.is(b.repairs?.setAside, 1);
});
