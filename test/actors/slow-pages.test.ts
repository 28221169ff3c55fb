/** Pages of a transfer that are long on their way, as those of large records over a slow network are. */
import test from 'ava';
import { Role } from '../../src/actor/address.js';
import { nodeIndex } from '../../src/core/ids.js';
import { MessageView } from '../../src/protocol/header.js';
import { isSettled, joinSpare } from '../../src/sim/operator.js';
import type { Wrap } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { plain } from './sets.js';

const KEYS = Array.from({ length: 40 }, (_, i) => `key-${i}`);

/** Whoever is asked for a page gives it so much later. */
function slowly(delayMs: number): Wrap {
  return (role, behaviour) => {
    const { pull } = behaviour.receive;
    if (role !== Role.rebalancer || pull === undefined) return behaviour;
    const asked = new Map<number, MessageView>();
    const later: typeof pull = (_state, message, env) => {
      const words = message.words.slice(message.at, message.end);
      const copy = new MessageView();
      copy.point(words, Buffer.from(words.buffer), 0);
      const token = env.random();
      asked.set(token, copy);
      env.timer(delayMs, token);
    };
    return {
      ...behaviour,
      receive: { ...behaviour.receive, pull: later },
      onTimer(state, token, env) {
        const message = asked.get(token);
        if (message === undefined) behaviour.onTimer?.(state, token, env);
        else pull(state, message, env);
        asked.delete(token);
      },
    };
  };
}

test('transfer: pages that take longer than is waited for at first -> are waited for longer, and the change ends', (t) => {
  const world = new World({ seed: 1, nodes: 3, n: 3, partitions: 4, spares: 1, wrap: slowly(5_000) });
  for (const node of world.nodes.slice(0, 3)) for (const key of KEYS) putAt(node, key, plain('a', 1, key));
  world.runFor(500);
  joinSpare(world, nodeIndex(3), 0);
  t.true(world.runUntil(() => isSettled(world) && world.ring.epoch > 1, 600_000));
  const held = (key: string) => heldAt(world.nodes[3], key).siblings.length > 0;
  for (const key of KEYS) if (world.holdersOf(key).some((node) => node === 3)) t.true(held(key), key);
});
