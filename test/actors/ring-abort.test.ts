/** A change of the ring that waits for a node which is gone for good, over simulated nodes: it is called off. */
import test from 'ava';
import { nodeIndex } from '../../src/core/ids.js';
import { Phase } from '../../src/core/ring-state.js';
import { DurabilityCode } from '../../src/protocol/outcome.js';
import { changeRing, isSettled, joinSpare } from '../../src/sim/operator.js';
import { World } from '../../src/sim/world.js';

const KEYS = 40;

/** Writes every key and waits for the answers; the keys that were acknowledged. */
function fill(world: World, tag: string): string[] {
  const calls = Array.from({ length: KEYS }, (_, i) =>
    world.clients[0].write({ key: `${tag}-${i}`, value: `${tag}-${i}`, w: 2, durability: DurabilityCode.interval }),
  );
  world.runUntil(() => calls.every(({ endMs }) => Number.isFinite(endMs)), 5_000);
  return calls.filter(({ error }) => error === undefined).map(({ order }) => order.key);
}

/** Keys that too few of the holders in force have for a read of two of three to find them. */
const lost = (world: World, keys: readonly string[]): string[] =>
  keys.filter((key) => {
    const holders = world.holdersOf(key).map((node) => world.nodes[node]);
    return holders.filter((node) => node.store.record(Buffer.from(key).latin1Slice()) !== undefined).length < 2;
  });

for (const isPartly of [false, true]) {
  const when = isPartly ? 'when it has a part of its share' : 'before it has anything';
  test(`ring abort: a newcomer is gone for good ${when} -> no other change until its join is called off; nothing acknowledged is lost`, (t) => {
    for (let seed = 1; seed <= 3; seed++) {
      const world = new World({ seed, nodes: 4, n: 3, partitions: 64, spares: 2 });
      world.runFor(500);
      const keys = fill(world, 'before');
      const join = joinSpare(world, nodeIndex(4), 0);
      const isReady = () => !isPartly || world.ring.move?.phases.includes(Phase.handingOver) === true;
      t.true(world.runUntil(() => Number.isFinite(join.endMs) && isReady(), 5_000));
      world.crash(world.nodes[4]);
      world.runFor(60_000);
      t.true(world.ring.move?.phases.includes(Phase.filling), `seed ${seed}: it waits for ever`);
      const refused = changeRing(world, 0, { kind: 'leave', nodes: [3] });
      world.runFor(1_000);
      t.is(refused.error, 'KV_RING_CHANGING');
      keys.push(...fill(world, 'amid'));
      const call = changeRing(world, 0, { kind: 'abort', id: world.ring.move?.id ?? 0 });
      t.true(
        world.runUntil(() => isSettled(world), 20_000),
        `seed ${seed}`,
      );
      t.is(call.error, undefined);
      t.is(keys.length, 2 * KEYS);
      t.deepEqual(lost(world, keys), []);
      t.is(
        world.ring.members.some(({ node }) => node === 4),
        isPartly,
      );
      t.deepEqual(world.ring.leavers, isPartly ? [] : [nodeIndex(4)]);
      if (isPartly) changeRing(world, 0, { kind: 'leave', nodes: [4] });
      else joinSpare(world, nodeIndex(5), 1);
      world.runFor(1_000);
      keys.push(...fill(world, 'after'));
      t.true(world.runUntil(() => isSettled(world) && world.ring.members.length === (isPartly ? 4 : 5), 30_000));
      t.deepEqual(lost(world, keys), []);
    }
  });
}
