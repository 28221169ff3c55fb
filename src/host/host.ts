/**
 * The composition root of one process: computes the ring, allocates the shared memory, starts and supervises the node
 * threads, and hands out seats to the threads that use the store.
 */
import { EventEmitter } from 'node:events';
import { hostname } from 'node:os';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { claim } from '../core/claim.js';
import { StoreError } from '../core/errors.js';
import { epoch, nodeIndex } from '../core/ids.js';
import type { StoreOptions } from '../core/options.js';
import { walk } from '../core/preference-list.js';
import { type RingMap, validateRing } from '../core/ring.js';
import { HostClock } from '../runtime/host-clock.js';
import { allocateMailbox } from '../runtime/mailbox.js';
import type { ControlLink } from './control.js';
import type { DataDirectory } from './data-directory.js';
import type { NodeEvent } from './events.js';
import { inspectMembers, inspectNode, inspectRing } from './inspect.js';
import type { MemberReport, NodeStats, RingReport, StoreEvents } from './reports.js';
import { Supervisor, type SupervisorHooks } from './supervision.js';
import { allocateThreadMap, type ThreadMap } from './thread-map.js';

/** What a thread needs to take part: mailboxes to and from each node, and the bells that wake it. */
export interface SeatParts {
  readonly seat: number;
  /** Tells this thread from earlier ones on the same seat, whose late replies are not its own; 12 bits. */
  readonly tenancy: number;
  /** To each node. */
  readonly outboxes: readonly SharedArrayBuffer[];
  /** From each node. */
  readonly inboxes: readonly SharedArrayBuffer[];
}

interface TakenSeat extends SeatParts {
  /** Gives the seat's thread the bell of a node that was started anew. */
  readonly replaceBell: (node: number, bell: MessagePort) => void;
}

export class Host {
  readonly map: ThreadMap;
  readonly ring: RingMap;
  readonly options: StoreOptions;
  readonly events = new EventEmitter();
  readonly #directory: DataDirectory;
  readonly #supervisors: Supervisor[] = [];
  readonly #seats = new Map<number, TakenSeat>();
  #closed: Promise<void> | undefined;
  #tenancy = 0;
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
    this.ring = ringOf(options);
    validateRing(this.ring);
    const { hostId, zone, nodes, n, partitions, memoryBytes, pairBytesMax } = options;
    const seats = options.handlesMax + 1;
    const sizes = { hostId, zone, nodes, seats, n, partitions, memoryBytes, pairBytesMax };
    const owners = claim(this.ring);
    const walks = owners.map((_, partition) => walk(this.ring, owners, partition));
    this.map = allocateThreadMap({ ...sizes, clockStartMs: HostClock.start() }, walks);
    for (let node = 0; node < nodes; node++) this.#supervisors.push(this.#supervisor(node));
  }

  #supervisor(node: number): Supervisor {
    const {
      syncIntervalMs,
      logBytesMax,
      mapBytesMax,
      compression,
      clockDriftMaxMs,
      siblingsMax,
      pairBytesMax,
      gossip,
    } = this.options;
    const hooks: SupervisorHooks = {
      onSpawn: (index, link) => this.#seat(index, link),
      onUp: (index, incarnation) => this.#emit('node-up', { node: index, incarnation }),
      onDown: (index, reason) => this.#emit('node-down', { node: index, reason }),
      onEvent: (index, event) => this.#onEvent(index, event),
    };
    const settings = {
      map: this.map,
      node,
      directory: this.#directory.nodeDirectory(node),
      syncIntervalMs,
      logBytesMax,
      mapBytesMax,
      compression,
      clockDriftMaxMs,
      siblingsMax,
      pairBytesMax,
      gossip,
    };
    return new Supervisor(settings, hooks);
  }

  /** A node whose log is damaged may stay down where the others can answer; any other error ends the start. */
  async #start(): Promise<void> {
    const outcomes = await Promise.allSettled(this.#supervisors.map((supervisor) => supervisor.start()));
    let damaged = 0;
    for (const [node, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') continue;
      const error = outcome.reason as StoreError;
      if (error.code !== 'KV_CORRUPT' || ++damaged >= this.options.n) throw error;
      await this.#supervisors[node].terminate();
      this.#emit('storage-error', { node, code: error.code, message: error.message });
    }
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
    let seat = 0;
    while (this.#seats.has(seat)) seat++;
    if (seat >= this.map.seats) {
      const { handlesMax } = this.options;
      throw new StoreError(
        'KV_TOO_MANY_HANDLES',
        `all ${handlesMax} seats are taken; raise handlesMax or close a store`,
      );
    }
    const boxes = () => Array.from({ length: this.map.nodes }, () => allocateMailbox(this.map.mailboxBytes));
    this.#tenancy = (this.#tenancy + 1) & 0xfff;
    const taken = { seat, tenancy: this.#tenancy, outboxes: boxes(), inboxes: boxes(), replaceBell };
    this.#seats.set(seat, taken);
    for (const [node, { link }] of this.#supervisors.entries()) {
      if (link !== undefined) void this.#introduce(taken, node, link, true).catch(() => undefined);
    }
    return taken;
  }

  async #introduce(taken: TakenSeat, node: number, link: ControlLink, fresh: boolean): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    taken.replaceBell(node, port1);
    const { seat, outboxes, inboxes } = taken;
    await link.attachSeat({ seat, inbox: outboxes[node], outbox: inboxes[node], fresh }, port2);
  }

  async #seat(node: number, link: ControlLink): Promise<void> {
    await Promise.all([...this.#seats.values()].map((taken) => this.#introduce(taken, node, link, false)));
  }

  /** The thread of a seat is gone, or done. */
  async releaseSeat(seat: number): Promise<void> {
    if (!this.#seats.delete(seat)) return;
    const links = this.#supervisors.map(({ link }) => link?.detachSeat(seat));
    await Promise.allSettled(links);
  }

  ringReport(): RingReport {
    return inspectRing(this.ring);
  }

  members(): MemberReport[] {
    return inspectMembers(this.map, this.ring);
  }

  stats(): NodeStats[] {
    return this.#supervisors.map((_, node) => inspectNode(this.map, node, this.#seats.values()));
  }

  /** The supervisor of a node; for tests of its loss. */
  supervisor(node: number): Supervisor {
    return this.#supervisors[node];
  }

  /** Stops every node cleanly and releases the directory. */
  close(): Promise<void> {
    this.#closed ??= Promise.all(this.#supervisors.map((supervisor) => supervisor.close())).then(() => {
      this.#directory.release();
    });
    return this.#closed;
  }
}

/** The first ring of a host: each of its nodes a member. */
function ringOf(options: StoreOptions): RingMap {
  const { nodes, n, partitions, failureDomain, weights, hostId, zone } = options;
  const machine = hostname();
  const members = Array.from({ length: nodes }, (_, index) => ({
    node: nodeIndex(index),
    host: hostId,
    machine,
    zone,
    weight: weights[index],
  }));
  return { epoch: epoch(1), partitions, n, failureDomain, members };
}
