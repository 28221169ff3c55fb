/**
 * One seed's run: a few clients write, delete and read a few keys on three to five nodes, while nodes crash (between
 * turns, before the log, before the sends, some with the loss of what was not synced), pause, refuse and reconnect. Then
 * all is healed, every key is read from all replicas, and the judge says what was broken.
 */
import type { AnyBehaviour } from '../actor/behaviour.js';
import type { VersionVector } from '../core/version-vector.js';
import { DurabilityCode, failure } from '../protocol/outcome.js';
import type { Call, SimClient } from './client.js';
import { Judge, PlannedThrow } from './judge.js';
import { Observer } from './observer.js';
import { Random } from './random.js';
import type { SimNode, StorageFaults, Wrap } from './sim-node.js';
import { World } from './world.js';

/** A fault planted on purpose. */
export interface Plant {
  readonly storage?: StorageFaults;
  readonly wrap?: Wrap;
}

export interface RunReport {
  readonly hash: string;
  readonly problems: readonly string[];
  /** What happened, to see that the run was worth it. */
  readonly counts: Readonly<Record<'acked' | 'failed' | 'reads' | 'crashes' | 'losses' | 'siblings', number>>;
}

interface Plan {
  readonly keys: readonly string[];
  readonly w: number;
  readonly r: number;
  /** Nodes whose crashes take what is not synced: fewer than W. */
  readonly lossy: ReadonlySet<number>;
  readonly callsPerClient: number;
  readonly durabilities: readonly DurabilityCode[];
}

const QUORUMS: readonly (readonly [w: number, r: number])[] = [
  [2, 2],
  [2, 2],
  [3, 1],
  [1, 3],
  [2, 3],
  [1, 1],
];
const DURABILITIES: readonly (readonly DurabilityCode[])[] = [
  [DurabilityCode.interval],
  [DurabilityCode.none, DurabilityCode.interval],
  [DurabilityCode.sync],
  [DurabilityCode.none, DurabilityCode.interval, DurabilityCode.sync],
];
const DELAYS_MS = [
  [0.02, 2],
  [0.02, 2],
  [0.5, 20],
] as const;
const DEADLINE_MS = 300;
/** Behind the deadline, the client's sweep, and the longest pause. */
const SETTLE_MS = 600;
const NEVER_MS = 4_000_000_000_000;

/** Runs one seed, with a planted fault or without. */
export function runSeed(seed: number, plant: Plant = {}): RunReport {
  return new Workload(seed, plant).run();
}

class Workload {
  readonly #random: Random;
  readonly #observer = new Observer();
  readonly #world: World;
  readonly #plan: Plan;
  readonly #judge: Judge;
  /** Nodes whose next handler throws, when all of its work is done. */
  readonly #throwing = new Set<number>();
  readonly #contexts = new Map<string, VersionVector>();
  #writes = 0;
  #crashes = 0;
  #busyClients = 0;

  constructor(seed: number, plant: Plant) {
    const random = new Random(seed);
    this.#random = random;
    const nodes = 3 + random.below(3);
    const [w, r] = random.pick(QUORUMS);
    const lossy = random.shuffled([...new Array(nodes).keys()]).slice(0, random.chance(0.6) ? w - 1 : 0);
    const keys = ['apple', 'pear', 'a-longer-key-{tag}'].slice(0, 1 + random.below(3));
    const callsPerClient = 8 + random.below(10);
    this.#plan = { keys, w, r, lossy: new Set(lossy), callsPerClient, durabilities: random.pick(DURABILITIES) };
    const observer = this.#observer;
    this.#world = new World({
      seed: random.u32(),
      nodes,
      n: 3,
      clients: 2 + random.below(3),
      nodesPerHost: 1 + random.below(2),
      delayMs: random.pick(DELAYS_MS),
      reconnects: random.chance(0.3) ? 0.25 : 0,
      // some runs cross the wrap of the host's clock
      startMs: random.chance(0.3) ? 0x1_0000_0000 - random.below(1_500) : random.u32(),
      wrap: (role, behaviour, node) => {
        const planted = plant.wrap?.(role, behaviour, node) ?? behaviour;
        return observer.watch(role, this.#mayThrow(planted, node), node);
      },
      onCommit: (node, words, sequence) => observer.committed(node, words, sequence),
      ...(plant.storage !== undefined && { faults: plant.storage }),
    });
    this.#judge = new Judge(this.#world, observer);
  }

  #mayThrow(behaviour: AnyBehaviour, node: SimNode): AnyBehaviour {
    const handlers = Object.entries(behaviour.receive).map(([name, handler]) => {
      const throwing: typeof handler = (state, message, env) => {
        handler(state, message, env);
        if (this.#throwing.delete(node.index)) throw new PlannedThrow('a handler throws when its work is done');
      };
      return [name, throwing];
    });
    return { ...behaviour, receive: Object.fromEntries(handlers) };
  }

  run(): RunReport {
    const world = this.#world;
    for (const client of world.clients) this.#converse(client, this.#plan.callsPerClient);
    this.#disturb();
    if (!world.runUntil(() => this.#busyClients === 0, 60_000)) this.#observer.problem('clients never finished');
    this.#heal();
    for (let round = 0; round < 2; round++) this.#readAll();
    this.#judge.judgeEnd(this.#plan.keys);
    const calls = world.clients.flatMap((client) => client.history);
    const writes = calls.filter((call) => call.kind === 'write');
    const reads = calls.filter((call) => call.kind === 'read');
    return {
      hash: world.trace.hash,
      problems: this.#observer.problems,
      counts: {
        acked: writes.filter(({ error }) => error === undefined).length,
        failed: calls.filter(({ error }) => error !== undefined).length,
        reads: reads.length,
        crashes: this.#crashes,
        losses: world.nodes.reduce((sum, { disk }) => sum + disk.losses, 0),
        siblings: Math.max(0, ...reads.map(({ set }) => set.siblings.length)),
      },
    };
  }

  /** One call after the other, with pauses. */
  #converse(client: SimClient, left: number): void {
    if (left === 0) return;
    this.#busyClients++;
    this.#world.schedule(this.#world.nowMs + this.#random.between(0, 25), () => {
      const done = (call: Call) => {
        this.#ended(call);
        this.#converse(client, left - 1);
        this.#busyClients--;
      };
      if (this.#random.chance(0.6)) this.#write(client, done);
      else this.#read(client, done);
    });
  }

  #write(client: SimClient, done: (call: Call) => void): void {
    const random = this.#random;
    const key = random.pick(this.#plan.keys);
    const value = `v${++this.#writes}`;
    const tombstone = random.chance(0.2);
    const context = random.chance(0.4) ? this.#contexts.get(`${client.seat} ${key}`) : undefined;
    const order = {
      key,
      value,
      w: this.#plan.w,
      durability: random.pick(this.#plan.durabilities),
      deadlineMs: DEADLINE_MS,
      ...(tombstone && { tombstone, expiresAtMs: NEVER_MS + this.#writes }),
      ...(context !== undefined && { context }),
    };
    const other = random.chance(0.4) ? { node: random.pick(this.#judge.holdersOf(key)) } : {};
    client.write(order, { ...other, done });
  }

  #read(client: SimClient, done: (call: Call) => void): void {
    const random = this.#random;
    const order = { key: random.pick(this.#plan.keys), r: this.#plan.r, monotonic: random.chance(0.4) };
    const other = random.chance(0.5) ? { node: random.below(this.#world.nodes.length) } : {};
    client.read({ ...order, deadlineMs: DEADLINE_MS }, { ...other, done });
  }

  #ended(call: Call): void {
    this.#judge.judgeCall(call);
    if (call.kind === 'read' && call.error === undefined) {
      this.#contexts.set(`${call.client} ${call.order.key}`, call.set.vector);
    }
  }

  /** Faults, one after the other, as long as clients are busy. */
  #disturb(): void {
    this.#world.schedule(this.#world.nowMs + this.#random.between(10, 100), () => {
      if (this.#busyClients === 0) return;
      const { nodes } = this.#world;
      const lossy = nodes.filter(({ index }) => this.#plan.lossy.has(index));
      this.#strike(this.#random.pick(lossy.length > 0 && this.#random.chance(0.4) ? lossy : nodes));
      this.#disturb();
    });
  }

  #strike(node: SimNode): void {
    const random = this.#random;
    const world = this.#world;
    const inMs = (low: number, high: number) => world.nowMs + random.between(low, high);
    switch (random.below(7)) {
      case 0:
        this.#crash(node);
        break;
      case 1:
        node.store.crashAt = random.pick(['commit', 'publish'] as const);
        world.schedule(inMs(1, 40), () => this.#crash(node));
        break;
      case 2:
        world.pause(node, random.between(1, 150));
        break;
      case 3:
        world.reconnect(random.pick(world.nodes).index, node.index);
        break;
      case 4:
        node.store.refusal = failure('KV_STORAGE_FULL');
        world.schedule(inMs(5, 60), () => {
          node.store.refusal = 0;
        });
        break;
      case 5: {
        const key = random.pick(this.#plan.keys);
        const { store } = node;
        store.corrupt.add(key);
        world.schedule(inMs(5, 60), () => store.corrupt.delete(key));
        break;
      }
      case 6:
        this.#throwing.add(node.index);
    }
  }

  #crash(node: SimNode): void {
    this.#crashes++;
    this.#world.crash(node, this.#plan.lossy.has(node.index));
    const downMs = this.#random.chance(0.3) ? this.#random.between(0.1, 3) : this.#random.between(3, 200);
    this.#world.schedule(this.#world.nowMs + downMs, () => this.#world.restart(node));
  }

  #heal(): void {
    this.#world.runFor(SETTLE_MS);
    for (const node of this.#world.nodes) {
      this.#world.restart(node);
      node.store.refusal = 0;
      node.store.crashAt = undefined;
      this.#throwing.clear();
    }
    this.#world.runFor(SETTLE_MS);
  }

  /** Reads every key from all of its replicas, which repairs those that are behind. */
  #readAll(): void {
    const [client] = this.#world.clients;
    for (const key of this.#plan.keys) {
      client.read({ key, r: 3 }, { done: (call) => this.#judge.judgeCall(call) });
    }
    this.#world.runFor(SETTLE_MS);
  }
}
