/** Trees are compared with the records that they stand for, and records are read before somebody needs them. */
import test from 'ava';
import type { AntiEntropyState } from '../../actors/anti-entropy.js';
import { Role } from '../../src/actor/address.js';
import { partsOf } from '../../src/sim/messages.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { plain } from './sets.js';

const PARTITIONS = 8;

const treesOf = (node: SimNode) => (node.system.stateOf(Role.antiEntropy, 0) as AntiEntropyState).trees;
const verified = (node: SimNode): number => node.repairs?.verified ?? 0;

/** Three nodes that hold the same, and verify one partition after the other. */
function scene(): World {
  const world = new World({ seed: 5, nodes: 3, n: 3, partitions: PARTITIONS, clients: 1, antiEntropyMs: 8_000 });
  for (let index = 0; index < 200; index++) {
    for (const node of world.nodes) putAt(node, `key-${index}`, plain('a', index + 1, 'same'));
  }
  return world;
}

test('verification: every interval -> all partitions are read, and nothing is found where nothing is wrong', (t) => {
  const world = scene();
  t.true(world.runUntil(() => world.nodes.every((node) => verified(node) >= 2 * PARTITIONS), 60_000));
  t.true(world.nowMs < 40_000, `${world.nowMs} ms`);
  for (const node of world.nodes) t.deepEqual([node.repairs?.treesDiffering, node.treesDiffering], [0, []]);
});

test('verification: a tree with a wrong digest -> is told, counted, and replaced by what the records say', (t) => {
  const world = scene();
  const [node, other] = world.nodes;
  t.true(world.runUntil(() => verified(node) >= PARTITIONS, 60_000));
  treesOf(node).of(3)?.toggle(0x1234_5678, 0x55aa, 0x1);
  t.true(world.runUntil(() => node.treesDiffering.length > 0, 60_000));
  t.deepEqual([node.treesDiffering, node.repairs?.treesDiffering], [[3], 1]);
  const [tree, theirs] = [treesOf(node).of(3), treesOf(other).of(3)];
  t.true(tree !== undefined && theirs !== undefined && tree.equals(theirs));
  const before = verified(node);
  t.true(world.runUntil(() => verified(node) >= before + PARTITIONS, 60_000));
  t.is(node.repairs?.treesDiffering, 1);
});

test('verification: a record that nobody asks for cannot be read -> is made whole, and the tree is not at fault', (t) => {
  const world = scene();
  const [, hurt] = world.nodes;
  t.true(world.runUntil(() => verified(hurt) >= PARTITIONS, 60_000));
  hurt.store.corrupt.add('key-7');
  t.true(world.runUntil(() => !hurt.store.corrupt.has('key-7'), 60_000));
  t.deepEqual(heldAt(hurt, 'key-7'), plain('a', 8, 'same'));
  const before = verified(hurt);
  t.true(world.runUntil(() => verified(hurt) >= before + PARTITIONS, 60_000));
  t.deepEqual(hurt.treesDiffering, []);
});

test('verification: records are written while their partition is read -> its tree is right', (t) => {
  const world = scene();
  const [node] = world.nodes;
  for (let round = 0; verified(node) < 2 * PARTITIONS; round++) {
    const key = `key-${round % 200}`;
    world.clients[0].write({ key, value: `${round}`, w: 2 }, { node: world.holders(partsOf(key).slot)[0] });
    world.runFor(20);
    if (round > 5_000) t.fail('it takes too long');
  }
  for (const one of world.nodes) t.deepEqual(one.treesDiffering, []);
});
