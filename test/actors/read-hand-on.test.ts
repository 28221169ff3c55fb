/**
 * Monotonic reads of a partition that moves: what one has shown, no later one goes behind, though the new holder had copied
 * everything before the read repaired the old ones.
 */
import test from 'ava';
import { Role } from '../../src/actor/address.js';
import { clock, counter, nodeIndex } from '../../src/core/ids.js';
import { Phase, phaseOf } from '../../src/core/ring-state.js';
import { Tag } from '../../src/protocol/record.js';
import type { ReadCall } from '../../src/sim/calls.js';
import { partsOf, valuesOf } from '../../src/sim/messages.js';
import { isSettled, joinSpare } from '../../src/sim/operator.js';
import { WALL_START_MS, World } from '../../src/sim/world.js';
import { heldAt, putAt } from '../sim/replicas.js';

const JOINING = nodeIndex(3);
const KEYS = Array.from({ length: 64 }, (_, index) => `key-${index}`);

function read(world: World, key: string, node: number): ReadCall {
  const call = world.clients[0].read({ key, r: 2, monotonic: true }, { node });
  world.runUntil(() => call.endMs < Number.POSITIVE_INFINITY, 5_000);
  return call;
}

test('monotonic reads: a partition moves -> what is shown by old holders alone is held by enough of the new ones', (t) => {
  let isHeldUp = false;
  const world: World = new World({
    seed: 5,
    nodes: 3,
    spares: 1,
    n: 3,
    wrap: (role, behaviour) => {
      if (role !== Role.ringKeeper) return behaviour;
      const onTimer: typeof behaviour.onTimer = (state, token, env) => {
        if (isHeldUp) env.timer(50, token);
        else behaviour.onTimer?.(state, token, env);
      };
      return { ...behaviour, onTimer };
    },
  });
  world.runFor(1_000);
  joinSpare(world, JOINING, 0);
  const partition = (key: string) => partsOf(key).slot >>> world.slotShift;
  const isFilling = (key: string) => phaseOf(world.ring, partition(key)) === Phase.filling;
  const movingKey = () => KEYS.find((key) => isFilling(key) && world.ring.move?.next[partition(key)].includes(JOINING));
  t.true(world.runUntil(() => movingKey() !== undefined));
  const key = movingKey() as string;
  isHeldUp = true;
  // long enough for the new holder to copy all that there is
  world.runFor(2_000);
  t.true(isFilling(key));
  const next = world.ring.move?.next[partition(key)] ?? [];
  const kept = world.holdersOf(key).filter((node) => next.includes(node));
  // written before the move, to one node, and of unknown outcome
  const [first, second] = kept;
  const dot = { replica: world.nodes[first].store.replica, counter: counter(1_000_000) };
  const value = Buffer.from('shown');
  const sibling = { dot, clock: clock(WALL_START_MS), expiresAtMs: 0, tombstone: false, tag: Tag.ascii, value };
  putAt(world.nodes[first], key, { vector: [dot], siblings: [sibling] });

  // so that the read meets the one that holds the partition no longer in the end
  world.crash(world.nodes[second]);
  world.runFor(100);
  const shown = read(world, key, first);
  t.deepEqual([shown.error, valuesOf(shown.set)], [undefined, ['shown']]);
  t.deepEqual(valuesOf(heldAt(world.nodes[JOINING], key)), ['shown']);
  world.restart(world.nodes[second]);
  isHeldUp = false;
  t.true(world.runUntil(() => isSettled(world), 30_000));
  world.crash(world.nodes[first]);
  for (const node of [JOINING, second]) {
    const again = read(world, key, node);
    t.deepEqual([again.error, valuesOf(again.set)], [undefined, ['shown']]);
  }
});
