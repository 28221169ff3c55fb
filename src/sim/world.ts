/**
 * The simulated world: any number of nodes and clients in one thread, under a virtual clock. Everything that happens is an
 * event at a time; whatever is left to chance (delays, batches, faults) comes from one seed, so that a seed is a run.
 */

import type { Placement } from '../actor/ports.js';
import { settledPlacement } from '../actor/settled-placement.js';
import { claim } from '../core/claim.js';
import { type NodeIndex, nodeIndex } from '../core/ids.js';
import { walk } from '../core/preference-list.js';
import { SimClient } from './client.js';
import { Network } from './network.js';
import { Random } from './random.js';
import { ringOf } from './ring-plan.js';
import { SimNode, type StorageFaults, type Wrap } from './sim-node.js';
import { NodeCrash } from './sim-store.js';
import { Trace } from './trace.js';

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly n: number;
  readonly clients?: number;
  readonly partitions?: number;
  readonly siblingsMax?: number;
  /** Nodes of one process; 1 puts each in a process of its own. */
  readonly nodesPerHost?: number;
  readonly delayMs?: readonly [number, number];
  readonly laneBytesMax?: number;
  readonly reconnects?: number;
  /** The host's clock when the world begins. */
  readonly startMs?: number;
  readonly wrap?: Wrap;
  readonly onCommit?: (node: SimNode, words: Int32Array<ArrayBuffer>, sequence: number) => void;
  readonly faults?: StorageFaults;
}

interface Event {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
}

const WALL_START_MS = 1_750_000_000_000;
const TURN_DELAY_MS_MAX = 0.3;

export class World {
  readonly random: Random;
  readonly trace = new Trace();
  readonly network: Network;
  readonly nodes: readonly SimNode[];
  readonly clients: readonly SimClient[];
  readonly n: number;
  readonly partitions: number;
  /** Nodes of each partition, n of them, the owner first. */
  readonly preference: Uint16Array;
  /** The other nodes of each partition, in the order in which they stand in. */
  readonly fallbacks: Uint16Array;
  /** What actors threw, newest last. */
  readonly thrown: { readonly role: string; readonly error: unknown }[] = [];
  /** Virtual milliseconds since the world began. */
  nowMs = 0;
  readonly #options: WorldOptions;
  readonly #events: Event[] = [];
  readonly #turnAtMs: number[] = [];
  #order = 0;

  constructor(options: WorldOptions) {
    const { nodes, n, clients = 1, partitions = 8 } = options;
    this.#options = options;
    this.random = new Random(options.seed);
    this.n = n;
    this.partitions = partitions;
    const ring = ringOf({ weights: new Array(nodes).fill(1), n, partitions });
    const owners = claim(ring);
    const walks = owners.map((_, partition) => walk(ring, owners, partition));
    this.preference = Uint16Array.from(walks.flatMap((nodesOf) => nodesOf.slice(0, n)));
    this.fallbacks = Uint16Array.from(walks.flatMap((nodesOf) => nodesOf.slice(n)));
    this.network = new Network({
      nodes,
      random: this.random.fork(),
      laneBytesMax: options.laneBytesMax ?? 64 * 1024,
      delayMs: options.delayMs ?? [0.02, 2],
      reconnects: options.reconnects ?? 0,
      nowMs: () => this.nowMs,
      schedule: (atMs, run) => this.schedule(atMs, run),
      onSent: (thread, dueMs) => this.schedule(dueMs, () => this.#arrive(thread)),
      onDelivered: (from, to, words) => {
        this.trace.add(this.nowMs, from, to);
        this.trace.addWords(words);
      },
    });
    this.nodes = Array.from({ length: nodes }, (_, index) => this.#makeNode(nodeIndex(index), nodes + clients));
    this.clients = Array.from({ length: clients }, (_, seat) => new SimClient(this, seat));
    for (const node of this.nodes) this.#wake(node, 0);
  }

  #makeNode(index: NodeIndex, threads: number): SimNode {
    const { nodesPerHost = 1, siblingsMax = 64, wrap, onCommit, faults = {} } = this.#options;
    return new SimNode({
      index,
      placement: this.#placement(index),
      network: this.network,
      random: this.random.fork(),
      peers: Array.from({ length: threads }, (_, thread) => thread).filter((thread) => thread !== index),
      hostOf: (node) => `host-${Math.floor(node / nodesPerHost)}`,
      nowMs: () => this.clockMs,
      wallMs: () => this.wallMs,
      siblingsMax,
      wrap: wrap ?? ((_role, behaviour) => behaviour),
      onCommit: onCommit ?? (() => undefined),
      onRestart: (role, error) => this.thrown.push({ role, error }),
      faults,
    });
  }

  #placement(self: NodeIndex): Placement {
    return settledPlacement({
      n: this.n,
      partitions: this.partitions,
      preference: this.preference,
      fallbacks: this.fallbacks,
      isUp: (node) => this.isUp(node),
      suspects: (node) => !this.isUp(node) || this.nodes[self].view.suspects(node),
      members: Array.from({ length: this.#options.nodes }, (_, index) => nodeIndex(index)),
    });
  }

  get slotShift(): number {
    return 14 - Math.log2(this.partitions);
  }

  /** The host's monotonic clock: whole milliseconds in 32 bits. */
  get clockMs(): number {
    return ((this.#options.startMs ?? 0) + Math.floor(this.nowMs)) >>> 0;
  }

  get wallMs(): number {
    return WALL_START_MS + Math.floor(this.nowMs);
  }

  isUp(node: number): boolean {
    return this.nodes[node]?.up === true;
  }

  /** Nodes that hold the slot's partition, the owner first. */
  holders(slot: number): readonly NodeIndex[] {
    const first = (slot >>> this.slotShift) * this.n;
    return [...this.preference.subarray(first, first + this.n)].map(nodeIndex);
  }

  /** Has `run` happen at a virtual time, behind what was scheduled for the same time before. */
  schedule(atMs: number, run: () => void): void {
    const event = { atMs: Math.max(atMs, this.nowMs), order: this.#order++, run };
    const events = this.#events;
    let child = events.push(event) - 1;
    for (let parent = (child - 1) >>> 1; child > 0 && isBefore(event, events[parent]); parent = (child - 1) >>> 1) {
      events[child] = events[parent];
      child = parent;
    }
    events[child] = event;
  }

  /** Runs what happens up to this virtual time. */
  run(untilMs: number): void {
    while (this.#events.length > 0 && this.#events[0].atMs <= untilMs) {
      const event = takeFirst(this.#events);
      this.nowMs = event.atMs;
      event.run();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  /** Runs on for this long. */
  runFor(durationMs: number): void {
    this.run(this.nowMs + durationMs);
  }

  /** Runs until `done` or the time is over; whether it is done. */
  runUntil(done: () => boolean, durationMs = 10_000): boolean {
    const untilMs = this.nowMs + durationMs;
    while (!done() && this.nowMs < untilMs) this.run(Math.min(untilMs, this.#events[0]?.atMs ?? untilMs));
    return done();
  }

  #arrive(thread: number): void {
    const node = this.nodes[thread];
    if (node === undefined) this.clients[thread - this.nodes.length]?.takeMail();
    else this.#wake(node, this.random.between(0, TURN_DELAY_MS_MAX));
  }

  /** Has the node take a turn in a while, unless it is to take one before that. */
  #wake(node: SimNode, inMs: number): void {
    if (!node.up) return;
    const atMs = Math.max(this.nowMs + inMs, node.pausedUntilMs);
    if ((this.#turnAtMs[node.index] ?? Number.POSITIVE_INFINITY) <= atMs) return;
    this.#turnAtMs[node.index] = atMs;
    const { life } = node;
    this.schedule(atMs, () => {
      if (this.#turnAtMs[node.index] !== atMs || node.life !== life || !node.up) return;
      this.#turnAtMs[node.index] = Number.POSITIVE_INFINITY;
      if (node.pausedUntilMs > this.nowMs) this.#wake(node, 0);
      else this.#turn(node);
    });
  }

  #turn(node: SimNode): void {
    const quota = this.random.chance(0.5) ? Number.POSITIVE_INFINITY : 1 + this.random.below(4);
    try {
      node.turn(quota);
    } catch (error) {
      if (!(error instanceof NodeCrash)) throw error;
      this.crash(node);
      return;
    }
    if (node.hasMail) this.#wake(node, this.random.between(0, TURN_DELAY_MS_MAX));
    const untilMs = node.untilTimerMs;
    // virtual time runs in fractions, the host's clock in whole milliseconds: due only when that one has moved
    if (untilMs < Number.POSITIVE_INFINITY) this.#wake(node, Math.max(0, untilMs - (this.nowMs % 1)));
  }

  /** Ends a node's life now. `loseUnsynced`: so does its machine. */
  crash(node: SimNode, loseUnsynced = false): void {
    if (!node.up) return;
    this.trace.add(this.nowMs, node.index, Number(loseUnsynced), 1);
    node.crash({ loseUnsynced });
    this.#turnAtMs[node.index] = Number.POSITIVE_INFINITY;
    for (const client of this.clients) client.nodeEnded(node.index);
  }

  restart(node: SimNode): void {
    if (node.up) return;
    this.trace.add(this.nowMs, node.index, 2);
    node.start();
    this.#wake(node, 0);
  }

  /** The node takes no turn for this long: a stopped process, a slow disk. */
  pause(node: SimNode, durationMs: number): void {
    this.trace.add(this.nowMs, node.index, 3);
    node.pausedUntilMs = this.nowMs + durationMs;
    this.#turnAtMs[node.index] = Number.POSITIVE_INFINITY;
    this.#wake(node, 0);
  }

  /** The lane between two nodes is cut and made anew: what it delivered last comes once more. */
  reconnect(from: number, to: number): void {
    this.trace.add(this.nowMs, from, to, 4);
    this.network.lane(from, to).reconnect();
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function takeFirst(events: Event[]): Event {
  const first = events[0];
  const last = events.pop() as Event;
  if (events.length === 0) return first;
  let parent = 0;
  for (;;) {
    let child = parent * 2 + 1;
    if (child >= events.length) break;
    if (child + 1 < events.length && isBefore(events[child + 1], events[child])) child++;
    if (!isBefore(events[child], last)) break;
    events[parent] = events[child];
    parent = child;
  }
  events[parent] = last;
  return first;
}
