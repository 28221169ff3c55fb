/** Failure detection as a whole: gossip agents alone, over minutes of virtual time, with losses, cuts, pauses and deaths. */
import test from 'ava';
import { RingView } from '../../src/actor/ring-view.js';
import { GOSSIP_PRESETS, type GossipTuning } from '../../src/core/gossip-tuning.js';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import { markDown, type NodeState, report } from '../../src/core/membership.js';
import { REPORTERS_MAX } from '../../src/core/reporters.js';
import { firstRingState } from '../../src/core/ring-state.js';
import { readGossip } from '../../src/protocol/gossip-body.js';
import { MessageView } from '../../src/protocol/header.js';
import { GossipWorld, type GossipWorldOptions } from '../../src/sim/gossip-world.js';
import { Random } from '../../src/sim/random.js';
import { ringOf } from '../../src/sim/ring-plan.js';
import { SimAgent } from '../../src/sim/sim-agent.js';

const { lan, local } = GOSSIP_PRESETS;
const MINUTE_MS = 60_000;

interface Errors {
  readonly suspicions: (readonly [by: number, about: number])[];
  readonly downs: (readonly [by: number, about: number])[];
}

/** A world, and what its agents wrongly believe of those that live. */
function worldOf(options: Partial<GossipWorldOptions>): { world: GossipWorld; errors: Errors } {
  const errors: Errors = { suspicions: [], downs: [] };
  const world = new GossipWorld({
    seed: 1,
    nodes: 5,
    tuning: lan,
    onSuspicion: (by, about) => {
      if (world.agents[about].up) errors.suspicions.push([by, about]);
    },
    onChange: (by, { node, state }) => {
      if (state === 'down' && world.agents[node].up) errors.downs.push([by, node]);
    },
    ...options,
  });
  return { world, errors };
}

const opinions = ({ agents }: GossipWorld, about: number): (NodeState | undefined)[] =>
  agents.filter(({ up, node }) => up && node !== about).map(({ view }) => view.stateOf(about));
const agree = (world: GossipWorld, about: readonly number[], state: NodeState) =>
  about.every((node) => opinions(world, node).every((opinion) => opinion === state));
const indices = (count: number, first = 0) => Array.from({ length: count }, (_, index) => index + first);

test('gossip world: 30 healthy nodes for ten minutes, one message of a hundred lost -> nobody is ever suspected', (t) => {
  for (const tuning of [lan, local]) {
    const { world, errors } = worldOf({ nodes: 30, tuning, loss: 0.01, seed: 7 });
    world.runFor(10 * MINUTE_MS);
    t.deepEqual(errors, { suspicions: [], downs: [] });
    t.true(agree(world, indices(30), 'up'));
    t.true(world.agents.every(({ view }) => indices(30).every((node) => view.heartbeatOf(node) > 590)));
  }
});

for (const [nodes, far] of [
  [3, 1],
  [4, 2],
  [30, 12],
]) {
  test(`gossip world: ${far} of ${nodes} cut off, then healed -> each side calls the other down, then all find again`, (t) => {
    const { world } = worldOf({ nodes, seed: nodes });
    const isFar = (node: number) => node < far;
    world.runFor(10_000);
    world.cut((from, to) => isFar(from) !== isFar(to));
    const isApart = () =>
      world.agents.every(({ node, view }) =>
        indices(nodes).every((other) => view.stateOf(other) === (isFar(node) === isFar(other) ? 'up' : 'down')),
      );
    t.true(world.runUntil(isApart, MINUTE_MS));
    world.runFor(2 * MINUTE_MS);
    t.true(isApart());
    world.heal();
    t.true(world.runUntil(() => agree(world, indices(nodes), 'up'), lan.probeMs + 10_000));
  });
}

test('gossip world: a healed cut where nobody tells those that are down -> the sides stay apart', (t) => {
  const { world } = worldOf({ nodes: 4, tuning: { ...lan, probeMs: Number.POSITIVE_INFINITY } });
  world.runFor(10_000);
  world.cut((from, to) => from < 2 !== to < 2);
  world.runFor(MINUTE_MS);
  world.heal();
  world.runFor(2 * MINUTE_MS);
  t.true([2, 3].every((node) => world.agents[0].view.stateOf(node) === 'down'));
});

test('gossip world: two nodes that hear nothing -> call everybody down, and convince nobody of it', (t) => {
  const { world, errors } = worldOf({ nodes: 8, seed: 3 });
  const isDeaf = (node: number) => node < 2;
  world.runFor(10_000);
  world.cut((_from, to) => isDeaf(to));
  world.runFor(2 * MINUTE_MS);
  t.true(indices(6, 2).every((node) => world.agents[0].view.stateOf(node) === 'down'));
  const isBetweenHearers = ([by, about]: readonly [number, number]) => !isDeaf(by) && !isDeaf(about);
  t.false([...errors.downs, ...errors.suspicions].some(isBetweenHearers));
  world.heal();
  t.true(world.runUntil(() => agree(world, indices(8), 'up'), 10_000));
});

test('gossip world: nodes that stand still for a second to three now and then -> no verdict against anybody', (t) => {
  const { world, errors } = worldOf({ nodes: 12, loss: 0.01, seed: 5 });
  for (let second = 0; second < 300; second++) {
    world.runFor(1_000);
    world.pause(world.random.pick(world.agents), world.random.between(1_000, 3_000));
  }
  t.deepEqual(errors, { suspicions: [], downs: [] });
});

test('gossip world: deaths under loss -> everybody avoids the dead, calls them down, and knows of their return', (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const { world, errors } = worldOf({ nodes: 10, loss: 0.05, seed });
    world.runFor(10_000);
    for (const victim of [2, 7]) world.agents[victim].kill();
    t.true(world.runUntil(() => agree(world, [2, 7], 'down'), 20_000));
    for (const { up, view } of world.agents) if (up) t.true(view.suspects(2) && view.reportersOf(2).length >= 2);
    t.deepEqual(errors, { suspicions: [], downs: [] });
    for (const victim of [2, 7]) world.agents[victim].start();
    t.true(world.runUntil(() => agree(world, indices(10), 'up'), 10_000));
  }
});

test('gossip world: a member that never spoke -> is suspected like one that fell silent', (t) => {
  const world = new GossipWorld({ seed: 2, nodes: 4, tuning: lan });
  world.schedule(lan.heartbeatMs, () => world.agents[3].kill());
  world.cut((from) => from === 3);
  t.true(world.runUntil(() => agree(world, [3], 'down'), 20_000));
});

test('gossip world: a node that starts again -> takes nobody for lost on the word of its former life', (t) => {
  const { world } = worldOf({ nodes: 4 });
  world.runFor(10_000);
  for (const node of [1, 2]) world.agents[node].kill();
  t.true(world.runUntil(() => agree(world, [1, 2], 'down'), 20_000));
  world.agents[0].kill();
  world.agents[0].start();
  t.deepEqual(
    indices(4).map((node) => world.agents[0].view.suspects(node)),
    [false, false, false, false],
  );
  t.true(world.runUntil(() => agree(world, [1, 2], 'down') && agree(world, [0, 3], 'up'), 20_000));
});

test('gossip world: a node that is down -> stays in every table until the ring says that it has left', (t) => {
  const { world } = worldOf({ nodes: 4 });
  world.runFor(10_000);
  world.agents[1].kill();
  world.runFor(10 * MINUTE_MS);
  t.true(agree(world, [1], 'down'));
  const { ring } = world.ring;
  const members = ring.members.filter(({ node }) => node !== 1);
  world.ring.adopt({ ...ring, epoch: epoch(ring.epoch + 1), members });
  world.runFor(5_000);
  for (const { up, state } of world.agents) {
    if (up)
      t.deepEqual(
        state.members.map(({ node }) => node),
        [0, 2, 3].map(nodeIndex),
      );
  }
});

test('gossip world: one seed twice -> the same run', (t) => {
  const run = () => {
    const { world } = worldOf({ nodes: 6, loss: 0.1, seed: 11 });
    world.runFor(20_000);
    world.agents[4].kill();
    world.runFor(20_000);
    return world.agents.map(({ state, sentBytes }) => [state.members, sentBytes]);
  };
  t.deepEqual(run(), run());
});

for (const [what, suspects] of [
  ['healthy', 0],
  ['half dead', 500],
  ['all but itself dead', 999],
] as const) {
  test(`gossip agent: a ring of 1,000, ${what} -> its messages stay within bounds, and every entry is told`, (t) => {
    const told = new Set<number>();
    const { sizes, rounds } = runAlone({ nodes: 1_000, suspects, rounds: 300, tuning: lan, told });
    t.true(sizes.length <= rounds * (lan.fanout + 1));
    // an entry without suspicion takes at most 9 bytes after years of heartbeats, and no other takes more for its room
    t.true(Math.max(...sizes) <= lan.entriesMax * 9 + 64, `${Math.max(...sizes)} bytes`);
    t.is(told.size, 1_000);
  });
}

/** One agent with a full table and nobody who answers: the sizes of what it sends, and whom it tells of. */
function runAlone(given: {
  readonly nodes: number;
  readonly suspects: number;
  readonly rounds: number;
  readonly tuning: GossipTuning;
  readonly told: Set<number>;
}): { sizes: number[]; rounds: number } {
  const { nodes, suspects, rounds, tuning, told } = given;
  const sizes: number[] = [];
  const message = new MessageView();
  let nowMs = 0;
  let timer = (): void => undefined;
  const agent = new SimAgent({
    node: nodeIndex(0),
    placement: new RingView({
      ring: firstRingState(ringOf({ weights: new Array(nodes).fill(1), n: 1, partitions: 8 })),
      isUp: () => true,
    }),
    tuning,
    heartbeat: 2 ** 31,
    hostOf: String,
    hasEnded: () => false,
    random: new Random(4),
    nowMs: () => nowMs,
    schedule: (_atMs, run) => {
      timer = run;
    },
    send: (_to, words) => {
      sizes.push(words.length * 4);
      message.point(words, Buffer.from(words.buffer), 0);
      for (const { node } of readGossip(message)) told.add(node);
    },
    onSuspicion: () => undefined,
    onChange: () => undefined,
  });
  agent.start();
  const dead = new Set(indices(suspects, nodes - suspects).map(nodeIndex));
  const reporters = indices(REPORTERS_MAX, nodes - REPORTERS_MAX - 1).map(nodeIndex);
  const full = agent.state.members.map((entry) => ({ ...entry, incarnation: 1, heartbeat: 2 ** 31 }));
  agent.state.members = reporters.reduce(
    (table, reporter) => report(table, dead, reporter, String),
    markDown(full, dead),
  );
  for (let round = 0; round < rounds; round++) {
    nowMs += tuning.heartbeatMs;
    timer();
  }
  return { sizes, rounds };
}
