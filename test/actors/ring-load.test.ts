/**
 * Rings that change under writes and reads, in the simulated world: nodes crash and come back, connections break. Each key
 * has one writer, which counts up; a strict read must never show less than what was acknowledged before it began.
 */
import test from 'ava';
import { nodeIndex } from '../../src/core/ids.js';
import type { RingChange } from '../../src/core/ring-change.js';
import { DurabilityCode } from '../../src/protocol/outcome.js';
import type { Call } from '../../src/sim/calls.js';
import { valuesOf } from '../../src/sim/messages.js';
import { changeRing, isSettled, memberOf } from '../../src/sim/operator.js';
import { Random } from '../../src/sim/random.js';
import { World } from '../../src/sim/world.js';

const KEYS = 12;
const NODES = 4;
const SPARE = nodeIndex(4);

/** Writers and readers of a world, one of each for every key. */
class Load {
  readonly problems: string[] = [];
  acked = 0;
  failed = 0;
  reads = 0;
  isOver = false;
  readonly #acked = new Array<number>(KEYS).fill(0);
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
    for (let key = 0; key < KEYS; key++) {
      this.#write(key, 1);
      this.#read(key);
    }
  }

  #write(key: number, count: number): void {
    if (this.isOver) return;
    const order = { key: `key-${key}`, value: String(count), w: 2, durability: DurabilityCode.interval };
    const done = (call: Call) => {
      if (call.error === undefined) {
        this.acked++;
        this.#acked[key] = count;
      } else this.failed++;
      this.#world.after(call.error === undefined ? 3 : 20, () => this.#write(key, count + 1));
    };
    this.#world.clients[0].write(order, { done });
  }

  #read(key: number): void {
    if (this.isOver) return;
    const least = this.#acked[key];
    const done = (call: Call) => {
      if (call.kind === 'read' && call.error === undefined) {
        this.reads++;
        const newest = Math.max(0, ...valuesOf(call.set).map(Number));
        if (newest < least)
          this.problems.push(`key-${key} shows ${newest}, acknowledged was ${least} at ${call.startMs}`);
      }
      this.#world.after(5, () => this.#read(key));
    };
    this.#world.clients[1].read({ key: `key-${key}`, r: 2 }, { done });
  }

  /** What every replica in force must show once all is quiet. */
  least(key: number): number {
    return this.#acked[key];
  }
}

const CHANGES: readonly ((world: World) => RingChange)[] = [
  (world) => ({ kind: 'join', members: [memberOf(world, SPARE)] }),
  () => ({ kind: 'leave', nodes: [3] }),
  (world) => ({ kind: 'replace', nodes: [2], by: [memberOf(world, SPARE)] }),
  () => ({ kind: 'reweight', node: 0, weight: 3 }),
];

/** Asks one member after the other until the change has begun: a question, or its answer, may be lost with a node. */
function insist(world: World, change: RingChange, asked = 0): void {
  if (world.ring.epoch > 1) return;
  changeRing(world, asked % NODES, change);
  world.after(1_500, () => insist(world, change, asked + 1));
}

function run(seed: number) {
  const random = new Random(seed * 7 + 1);
  const world = new World({
    ...{ seed, nodes: NODES, n: 3, partitions: 8, spares: 1, clients: 2 },
    ...{ nodesPerHost: 1 + (seed % 2), glitches: seed % 3 === 0 ? 0.005 : 0 },
  });
  world.runFor(500);
  const load = new Load(world);
  world.runFor(200);
  world.restart(world.nodes[SPARE]);
  insist(world, CHANGES[seed % CHANGES.length](world));
  for (let crash = 0; crash < 4; crash++) {
    world.runFor(random.between(10, 250));
    const victim = world.nodes[random.below(NODES + 1)];
    world.crash(victim);
    world.runFor(random.between(5, 120));
    world.restart(victim);
  }
  const isDone = world.runUntil(() => world.ring.epoch > 1 && isSettled(world), 60_000);
  world.runFor(500);
  load.isOver = true;
  world.runFor(3_000);
  return { world, load, isDone };
}

/** The newest value of a key; a connection may still break while it is asked for. */
function readAtLast(world: World, key: number): number {
  for (let tries = 0; tries < 20; tries++) {
    const call = world.clients[0].read({ key: `key-${key}`, r: 2 });
    world.runUntil(() => Number.isFinite(call.endMs), 3_000);
    if (call.error === undefined) return Math.max(0, ...valuesOf(call.set).map(Number));
  }
  return -1;
}

test('ring under load: a change of each kind, with crashes and broken connections -> no strict read goes back', (t) => {
  const seen = { acked: 0, failed: 0, reads: 0 };
  for (let seed = 1; seed <= 12; seed++) {
    const { world, load, isDone } = run(seed);
    t.true(isDone, `seed ${seed}: the change came to its end`);
    t.deepEqual(load.problems, [], `seed ${seed}`);
    for (const name of ['acked', 'failed', 'reads'] as const) seen[name] += load[name];
    for (const { role, error } of world.thrown) t.fail(`seed ${seed}: a ${role} threw ${String(error)}`);
    for (let key = 0; key < KEYS; key++) {
      t.true(readAtLast(world, key) >= load.least(key), `seed ${seed}: key-${key} at the end`);
    }
  }
  t.log(seen);
  t.true(seen.acked > 1_000 && seen.reads > 2_000);
});
