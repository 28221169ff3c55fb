/**
 * The composition root of one process: computes the ring, allocates the shared memory, starts and supervises the node
 * threads, and hands out seats to the threads that use the store.
 */
import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { asStoreError, StoreError } from '../core/errors.js';
import type { StoreOptions } from '../core/options.js';
import { type Member, validateRing } from '../core/ring.js';
import { allMembers, firstRingState, movingPartitions, type RingState } from '../core/ring-state.js';
import { HostClock } from '../runtime/host-clock.js';
import type { ControlLink } from './control.js';
import type { DataDirectory } from './data-directory.js';
import type { NodeEvent } from './events.js';
import { firstRing, memberOf } from './first-ring.js';
import { inspectMembers, inspectNode, inspectRing } from './inspect.js';
import type { MemberReport, NodeStats, RingReport, StoreEvents } from './reports.js';
import { RingTable } from './ring-table.js';
import { type SeatParts, SeatTable } from './seat-table.js';
import { Supervisor, type SupervisorHooks } from './supervision.js';
import { allocateThreadMap, type ThreadMap } from './thread-map.js';

/** Longest time that a node which has left runs on for the requests under way. */
const RETIRE_MS_MAX = 5_000;

export class Host {
  readonly map: ThreadMap;
  /** The newest state that any node of the host has made known. */
  ring: RingState;
  readonly options: StoreOptions;
  readonly events = new EventEmitter();
  readonly #directory: DataDirectory;
  readonly #nodes = new Map<number, Supervisor>();
  readonly #seats: SeatTable;
  readonly #table: RingTable;
  /** Nodes that run and are no members yet, and such as are no members any more. */
  readonly #joining = new Set<number>();
  readonly #retiring = new Set<number>();
  #closed: Promise<void> | undefined;
  /** Events before `open` has returned. */
  #early: (() => void)[] | undefined = [];

  /** Starts every node. @throws StoreError KV_FAILURE_DOMAINS, or what a node's recovery threw */
  static async open(options: StoreOptions, directory: DataDirectory): Promise<Host> {
    const host = new Host(options, directory);
    try {
      directory.stamp(options);
      await host.#start();
      // what happened meanwhile is told once the caller could add listeners
      setImmediate(() => host.#tellEarly());
    } catch (error) {
      await host.close();
      throw error;
    }
    return host;
  }

  private constructor(options: StoreOptions, directory: DataDirectory) {
    this.options = options;
    this.#directory = directory;
    const first = firstRing(options);
    validateRing(first);
    this.ring = directory.readRing() ?? firstRingState(first);
    const { hostId, zone, nodes, nodesMax, n, partitions, memoryBytes, pairBytesMax } = options;
    const seats = options.handlesMax + 1;
    const nodeBytes = Math.floor(memoryBytes / nodes);
    const sizes = { hostId, zone, nodes: nodesMax, seats, n, partitions, nodeBytes, pairBytesMax };
    this.map = allocateThreadMap({ ...sizes, clockStartMs: HostClock.start() }, this.ring);
    this.#table = new RingTable(this.map.ring, this.map);
    this.#seats = new SeatTable(this.map, () => this.#links());
    for (const node of this.#ownMembers()) this.#nodes.set(node, this.#supervisor(node));
  }

  #supervisor(node: number): Supervisor {
    const hooks: SupervisorHooks = {
      ring: () => this.ring,
      onSpawn: (index, link) => this.#seats.introduceAll(index, link),
      onUp: (index, incarnation) => this.#emit('node-up', { node: index, incarnation }),
      onDown: (index, reason) => this.#emit('node-down', { node: index, reason }),
      onEvent: (index, event) => this.#onEvent(index, event),
    };
    const { r, w } = this.options;
    const directory = this.#directory.nodeDirectory(node);
    const settings = { ...this.options, map: this.map, node, quorums: { r, w }, directory };
    return new Supervisor(settings, hooks);
  }

  *#links(): Iterable<readonly [number, ControlLink]> {
    for (const [node, { link }] of this.#nodes) if (link !== undefined) yield [node, link];
  }

  /** A node whose log is damaged may stay down where the others can answer; any other error ends the start. */
  async #start(): Promise<void> {
    const nodes = [...this.#nodes];
    const outcomes = await Promise.allSettled(nodes.map(([, supervisor]) => supervisor.start()));
    let damaged = 0;
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') continue;
      const [node, supervisor] = nodes[index];
      const error = outcome.reason as StoreError;
      if (error.code !== 'KV_CORRUPT' || ++damaged >= this.options.n) throw error;
      await supervisor.terminate();
      this.#report(node, error);
    }
    this.#follow();
  }

  #report(node: number, thrown: unknown): void {
    const { code, message } = asStoreError(thrown);
    this.#emit('storage-error', { node, code, message });
  }

  #onEvent(node: number, event: NodeEvent): void {
    switch (event.type) {
      case 'actor-restarted':
        this.#emit('actor-restarted', { node, role: event.role, error: event.error });
        return;
      case 'overloaded':
        this.#emit('overloaded', { node, what: event.what });
        return;
      case 'liveness':
        // while the host closes, its nodes end one after the other
        if (this.#closed !== undefined) return;
        this.#emit('liveness', { node: event.about, state: event.state, reporters: event.reporters, observer: node });
        return;
      case 'ring':
        this.#adopt(node, event.ring);
        return;
      case 'tree-differs':
        this.#emit('tree-differs', { node, partition: event.partition });
        return;
      case 'log-cut':
        this.#emit('log-cut', { node, segment: event.segment, bytes: event.bytes });
        return;
      default:
        this.#emit('storage-error', { node, code: event.error.code, message: event.error.message });
    }
  }

  #emit<Name extends keyof StoreEvents>(name: Name, detail: StoreEvents[Name]): void {
    if (this.#early === undefined) this.events.emit(name, detail);
    else if (name !== 'node-up') this.#early.push(() => this.events.emit(name, detail));
  }

  #tellEarly(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const tell of early) tell();
  }

  /** Takes a free seat for a thread. @throws StoreError KV_TOO_MANY_HANDLES, KV_CLOSED */
  takeSeat(replaceBell: (node: number, bell: MessagePort) => void): SeatParts {
    if (this.#closed !== undefined) throw new StoreError('KV_CLOSED', 'the store is closed');
    return this.#seats.take(replaceBell);
  }

  /** The thread of a seat is gone, or done. */
  releaseSeat(seat: number): Promise<void> {
    return this.#seats.release(seat);
  }

  /** A node has decided or learned a newer ring: kept on disk, then shown to every thread, before a node routes by it. */
  #adopt(node: number, ring: RingState): void {
    if (ring.epoch <= this.ring.epoch || this.#closed !== undefined) return;
    try {
      this.#directory.writeRing(ring);
    } catch (error) {
      this.#report(node, error);
      return;
    }
    this.ring = ring;
    this.#table.write(ring);
    this.#emit('ring-changed', { epoch: ring.epoch, moving: movingPartitions(ring).length });
    this.#follow();
  }

  /** Starts the members of this host that do not run, and ends the nodes that have left. */
  #follow(): void {
    const wanted = this.#ownMembers();
    for (const node of wanted) {
      this.#joining.delete(node);
      if (!this.#nodes.has(node)) this.#addNode(node).catch((error: unknown) => this.#report(node, error));
    }
    if (this.ring.move !== undefined) return;
    for (const node of this.#nodes.keys()) if (!this.#isWanted(node)) void this.#retire(node);
  }

  #ownMembers(): number[] {
    return allMembers(this.ring)
      .filter(({ host }) => host === this.options.hostId)
      .map(({ node }) => node);
  }

  #isWanted(node: number): boolean {
    return this.#joining.has(node) || this.#ownMembers().includes(node);
  }

  /**
   * Starts a node that is to join, under the lowest free index, with nothing on its disk.
   * @throws StoreError KV_INVALID_OPTION where there is no room, or what the node's start threw
   */
  async startJoining(weight: number): Promise<Member> {
    let node = 0;
    while (this.#nodes.has(node) || this.ring.members.some((member) => member.node === node)) node++;
    if (node >= this.map.nodes) {
      const message = `there is room for ${this.map.nodes} nodes; open the store with a larger nodesMax`;
      throw new StoreError('KV_INVALID_OPTION', message, { option: 'nodesMax' });
    }
    this.#joining.add(node);
    try {
      this.#directory.clearNode(node);
      await this.#addNode(node);
    } catch (error) {
      await this.cancelJoining(node);
      throw error;
    }
    return memberOf(this.options, node, weight);
  }

  /** The node that was started did not become a member. */
  async cancelJoining(node: number): Promise<void> {
    if (!this.#joining.delete(node) || this.#isWanted(node)) return;
    await this.#nodes.get(node)?.close();
    this.#nodes.delete(node);
  }

  async #addNode(node: number): Promise<void> {
    const supervisor = this.#supervisor(node);
    this.#nodes.set(node, supervisor);
    await supervisor.start();
  }

  /** Ends a node that has left, once requests that were on their way to it have had their time. */
  async #retire(node: number): Promise<void> {
    if (this.#retiring.has(node)) return;
    this.#retiring.add(node);
    await sleep(Math.min(this.options.deadlineMs, RETIRE_MS_MAX), undefined, { ref: false });
    this.#retiring.delete(node);
    const supervisor = this.#nodes.get(node);
    if (supervisor === undefined || this.#closed !== undefined || this.#isWanted(node)) return;
    await supervisor.close();
    this.#nodes.delete(node);
    this.#directory.clearNode(node);
  }

  ringReport(): RingReport {
    return inspectRing(this.ring);
  }

  members(): MemberReport[] {
    return inspectMembers(this.map, this.ring);
  }

  stats(): NodeStats[] {
    return this.nodes.map((node) => inspectNode(this.map, node, this.#seats.values()));
  }

  /** The supervisor of a node; for tests of its loss. */
  supervisor(node: number): Supervisor {
    return this.#nodes.get(node) as Supervisor;
  }

  /** The nodes of this host that run, or should. */
  get nodes(): number[] {
    return [...this.#nodes.keys()].sort((a, b) => a - b);
  }

  /** Stops every node cleanly and releases the directory. */
  close(): Promise<void> {
    this.#closed ??= Promise.all([...this.#nodes.values()].map((supervisor) => supervisor.close())).then(() => {
      this.#directory.release();
    });
    return this.#closed;
  }
}
