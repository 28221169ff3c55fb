/**
 * A simulated world: any number of hosts, nodes and clients in one thread, under a virtual clock. Everything that happens
 * is an event at a time; whatever is left to chance comes from seeded streams, so that a seed is a run.
 */
import type { Placement } from '../actor/ports.js';
import { RingView } from '../actor/ring-view.js';
import { DamagedNodes } from '../core/damaged-nodes.js';
import { type NodeIndex, nodeIndex } from '../core/ids.js';
import type { RingState } from '../core/ring-state.js';
import { ArrivalOrder } from './arrival-order.js';
import { SimClient } from './client.js';
import { EventQueue } from './event-queue.js';
import { HostNews } from './host-news.js';
import { partsOf } from './messages.js';
import { Network } from './network.js';
import { type Random, streams } from './random.js';
import { simRing } from './ring-plan.js';
import { Scheduler } from './scheduler.js';
import { SimClock } from './sim-clock.js';
import { SimHost } from './sim-host.js';
import { SimNode } from './sim-node.js';
import { Trace } from './trace.js';
import type { WorldOptions } from './world-options.js';

export const WALL_START_MS = 1_750_000_000_000;
const DELAY_MS = [0.02, 2] as const;
const LOCAL_DELAY_MS = [0.002, 0.2] as const;
const LANE_BYTES_MAX = 64 * 1024;

export class World {
  readonly trace: Trace;
  readonly network: Network;
  readonly hosts: readonly SimHost[];
  readonly nodes: readonly SimNode[];
  readonly clients: readonly SimClient[];
  readonly n: number;
  readonly partitions: number;
  readonly laneBytesMax: number;
  /** What actors threw, newest last. */
  readonly thrown: { readonly role: string; readonly error: unknown }[] = [];
  /** Nodes that had left and have ended with hints or notes. */
  endedOwing = 0;
  /** Virtual milliseconds since the world began. */
  nowMs = 0;
  readonly #options: WorldOptions;
  readonly #streams: Readonly<Record<'network' | 'disk' | 'scheduler' | 'actors', Random>>;
  readonly #events = new EventQueue();
  readonly #order = new ArrivalOrder();
  readonly #scheduler: Scheduler;
  readonly #news: HostNews;

  constructor(options: WorldOptions) {
    const { n, clients = 1, partitions = 8, nodesPerHost = 1, laneBytesMax = LANE_BYTES_MAX } = options;
    const nodes = options.nodes + (options.spares ?? 0);
    this.#options = options;
    this.#streams = streams(options.seed, ['network', 'disk', 'scheduler', 'actors']);
    this.trace = new Trace({ keepsLines: options.keepsLines === true });
    this.n = n;
    this.partitions = partitions;
    this.laneBytesMax = laneBytesMax;
    const ring = simRing({ ...options, partitions });
    const clock = { startMs: options.startMs ?? 0, wallStartMs: WALL_START_MS };
    this.hosts = Array.from(
      { length: Math.ceil(nodes / nodesPerHost) },
      (_, index) =>
        new SimHost(index, { clock: new SimClock(() => this.nowMs, clock), ring, damaged: this.#noDamage() }),
    );
    this.#scheduler = new Scheduler({
      random: this.#streams.scheduler,
      nowMs: () => this.nowMs,
      schedule: (atMs, run) => this.schedule(atMs, run),
      onCrash: (node) => this.crash(node),
    });
    this.#news = new HostNews(this, this.#streams.network, options.delayMs ?? DELAY_MS);
    this.network = this.#makeNetwork();
    this.nodes = Array.from({ length: nodes }, (_, index) => this.#makeNode(nodeIndex(index), nodes + clients));
    this.clients = Array.from({ length: clients }, (_, seat) => new SimClient(this, seat, options.clientFaults));
    for (const node of this.nodes) this.#begin(node);
  }

  /** The first members run from the start, spares when they are told to. */
  #begin(node: SimNode): void {
    if (node.index < this.#options.nodes) {
      node.start();
      this.#scheduler.wake(node, 0);
    } else for (const host of this.hosts) host.told(node.index, false);
  }

  #makeNetwork(): Network {
    const { nodes, spares = 0, delayMs = DELAY_MS, onConnection = () => undefined } = this.#options;
    return new Network({
      nodes: nodes + spares,
      hostOf: (thread) => this.hostOf(thread).index,
      random: this.#streams.network,
      laneBytesMax: this.laneBytesMax,
      localDelayMs: LOCAL_DELAY_MS,
      delayMs,
      glitches: this.#options.glitches ?? 0,
      repeats: this.#options.repeats ?? true,
      nowMs: () => this.nowMs,
      schedule: (atMs, run) => this.schedule(atMs, run),
      onSent: (thread, dueMs) => this.schedule(dueMs, () => this.#arrive(thread)),
      reorders: this.#options.faults?.reorders === true,
      onDelivered: (lane, parcel) => {
        const { from, to } = lane;
        const { words } = parcel;
        if (!this.#order.follows(lane, parcel)) this.#options.onDisorder?.(from, to);
        this.trace.add(this.nowMs, from, to);
        this.trace.addWords(words);
      },
      onChange: (low, high) => this.#news.connectionChanged(low, high),
      onEvent: onConnection,
    });
  }

  #makeNode(index: NodeIndex, threads: number): SimNode {
    const { n, quorums, hints = {}, wrap, onCommit, faults = {} } = this.#options;
    const { siblingsMax = 64, antiEntropyMs = 600_000, collectionMs = 600_000 } = this.#options;
    return new SimNode({
      index,
      host: this.hostOf(index),
      nodes: this.#options.nodes + (this.#options.spares ?? 0),
      partitions: this.partitions,
      placement: () => this.#placement(index, this.hostOf(index)),
      quorums: quorums ?? { r: Math.floor(n / 2) + 1, w: Math.floor(n / 2) + 1 },
      network: this.network,
      random: this.#streams.actors.fork(),
      diskRandom: this.#streams.disk.fork(),
      turnRandom: this.#streams.scheduler.fork(),
      peers: Array.from({ length: threads }, (_, thread) => thread).filter((thread) => thread !== index),
      hostOf: (node) => this.hostOf(node).name,
      maySalvage: (node) => this.hostOf(node).damaged.maySalvage(node),
      antiEntropyMs,
      collectionMs,
      limits: { siblingsMax, ...hints },
      wrap: wrap ?? ((_role, behaviour) => behaviour),
      onCommit: onCommit ?? (() => undefined),
      onRestart: (role, error) => this.thrown.push({ role, error }),
      faults,
    });
  }

  #noDamage(): DamagedNodes {
    return new DamagedNodes(this.#options.n, (node) => this.nodes[node].up && this.nodes[node].doubts.size === 0);
  }

  #placement(self: NodeIndex, host: SimHost): Placement {
    return new RingView({
      ring: host.ring,
      isUp: (node) => this.isUp(node, host),
      suspects: (node) => !this.isUp(node, host) || this.nodes[self].view.suspects(node),
      publish: (ring) => host.adopt(ring),
    });
  }

  /** The newest ring that any host has adopted: what clients route by. */
  get ring(): RingState {
    return this.hosts.map(({ ring }) => ring).reduce((newest, ring) => (ring.epoch > newest.epoch ? ring : newest));
  }

  /** What the clients of a host route by: the ring that its nodes have adopted; where none runs, the host is told the newest. */
  ringOf(host: SimHost): RingState {
    return this.nodes.some((node) => node.up && this.hostOf(node.index) === host) ? host.ring : this.ring;
  }

  get slotShift(): number {
    return 14 - Math.log2(this.partitions);
  }

  /** Zone of a node, or of a client. */
  zoneOf(thread: number): string {
    return this.#options.zones?.[this.hostOf(thread).index] ?? 'zone';
  }

  /** Host of a node, or of the client in a seat behind the nodes. */
  hostOf(thread: number): SimHost {
    const { nodesPerHost = 1, spares = 0 } = this.#options;
    const nodes = this.#options.nodes + spares;
    const index = thread < nodes ? Math.floor(thread / nodesPerHost) : (thread - nodes) % this.hosts.length;
    return this.hosts[index];
  }

  /** Whether a host sees a node up; without one, whether it is. */
  isUp(node: number, host = this.hostOf(node)): boolean {
    const own = this.hostOf(node);
    if (own === host) return this.nodes[node]?.up === true;
    return this.network.connection(own.index, host.index)?.isOpen === true && host.sees(node);
  }

  /** Nodes that hold the slot's partition, the owner first; of one that moves, the old ones. */
  holders(slot: number): readonly NodeIndex[] {
    return this.ring.lists[slot >>> this.slotShift];
  }

  holdersOf(key: string): readonly NodeIndex[] {
    return this.holders(partsOf(key).slot);
  }

  /** Has `run` happen at a virtual time, behind what was scheduled for the same time before. */
  schedule(atMs: number, run: () => void): void {
    this.#events.add(Math.max(atMs, this.nowMs), run);
  }

  after(delayMs: number, run: () => void): void {
    this.schedule(this.nowMs + delayMs, run);
  }

  /** Runs what happens up to this virtual time. */
  run(untilMs: number): void {
    while (this.#events.nextMs <= untilMs) {
      const event = this.#events.take();
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
    while (!done() && this.nowMs < untilMs) this.run(Math.min(untilMs, this.#events.nextMs));
    return done();
  }

  #arrive(thread: number): void {
    const node = this.nodes[thread];
    if (node === undefined) this.clients[thread - this.nodes.length]?.takeMail();
    else this.#scheduler.mailFor(node);
  }

  /** Ends a node's life now. */
  crash(node: SimNode): void {
    if (!node.up) return;
    this.trace.add(this.nowMs, node.index, 1);
    this.trace.note(this.nowMs, () => `node ${node.index} ends`);
    node.crash();
    this.#scheduler.cancel(node);
    this.#news.of(node);
    for (const client of this.clients) client.nodeEnded(node.index);
  }

  restart(node: SimNode): void {
    if (node.up || node.departed) return;
    this.trace.add(this.nowMs, node.index, 2);
    this.trace.note(this.nowMs, () => `node ${node.index} starts`);
    node.start();
    this.#news.of(node);
    this.#scheduler.wake(node, 0);
  }

  /** Starts a node that is to join; one that had left and has ended, with nothing on its disk. */
  startAnew(node: SimNode): void {
    node.departed = false;
    this.restart(node);
  }

  /** Ends a node that has left the ring for good, and clears its disk. */
  depart(node: SimNode): void {
    if (node.hints.hints + node.hints.notes > 0) this.endedOwing++;
    this.crash(node);
    node.departed = true;
    node.released = false;
    node.disk.clear();
  }

  /** The latest time that any wall clock has shown to anybody. */
  get latestWallMs(): number {
    return this.hosts.reduce((latest, { clock }) => Math.max(latest, clock.latestWallMs), 0);
  }

  /** The node takes no turn for this long: a stopped process, a slow disk. */
  pause(node: SimNode, durationMs: number): void {
    this.trace.add(this.nowMs, node.index, 3);
    this.trace.note(this.nowMs, () => `node ${node.index} pauses for ${durationMs.toFixed(0)} ms`);
    node.pausedUntilMs = this.nowMs + durationMs;
    this.#scheduler.cancel(node);
    this.#scheduler.wake(node, 0);
  }

  /** For this long the node takes its turns late. */
  slow(node: SimNode, durationMs: number, slowness: number): void {
    this.trace.note(this.nowMs, () => `node ${node.index} is slow for ${durationMs.toFixed(0)} ms`);
    node.slowUntilMs = this.nowMs + durationMs;
    node.slowness = slowness;
  }
}
