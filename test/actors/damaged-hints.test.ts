/** Hints and notes whose records on disk are damaged: their keys say all that is needed of them. */
import test from 'ava';
import { hintKey, noteKey } from '../../actors/hint-records.js';
import { valuesOf } from '../../src/sim/messages.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { heldAt } from '../sim/replicas.js';

const KEYS = ['apple', 'pear', 'plum'];

/** Three nodes, the second of which has missed a write of each key: the first keeps what it is owed. */
function scene(options: Partial<WorldOptions> = {}) {
  const world = new World({ seed: 11, nodes: 3, n: 3, partitions: 1, nodesPerHost: 3, ...options });
  world.runFor(100);
  const [first, second] = world.holdersOf('apple').map((node) => world.nodes[node]);
  world.crash(second);
  for (const key of KEYS) {
    const call = world.clients[0].write({ key, value: 'one', w: 2 }, { node: first.index });
    world.runUntil(() => call.endMs < Number.POSITIVE_INFINITY);
  }
  return { world, first, second };
}

const damage = ({ store }: SimNode, key: Uint8Array): unknown =>
  store.corrupt.add(`\uffff${Buffer.from(key).toString('latin1')}`);

test('hints: the records of some are damaged, before they are counted or behind -> all are handed over', (t) => {
  for (const isCounted of [true, false]) {
    const { world, first, second } = scene();
    if (!isCounted) world.restart(first);
    for (const key of ['apple', 'plum']) damage(first, hintKey(second.index, 0, Buffer.from(key)));
    world.runFor(300);
    world.restart(second);
    t.true(
      world.runUntil(() => first.hints.handedOver === 3, 5_000),
      `${isCounted}`,
    );
    for (const key of KEYS) t.deepEqual(valuesOf(heldAt(second, key)), ['one']);
    t.deepEqual([first.hints.hints, first.store.corrupt.size, world.thrown], [0, 0, []]);
  }
});

test('hints: the record of a note is damaged -> the note stands, and goes when the target has been compared', (t) => {
  const { world, first, second } = scene({ hints: { hintBytesMax: 1 } });
  t.deepEqual([first.hints.hints, first.hints.notes], [0, 1]);
  world.restart(first);
  damage(first, noteKey(second.index, 0));
  world.runFor(300);
  t.is(first.hints.notes, 1);
  world.restart(second);
  t.true(world.runUntil(() => first.hints.notes === 0, 30_000));
  for (const key of KEYS) t.deepEqual(valuesOf(heldAt(second, key)), ['one']);
  t.deepEqual([first.store.corrupt.size, world.thrown], [0, []]);
});
