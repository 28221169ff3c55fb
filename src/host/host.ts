/**
 * The composition root of one process: computes the ring, allocates the shared memory, starts and supervises the node
 * threads, and hands out seats to the threads that use the store.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { asStoreError, StoreError } from '../core/errors.js';
import { claimOf } from '../core/host-claims.js';
import type { StoreOptions } from '../core/options.js';
import { validateRing } from '../core/ring.js';
import { allMembers, firstRingState, movingPartitions, type RingState } from '../core/ring-state.js';
import { HostClock } from '../runtime/host-clock.js';
import { bridgeThread } from '../runtime/post-office.js';
import type { DataDirectory } from './data-directory.js';
import type { NodeEvent } from './events.js';
import { firstRing } from './first-ring.js';
import { inspectHosts, inspectMembers, inspectNode, inspectRing } from './inspect.js';
import { NodeThreads } from './node-threads.js';
import { OtherHosts } from './other-hosts.js';
import type { HostReport, MemberReport, NodeStats, RingReport, StoreEvents } from './reports.js';
import { RingTable } from './ring-table.js';
import { type SeatLink, type SeatParts, SeatTable } from './seat-table.js';
import { StoreEmitter } from './store-emitter.js';
import { Supervisor, type SupervisorHooks } from './supervision.js';
import { allocateThreadMap, Life, localNodes, movedSoFar, Status, type ThreadMap } from './thread-map.js';

/** For other hosts to hear of it, and for answers to be on their way. */
const LEAVE_MS = 400;
const ONLOOK_MS = 1_000;

export class Host {
  readonly map: ThreadMap;
  /** The newest state that any node of the host has made known. */
  ring: RingState;
  readonly options: StoreOptions;
  readonly events = new StoreEmitter();
  readonly threads: NodeThreads;
  readonly others: OtherHosts;
  readonly #directory: DataDirectory;
  /** Nodes that had a directory when the host began. */
  readonly #known: ReadonlySet<number>;
  readonly #seats: SeatTable;
  readonly #table: RingTable;
  readonly #renewed = new Set<number>();
  #onlooking: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;
  /** Events before `open` has returned. */
  #early: (() => void)[] | undefined = [];

  /** Starts every node. @throws StoreError KV_FAILURE_DOMAINS, or what a node's recovery threw */
  static async open(options: StoreOptions, directory: DataDirectory): Promise<Host> {
    const host = new Host(options, directory);
    try {
      directory.stamp(options);
      await host.others.start();
      // before a node mints anything: its directory may be an older copy
      await host.others.hear();
      await host.threads.start();
      host.others.onOvertaken = (node) => host.#renew(node);
      for (const node of host.threads.nodes) host.#renew(node);
      await host.others.meet();
      host.#lookOn();
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
    const kept = directory.readRing();
    this.ring = kept ?? made(options);
    // the nodes of a new directory are new, unless the cluster knows them: then their disks were lost
    const isFirst = directory.isNew && kept === undefined;
    this.#known = new Set(isFirst ? [] : allMembers(this.ring).map(({ node }) => node));
    const { hostId, zone, nodes, nodesMax, n, partitions, memoryBytes, pairBytesMax } = options;
    const { firstNode } = directory.readHosts();
    const seats = options.handlesMax + 1;
    const nodeBytes = Math.floor(memoryBytes / nodes);
    // nodes that joined when there was more room keep theirs
    const own = allMembers(this.ring).filter(({ host }) => host === hostId);
    const wanted = Math.max(nodesMax, ...own.map(({ node }) => node + 1 - firstNode));
    // what is behind its range may be another host's
    const room = Math.min(wanted, claimOf(this.ring.hosts, hostId)?.room ?? wanted);
    const hasBridge = options.listen !== undefined;
    const sizes = { hostId, zone, hasBridge, first: firstNode, room, seats, n, partitions, nodeBytes, pairBytesMax };
    this.map = allocateThreadMap({ ...sizes, clockStartMs: HostClock.start() }, this.ring);
    this.#table = new RingTable(this.map.ring, this.map);
    this.#seats = new SeatTable(this.map, () => this.#links());
    this.threads = new NodeThreads({
      map: this.map,
      options,
      directory,
      ring: () => this.ring,
      supervisor: (node, isKnown) => this.#supervisor(node, isKnown),
      report: (node, error) => this.report(node, error),
      onLeft: (node, left) => this.#emit('node-left', { node, ...left }),
    });
    this.others = new OtherHosts({
      map: this.map,
      options,
      directory,
      ring: () => this.ring,
      introduce: async (bridge) => {
        await this.#seats.introduceAll(bridgeThread(this.map), bridge);
        // not waited for: a node answers only when it has recovered
        for (const [node, link] of this.threads.links()) bridge.introduce(node, link).catch(() => undefined);
      },
      emit: (name, detail) => {
        if (this.#closed === undefined) this.#emit(name, detail);
      },
      report: (error) => this.report(this.map.first, error),
    });
  }

  get isClosed(): boolean {
    return this.#closed !== undefined;
  }

  *#links(): Iterable<readonly [thread: number, link: SeatLink]> {
    for (const [node, link] of this.threads.links()) yield [node - this.map.first, link];
    if (this.others.link !== undefined) yield this.others.link;
  }

  #supervisor(node: number, isKnown = this.#known.has(node)): Supervisor {
    const hooks: SupervisorHooks = {
      ring: () => this.ring,
      overtakenBy: (index) => this.others.overtakenBy(index),
      onSpawn: async (index, link) => {
        await this.#seats.introduceAll(index - this.map.first, link);
        await this.others.introduce(index, link);
      },
      onUp: (index, incarnation) => {
        this.#renew(index);
        this.#emit('node-up', { node: index, incarnation });
      },
      maySalvage: (index) => this.threads.maySalvage(index),
      onDown: (index, reason) => this.#emit('node-down', { node: index, reason }),
      onEvent: (index, event) => this.#onEvent(index, event),
    };
    const { r, w } = this.options;
    const directory = this.#directory.nodeDirectory(node);
    const settings = { ...this.options, map: this.map, node, quorums: { r, w }, directory, isKnown };
    return new Supervisor(settings, hooks);
  }

  /** A node that serves, and that others know more of, ends: its next life begins as one of an older copy. Once is enough. */
  #renew(node: number): void {
    if (this.#closed !== undefined || this.#renewed.has(node) || this.others.overtakenBy(node) === undefined) return;
    // Atomics: acquire; a life that does not serve yet may have been told, and is looked at again when it does
    if (Atomics.load(new Int32Array(this.map.status), node * Status.line + Status.up) === Life.down) return;
    this.#renewed.add(node);
    this.supervisor(node)
      .terminate()
      .catch(() => undefined);
  }

  /** Tells whoever listens what went wrong. */
  report(node: number, thrown: unknown): void {
    const { code, message } = asStoreError(thrown);
    this.#emit('storage-error', { node, code, message });
  }

  #onEvent(node: number, event: NodeEvent): void {
    switch (event.type) {
      case 'actor-restarted':
        this.#emit('actor-restarted', { node, role: event.role, error: event.error });
        return;
      case 'liveness':
        // while the host closes, its nodes end one after the other
        if (this.#closed !== undefined) return;
        this.#emit('liveness', { node: event.about, state: event.state, reporters: event.reporters, observer: node });
        return;
      case 'ring':
        this.#adopt(node, event.ring);
        return;
      case 'overloaded':
      case 'writes-may-be-lost':
      case 'tree-differs':
      case 'log-cut':
      case 'log-damaged':
      case 'base-damaged': {
        const { type, ...detail } = event;
        this.#emit(type, { node, ...detail } as StoreEvents[typeof type]);
        return;
      }
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
      this.report(node, error);
      return;
    }
    this.ring = ring;
    this.#table.write(ring);
    this.others.follow(ring);
    this.#emit('ring-changed', { epoch: ring.epoch, moving: movingPartitions(ring).length });
    this.threads.follow();
  }

  /** Without a node that is a member, the ring is asked for now and then: requests are routed by it. */
  #lookOn(): void {
    if (this.others.link === undefined) return;
    this.#onlooking = setInterval(() => {
      if (this.others.isOnlooker) this.learnRing().catch(() => undefined);
    }, ONLOOK_MS).unref();
  }

  /** Asks the other hosts for the ring, as long as no node of this one follows it. */
  async learnRing(): Promise<void> {
    const ring = await this.others.learnRing();
    if (ring !== undefined) this.#adopt(this.map.first, ring);
  }

  ringReport(): RingReport {
    return { clusterName: this.options.clusterName, ...inspectRing(this.ring), moved: movedSoFar(this.map) };
  }

  hosts(): HostReport[] {
    return inspectHosts(this.map, this.ring, this.others.addresses).map((report) => {
      const refusal = report.state === 'down' ? this.others.refusalOf(report.host) : undefined;
      return refusal === undefined ? report : { ...report, refusal };
    });
  }

  members(): MemberReport[] {
    return inspectMembers(this.map, this.ring);
  }

  stats(): NodeStats[] {
    return this.threads.nodes.map((node) => inspectNode(this.map, node, this.#seats.values()));
  }

  /** The supervisor of a node; for tests of its loss. */
  supervisor(node: number): Supervisor {
    return this.threads.supervisor(node);
  }

  /** Where there are other hosts: they stop asking the nodes of this one, which answer what they were asked before. */
  async #leaveQuietly(): Promise<void> {
    clearInterval(this.#onlooking);
    if (!this.others.hasCompany) return;
    this.threads.releaseLeavers();
    const status = new Int32Array(this.map.status);
    for (const node of localNodes(this.map)) {
      // Atomics: RMW; only of a node that is up
      Atomics.compareExchange(status, node * Status.line + Status.up, Life.up, Life.draining);
    }
    await sleep(LEAVE_MS);
  }

  /** Stops every node cleanly and releases the directory. */
  close(): Promise<void> {
    this.#closed ??= this.#leaveQuietly()
      .then(() => this.threads.close())
      .then(() => this.others.close())
      .then(() => this.#directory.release());
    return this.#closed;
  }
}

/** The ring of a directory that is new, or whose ring has never changed. @throws StoreError KV_FAILURE_DOMAINS */
function made(options: StoreOptions): RingState {
  const first = firstRing(options);
  validateRing(first);
  return firstRingState(first);
}
