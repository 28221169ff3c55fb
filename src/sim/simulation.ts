/**
 * One seed's run: clients talk to a cluster while faults strike it; then all is healed, a fresh write of every
 * other key must succeed, every key is read from all replicas, and the checkers say what was broken.
 */

import { clock } from '../core/ids.js';
import type { RarePath } from '../core/rare-path.js';
import { isForgotten } from '../protocol/record.js';
import { buryAll } from './burial.js';
import { CallOrder } from './call-order.js';
import { type Call, isCurable, RESEND_MS, RESENDS_MAX } from './calls.js';
import type { ClientFaults } from './client-faults.js';
import { Faults } from './faults.js';
import { areEqual, checkFinally } from './final-checks.js';
import { Judge } from './judge.js';
import { keyText, setOf, showValues } from './messages.js';
import { Observer, type Problem } from './observer.js';
import { isSettled } from './operator.js';
import type { Plan, PlanOptions } from './plan.js';
import { drawPlan } from './plan.js';
import { streams } from './random.js';
import { RarePaths } from './rare-paths.js';
import { RegisterHistory } from './register-history.js';
import { countRun, type RunCounts } from './run-counts.js';
import type { SimNode, StorageFaults, Wrap } from './sim-node.js';
import type { Line } from './trace.js';
import { Workload } from './workload.js';
import { World } from './world.js';

/** A fault planted on purpose. */
export interface Plant {
  readonly storage?: StorageFaults;
  readonly client?: ClientFaults;
  /** What a run must have to meet it. */
  readonly run?: PlanOptions;
  readonly wrap?: Wrap;
}

export interface RunOptions extends PlanOptions {
  /** Keep lines for people. */
  readonly keepsLines?: boolean;
}

export interface RunReport {
  readonly seed: number;
  readonly hash: string;
  readonly problems: readonly Problem[];
  readonly virtualMs: number;
  readonly counts: RunCounts;
  /** Operations whose outcome a checker has looked at. */
  readonly checked: number;
  /** How often each kind of fault fired. */
  readonly faults: Readonly<Record<string, number>>;
  /** How often each rare path was reached. */
  readonly rare: Readonly<Partial<Record<RarePath, number>>>;
  readonly plan: Plan;
  readonly lines: readonly Line[];
}

/** Behind the deadline, the client's sweep, and the longest pause. */
const SETTLE_MS = 600;
/** Time that nodes may take to count again once all are there. */
const DOUBT_MS = 60_000;
/** A write that begins this long after the last fault ended, to a cluster that was healed, succeeds. */
export const HEALED_MS = 5_000;

/** Within this time the ring has settled and anti-entropy has made the replicas equal. */
const QUIET_MS = 60_000;
const LOOK_MS = 250;

/** Runs one seed, with a planted fault or without. */
export function runSeed(seed: number, plant: Plant = {}, options: RunOptions = {}): RunReport {
  return new Simulation(seed, plant, { ...plant.run, ...options }).run();
}

const STREAMS = [
  'plan',
  'workload',
  'faults',
  'world',
  'rare',
  'batches',
  'lives',
  'channels',
  'pipelines',
  'logs',
] as const;

class Simulation {
  readonly #seed: number;
  readonly #plan: Plan;
  readonly #world: World;
  readonly #faults: Faults;
  readonly #observer: Observer;
  readonly #registers: RegisterHistory;
  readonly #order: CallOrder;
  readonly #judge: Judge;
  readonly #workload: Workload;
  readonly #rare: RarePaths;

  constructor(seed: number, plant: Plant, options: RunOptions) {
    const random = streams(seed, STREAMS);
    this.#seed = seed;
    const plan = drawPlan(random, options);
    this.#plan = plan;
    this.#rare = new RarePaths(random.rare);
    this.#faults = new Faults(random.faults, plan);
    const observer = new Observer(
      () => this.#world.nowMs,
      () => this.#world.latestWallMs,
    );
    this.#observer = observer;
    this.#registers = new RegisterHistory(plan);
    this.#order = new CallOrder(observer);
    this.#world = new World({
      ...plan,
      quorums: plan,
      seed: random.world.u32(),
      keepsLines: options.keepsLines === true,
      wrap: (role, behaviour, node) => {
        const planted = plant.wrap?.(role, behaviour, node) ?? behaviour;
        return observer.watch(role, this.#faults.mayThrow(planted, node), node);
      },
      onCommit: (node, words, sequence) => {
        observer.committed(node, words, sequence);
        this.#noteCommit(node, words);
      },
      onDisorder: (from, to) => observer.problem(`messages from thread ${from} to ${to} changed places`),
      onConnection: (event) => this.#faults.count(event),
      ...(plant.storage !== undefined && { faults: plant.storage }),
      ...(plant.client !== undefined && { clientFaults: plant.client }),
    });
    for (const { clock: machine } of this.#world.hosts) {
      const skewMs = Math.round(random.plan.between(-plan.skewMs, plan.skewMs));
      machine.calibrate({ skewMs, rate: 1 + random.plan.between(-plan.driftRate, plan.driftRate) });
    }
    this.#judge = new Judge(this.#world, observer, plan);
    this.#workload = new Workload(this.#world, plan, random, (call) => this.#ended(call));
  }

  #noteCommit({ index }: SimNode, words: Int32Array<ArrayBuffer>): void {
    const { trace, nowMs } = this.#world;
    const key = keyText(words);
    const what = isForgotten(words, 0) ? 'forgets' : `logs [${showValues(setOf(words))}] for`;
    trace.note(nowMs, () => `node ${index} ${what} ${key}`, key);
  }

  #ended(call: Call): void {
    this.#judge.judge(call);
    this.#registers.add(call);
    this.#order.add(call);
  }

  run(): RunReport {
    return this.#rare.within(() => this.#live());
  }

  #live(): RunReport {
    const world = this.#world;
    this.#workload.begin();
    this.#faults.begin(world, () => this.#workload.isBusy);
    if (!world.runUntil(() => !this.#workload.isBusy, 600_000)) this.#observer.problem('clients never finished');
    world.runFor(SETTLE_MS * this.#plan.pace);
    this.#faults.heal();
    world.network.settle();
    this.#rare.settle();
    world.runFor(HEALED_MS);
    const hasSettled = () => world.nodes.every(({ up, doubts }) => !up || doubts.size === 0);
    if (!world.runUntil(hasSettled, DOUBT_MS)) this.#observer.problem('nodes stay in doubt');
    this.#writeFresh();
    this.#awaitQuiet();
    for (let round = 0; round < 2; round++) this.#readAll();
    const { keys } = this.#faults;
    checkFinally({ world, observer: this.#observer, plan: this.#plan, judge: this.#judge, keys });
    if (this.#plan.collectionMs < QUIET_MS && !this.#plan.beyond) this.#buryAll();
    if (this.#judge.keepsOrder) {
      for (const { key, text } of this.#registers.problems()) this.#observer.problem(text, key);
    }
    return this.#report();
  }

  #report(): RunReport {
    const world = this.#world;
    const { counts: faults } = this.#faults;
    return {
      seed: this.#seed,
      hash: world.trace.hash,
      problems: this.#observer.problems,
      virtualMs: world.nowMs,
      counts: countRun({ world, plan: this.#plan, faults, keepsOrder: this.#judge.keepsOrder }),
      checked: world.clients.reduce((sum, { history }) => sum + history.length, 0),
      faults,
      rare: this.#rare.reached,
      plan: this.#plan,
      lines: world.trace.lines,
    };
  }

  /**
   * A write of every other key, each in a session of its own, once the cluster had time to heal. It covers whatever came
   * before: the keys that get none are those whose replicas have to become equal by themselves.
   */
  #writeFresh(): void {
    const keys = this.#faults.keys.filter((_, index) => index % 2 === this.#seed % 2);
    for (const key of keys) this.#writeOne(key, RESENDS_MAX);
    this.#world.runFor(SETTLE_MS + RESENDS_MAX * RESEND_MS);
  }

  /** What is refused for a clock that runs ahead, or for a newer ring, is sent again for a while, as src/client does. */
  #writeOne(key: string, resends: number): void {
    const [client] = this.#world.clients;
    const done = (call: Call) => {
      if (resends > 0 && isCurable(call)) this.#world.after(RESEND_MS, () => this.#writeOne(key, resends - 1));
      else this.#judgeFresh(call);
    };
    if (this.#plan.tallies.includes(key)) this.#workload.update(client, key, done);
    else client.write({ ...this.#workload.nextWrite(key), callerClock: clock(0) }, { done });
  }

  #judgeFresh(call: Call): void {
    this.#judge.judge(call);
    if (call.kind === 'scan' || call.error === undefined) return;
    const { key } = call.order;
    this.#observer.problem(`a ${call.kind} of ${key} to the healed cluster failed with ${call.error}`, key);
  }

  /**
   * The ring comes to rest and hints are handed over; the replicas become equal without being read where there is
   * anti-entropy, and by hints alone where nothing but the network failed.
   */
  #awaitQuiet(): void {
    const { keys } = this.#faults;
    const world = this.#world;
    const { antiEntropyMs, collectionMs, groups } = this.#plan;
    // a collection that does not reach all leaves a tombstone to some, which the next one sees to behind a comparison
    const isSimple = !groups.includes('node') && collectionMs > QUIET_MS;
    const repairs = antiEntropyMs < QUIET_MS || isSimple;
    const isQuiet = () =>
      isSettled(world) && openHints(world) === 0 && (!repairs || keys.every((key) => areEqual(world, key)));
    for (let waitedMs = 0; waitedMs < QUIET_MS && !isQuiet(); waitedMs += LOOK_MS) world.runFor(LOOK_MS);
    if (!isSettled(world)) this.#observer.problem(`the ring does not come to rest: ${JSON.stringify(world.ring.move)}`);
    const hints = openHints(world);
    if (hints > 0) this.#observer.problem(`${hints} hints and notes are not seen to`);
    if (!repairs) return;
    for (const key of keys) {
      if (!areEqual(world, key))
        this.#observer.problem(`the replicas of ${key} differ though nothing stands between them`, key);
    }
  }

  #buryAll(): void {
    const { keys } = this.#faults;
    const judge = (call: Call) => this.#judge.judge(call);
    const { n, groups } = this.#plan;
    const holds = groups.includes('channel');
    buryAll({ world: this.#world, observer: this.#observer, workload: this.#workload, keys, n, judge, holds });
  }

  /** Reads every key from all of its replicas, which repairs those that are behind. */
  #readAll(): void {
    const client = this.#world.clients[0];
    for (const key of this.#faults.keys) {
      client.read({ key, r: this.#plan.n }, { done: (call) => this.#judge.judge(call) });
    }
    this.#world.runFor(SETTLE_MS);
  }
}

/** Hints that wait on the nodes of a world, and notes of what had no room among them. */
function openHints({ nodes }: World): number {
  return nodes.reduce((sum, { up, hints }) => sum + (up ? hints.hints + hints.notes : 0), 0);
}
