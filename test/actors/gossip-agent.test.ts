import test from 'ava';
import type { GossipState } from '../../actors/gossip-agent.js';
import { Role } from '../../src/actor/address.js';
import { nodeIndex } from '../../src/core/ids.js';
import type { Liveness, NodeState } from '../../src/core/membership.js';
import { bodyMessageBytes, encodeBody, putBody } from '../../src/protocol/body.js';
import { HEADER_WORDS } from '../../src/protocol/header.js';
import { Kind } from '../../src/protocol/messages.js';
import type { Draft } from '../../src/sim/messages.js';
import { changeRing, isSettled, memberOf } from '../../src/sim/operator.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import { SimEnv } from '../sim/sim-env.js';

const SUSPICION_MS = 5_000;

const worldOf = (nodes: number, seed = 1, more = {}) => new World({ seed, nodes, n: Math.min(3, nodes), ...more });
const members = (node: SimNode) => (node.system.stateOf(Role.gossip, 0) as GossipState).members;
const entryOf = (node: SimNode, about: number) => members(node).find((entry) => entry.node === about) as Liveness;
/** What each node that is up thinks of one. */
const opinions = (world: World, about: number) =>
  world.nodes.filter(({ up, index }) => up && index !== about).map(({ view }) => view.stateOf(about));
const all = (values: readonly (NodeState | undefined)[], state: NodeState) =>
  values.length > 0 && values.every((value) => value === state);

test('gossip: some rounds -> every node knows every other, with a heartbeat of late', (t) => {
  for (const nodes of [2, 3, 5, 9]) {
    const world = worldOf(nodes, nodes);
    world.runFor(30_000);
    for (const { view } of world.nodes) {
      for (let other = 0; other < nodes; other++) {
        t.is(view.stateOf(other), 'up');
        const heartbeat = view.heartbeatOf(other);
        t.true(heartbeat >= 20 && heartbeat <= 30, `heartbeat ${heartbeat}`);
      }
    }
  }
});

test('gossip: healthy worlds of 5 and of 16 nodes for minutes -> nobody is ever suspected', (t) => {
  for (const [nodes, seed] of [
    [5, 1],
    [5, 2],
    [16, 3],
  ]) {
    const world = worldOf(nodes, seed);
    for (let second = 0; second < 300; second++) {
      world.runFor(1_000);
      for (const node of world.nodes) {
        for (const { state } of members(node)) {
          if (state !== 'up') t.fail(`${nodes} nodes, seed ${seed}`);
        }
      }
    }
  }
  t.pass();
});

test('gossip: a node that ends -> is suspected after the suspicion time, then down, by two reporters at least', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = worldOf(4, seed);
    world.runFor(10_000);
    world.crash(world.nodes[2]);
    world.runFor(SUSPICION_MS - 1_500);
    t.true(all(opinions(world, 2), 'up'));
    const isDown = world.runUntil(() => {
      for (const node of world.nodes) {
        const entry = entryOf(node, 2);
        if (node.up && entry.state === 'down') t.true(entry.reporters.length >= 2);
        if (entry.state === 'suspect') t.true(entry.reporters.length >= 1);
      }
      return all(opinions(world, 2), 'down');
    }, 20_000);
    t.true(isDown);
    t.true(all(opinions(world, 1), 'up'));
  }
});

test('gossip: reporters of one host where others are on several -> suspect, not down', (t) => {
  const world = worldOf(5, 3, { nodesPerHost: 2 });
  world.runFor(10_000);
  // nodes 0 and 1 share a host; 2 and 3, on the only other one beside the dead one's, are held up and cannot report
  world.crash(world.nodes[4]);
  world.runFor(4_000);
  for (const node of [2, 3]) world.pause(world.nodes[node], 4_000);
  world.runFor(3_500);
  for (const node of [world.nodes[0], world.nodes[1]]) {
    const { state, reporters } = entryOf(node, 4);
    t.deepEqual([state, reporters.every((reporter) => reporter < 2)], ['suspect', true]);
  }
  t.true(world.runUntil(() => all(opinions(world, 4), 'down'), 60_000));
});

test('gossip: a node of one’s own host ends -> its host reports at once, the others when they have waited', (t) => {
  const world = worldOf(4, 6, { nodesPerHost: 2 });
  world.runFor(10_000);
  world.crash(world.nodes[2]);
  t.true(world.runUntil(() => entryOf(world.nodes[3], 2).reporters.includes(nodeIndex(3)), 1_500));
  t.true(world.nodes[3].view.suspects(2));
  t.true(world.runUntil(() => opinions(world, 2).every((state) => state === 'suspect'), 3_000));
  // word of another is no reason to send requests elsewhere
  t.deepEqual(
    [0, 1].map((node) => world.nodes[node].view.suspects(2)),
    [false, false],
  );
  t.true(world.runUntil(() => all(opinions(world, 2), 'down'), 10_000));
  t.true([0, 1, 3].every((node) => world.nodes[node].view.suspects(2)));
});

test('gossip: two nodes, one of them ends -> one reporter is enough', (t) => {
  const world = worldOf(2);
  world.runFor(5_000);
  world.crash(world.nodes[1]);
  world.runFor(10_000);
  t.deepEqual(opinions(world, 1), ['down']);
});

test('gossip: a node that was held up -> refutes the rumour when it goes on, and all believe it', (t) => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = worldOf(4, seed);
    world.runFor(10_000);
    world.pause(world.nodes[1], 15_000);
    world.runFor(14_000);
    t.true(all(opinions(world, 1), 'down'));
    t.true(world.runUntil(() => all(opinions(world, 1), 'up'), 10_000));
    t.deepEqual(entryOf(world.nodes[0], 1).reporters, []);
  }
});

test('gossip: a node that was held up itself -> blames nobody for its own lag', (t) => {
  for (const pauseMs of [6_000, 20_000]) {
    const world = worldOf(4, 5);
    world.runFor(10_000);
    world.pause(world.nodes[0], pauseMs);
    for (let ms = 0; ms < pauseMs + 5_000; ms += 250) {
      // its mail is lost while it was away, and for its first rounds
      if (ms < pauseMs + 2_500) world.network.emptyLanesTo(0);
      world.runFor(250);
      for (const other of [1, 2, 3]) t.false(entryOf(world.nodes[0], other).reporters.includes(0 as never));
    }
    t.true(all(opinions(world, 1), 'up'));
  }
});

test('gossip: a node that restarts -> comes back under a greater incarnation, whatever was said of the former one', (t) => {
  const world = worldOf(3, 9);
  world.runFor(5_000);
  world.crash(world.nodes[1]);
  world.runFor(15_000);
  t.true(all(opinions(world, 1), 'down'));
  world.restart(world.nodes[1]);
  t.true(world.runUntil(() => all(opinions(world, 1), 'up'), 5_000));
  t.is(entryOf(world.nodes[0], 1).incarnation, 2);
});

test('gossip: the host’s clock wraps -> nobody is suspected, and a dead node still is', (t) => {
  const world = worldOf(3, 4, { startMs: 0x1_0000_0000 - 8_000 });
  for (let second = 0; second < 20; second++) {
    world.runFor(1_000);
    t.true([0, 1, 2].every((node) => opinions(world, node).every((state) => state !== 'suspect' && state !== 'down')));
  }
  world.crash(world.nodes[0]);
  t.true(world.runUntil(() => all(opinions(world, 0), 'down'), 15_000));
});

test('gossip: a node that is no member, which nobody tells anything -> takes everybody for up, before it joins and after', (t) => {
  const world = worldOf(3, 6, { spares: 1 });
  const [spare] = world.nodes.slice(3);
  world.restart(spare);
  world.runFor(30_000);
  const isCalm = () => [0, 1, 2].every((other) => !spare.view.suspects(other) && spare.view.stateOf(other) === 'up');
  t.true(isCalm());
  changeRing(world, 0, { kind: 'join', members: [memberOf(world, 3)] });
  t.true(world.runUntil(() => isSettled(world) && world.ring.members.length === 4, 20_000));
  for (let second = 0; second < 20; second++) {
    world.runFor(1_000);
    t.true(isCalm());
  }
  world.crash(world.nodes[1]);
  t.true(world.runUntil(() => spare.view.stateOf(1) === 'down', 20_000));
  world.restart(world.nodes[1]);
  t.true(world.runUntil(isCalm, 20_000));
  changeRing(world, 0, { kind: 'leave', nodes: [3] });
  t.true(world.runUntil(() => isSettled(world) && world.ring.members.length === 3, 20_000));
  for (let second = 0; second < 20; second++) {
    world.runFor(1_000);
    t.true(isCalm());
  }
  t.deepEqual(opinions(world, 0), ['up', 'up', 'up']);
});

test('gossip: a body that is no table -> the actor restarts, and still beats once a second', (t) => {
  const env = new SimEnv();
  env.pass(1_000);
  t.is(env.view.heartbeatOf(0), 1);
  for (let i = 0; i < 5; i++) {
    env.deliver(Role.gossip, gossipDraft('not a table'));
    env.pass(200);
  }
  t.is(env.thrown.length, 5);
  env.pass(1_000);
  const before = env.view.heartbeatOf(0);
  for (let i = 0; i < 10; i++) env.pass(1_000);
  t.is(env.view.heartbeatOf(0) - before, 10);
});

function gossipDraft(content: unknown): Draft {
  const body = encodeBody(content).slice();
  return {
    tag: Kind.gossip,
    bytes: bodyMessageBytes(HEADER_WORDS, body),
    fill: (words, bytes, at) => putBody(words, bytes, at + HEADER_WORDS, body),
  };
}
