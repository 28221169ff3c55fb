/**
 * The node threads of a host: those of its members, which follow the ring as it changes, and those that were started in
 * order to join. A node that has left runs on for a while, for the requests that were on their way to it and for its hints.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { DamagedNodes } from '../core/damaged-nodes.js';
import { StoreError } from '../core/errors.js';
import type { StoreOptions } from '../core/options.js';
import type { Member } from '../core/ring.js';
import { allMembers, type RingState } from '../core/ring-state.js';
import { Count } from '../runtime/counters.js';
import { beyondHelp, isOfNodeFile, isSalvageable } from '../storage/log-damage.js';
import type { ControlLink } from './control.js';
import type { DataDirectory } from './data-directory.js';
import { memberOf } from './first-ring.js';
import type { Supervisor } from './supervision.js';
import { Life, Status, type ThreadMap } from './thread-map.js';

export interface NodeThreadsParts {
  readonly map: ThreadMap;
  readonly options: StoreOptions;
  readonly directory: DataDirectory;
  readonly ring: () => RingState;
  /** `isKnown`: the node has had a directory, whatever the host knew when it began. */
  readonly supervisor: (node: number, isKnown?: boolean) => Supervisor;
  readonly report: (node: number, error: unknown) => void;
  /** A node that has left has ended, with what it had not handed over. */
  readonly onLeft: (node: number, left: { readonly hints: number; readonly notes: number }) => void;
}

/** Longest time that a node which has left runs on for requests, and then for hints and notes: what is left others repair. */
const REQUESTS_MS_MAX = 5_000;
const HINTS_MS_MAX = 60_000;
const RELEASE_MS_MAX = 10_000;
const LOOK_MS = 50;

export class NodeThreads {
  readonly #parts: NodeThreadsParts;
  readonly #nodes = new Map<number, Supervisor>();
  /** Nodes that run and are no members yet, and such as are no members any more. */
  readonly #joining = new Set<number>();
  readonly #retiring = new Set<number>();
  /** Nodes that are being cleared, to begin anew. */
  readonly #renewing = new Set<number>();
  readonly #damaged: DamagedNodes;
  #isClosing = false;

  constructor(parts: NodeThreadsParts) {
    this.#parts = parts;
    this.#damaged = new DamagedNodes(parts.options.n, (node) => this.#countsAgain(node));
    // those that have left, too: a former process ended before they had delivered what they have for others
    for (const node of [...this.#members(), ...this.#leavers()]) this.#nodes.set(node, parts.supervisor(node));
  }

  /**
   * Starts every member. Where fewer than N of them are damaged, one whose log, base table or `node.json` is goes on with what is
   * intact, and one with another damaged file stays down; the others make up for both.
   * @throws StoreError what a start threw; KV_CORRUPT where as many are damaged as there are replicas
   */
  async start(): Promise<void> {
    const nodes = [...this.#nodes];
    const outcomes = await Promise.allSettled(nodes.map(([, supervisor]) => supervisor.start()));
    const failed = outcomes.flatMap((outcome, index) => {
      if (outcome.status === 'fulfilled') return [];
      return [{ node: nodes[index][0], error: outcome.reason as StoreError }];
    });
    const other = failed.find(({ error }) => error.code !== 'KV_CORRUPT');
    if (other !== undefined) throw other.error;
    for (const { node } of failed) this.#damaged.add(node);
    const { n } = this.#parts.options;
    if (failed.length >= n) throw beyondHelp(failed[0].error, n);
    const ends = await Promise.allSettled(failed.map(({ node, error }) => this.#goOn(node, error)));
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
    this.follow();
  }

  /** What becomes of a node whose first start has found it damaged, where the others can make up for it. */
  async #goOn(node: number, error: StoreError): Promise<void> {
    const supervisor = this.supervisor(node);
    if (isSalvageable(error)) {
      if (isOfNodeFile(error.details)) this.#parts.report(node, error);
      await supervisor.salvage();
      return;
    }
    await supervisor.terminate();
    this.#parts.report(node, error);
  }

  /**
   * Whether a node whose log was found damaged goes on with what is intact of it. Fewer than N nodes of a host may be damaged
   * at a time, as when it opens.
   */
  maySalvage(node: number): boolean {
    return this.#damaged.maySalvage(node);
  }

  #countsAgain(node: number): boolean {
    const { map } = this.#parts;
    // Atomics: acquire; what a node counts it has written before
    const isUp = Atomics.load(new Int32Array(map.status), node * Status.line + Status.up) !== Life.down;
    return isUp && new Int32Array(map.counters[node])[Count.inDoubt] === 0;
  }

  /** Starts the members of this host that do not run, and ends the nodes that have left. */
  follow(): void {
    if (this.#isClosing) return;
    for (const node of this.#members()) {
      this.#joining.delete(node);
      if (!this.#nodes.has(node)) void this.#add(node).keepUp();
    }
    if (this.#parts.ring().move !== undefined) return;
    for (const node of this.#nodes.keys()) {
      if (!this.#isWanted(node)) this.#retire(node).catch((error: unknown) => this.#parts.report(node, error));
    }
  }

  #members(): number[] {
    const { ring, options } = this.#parts;
    return allMembers(ring())
      .filter(({ host }) => host === options.hostId)
      .map(({ node }) => node);
  }

  /** Nodes of this host that have left, as long as the ring waits for what they may still deliver. */
  #leavers(): number[] {
    const { map, ring } = this.#parts;
    return ring().leavers.filter((node) => node >= map.first && node < map.first + map.room);
  }

  #isWanted(node: number): boolean {
    return this.#joining.has(node) || this.#members().includes(node);
  }

  /** Nodes of this host as members, under the lowest free indices. @throws StoreError KV_INVALID_OPTION without room */
  candidates(weights: readonly number[]): Member[] {
    const { map, ring, options } = this.#parts;
    const members = allMembers(ring()).map(({ node }) => node);
    const taken = new Set<number>([...this.#nodes.keys(), ...members, ...ring().leavers]);
    return weights.map((weight) => {
      let node = map.first;
      while (taken.has(node)) node++;
      taken.add(node);
      if (node < map.first + map.room) return memberOf(options, node, weight);
      const message = `there is room for ${map.room} nodes; open the store with a larger nodesMax`;
      throw new StoreError('KV_INVALID_OPTION', message, { option: 'nodesMax' });
    });
  }

  /** Starts nodes that are to join, with nothing on their disks. @throws StoreError what a start threw */
  async startJoining(members: readonly Member[]): Promise<void> {
    for (const { node } of members) this.#joining.add(node);
    try {
      for (const { node } of members) {
        // decided meanwhile: it is a member, and runs
        if (this.#nodes.has(node)) continue;
        this.#parts.directory.clearNode(node);
        await this.#add(node).start();
      }
    } catch (error) {
      await this.cancelJoining(members);
      throw error;
    }
  }

  /** Ends those of them that did not become members. */
  async cancelJoining(members: readonly Member[]): Promise<void> {
    for (const { node } of members) {
      if (!this.#joining.delete(node) || this.#isWanted(node)) continue;
      await this.#nodes.get(node)?.close();
      this.#nodes.delete(node);
    }
    // one that was made a member while it was being ended
    this.follow();
  }

  /** Ends a member, however it is, and starts it with nothing on its disk. @throws StoreError KV_RING_CHANGING, KV_CLOSED, or of its start */
  async renew(node: number): Promise<void> {
    if (this.#renewing.has(node)) throw new StoreError('KV_RING_CHANGING', `node ${node} is beginning anew already`);
    this.#renewing.add(node);
    try {
      await this.#nodes.get(node)?.close();
      if (this.#isClosing) throw new StoreError('KV_CLOSED', 'the store is closed');
      this.#parts.directory.clearNode(node);
      const fresh = this.#parts.supervisor(node, true);
      this.#nodes.set(node, fresh);
      try {
        await fresh.start();
      } catch (error) {
        await fresh.terminate();
        throw error;
      }
    } finally {
      this.#renewing.delete(node);
    }
  }

  #add(node: number): Supervisor {
    const supervisor = this.#parts.supervisor(node);
    this.#nodes.set(node, supervisor);
    return supervisor;
  }

  /** Ends a node that has left: requests that were on their way to it have their time, and then what it is to hand over. */
  async #retire(node: number): Promise<void> {
    if (this.#retiring.has(node)) return;
    this.#retiring.add(node);
    try {
      const { deadlineMs, hintAgeMaxMs } = this.#parts.options;
      await pause(Math.min(deadlineMs, REQUESTS_MS_MAX));
      const endMs = performance.now() + Math.min(hintAgeMaxMs, HINTS_MS_MAX);
      const isOwing = () => this.#owes(node).hints + this.#owes(node).notes > 0;
      while (isOwing() && performance.now() < endMs && !this.#isClosing) await pause(LOOK_MS);
      await this.#release(node);
      const supervisor = this.#nodes.get(node);
      if (supervisor === undefined || this.#isClosing || this.#isWanted(node)) return;
      const left = this.#owes(node);
      await supervisor.close();
      this.#nodes.delete(node);
      this.#parts.directory.clearNode(node);
      this.#parts.onLeft(node, left);
    } finally {
      this.#retiring.delete(node);
    }
  }

  /** Has the node tell the ring that nothing more will come of it, which takes the ring a moment. */
  async #release(node: number): Promise<void> {
    const status = new Int32Array(this.#parts.map.status);
    Atomics.store(status, node * Status.line + Status.released, 1); // Atomics: release; its thread looks now and then
    const endMs = performance.now() + RELEASE_MS_MAX;
    while (this.#leavers().includes(node) && performance.now() < endMs && !this.#isClosing) await pause(LOOK_MS);
    if (this.#isWanted(node) || this.#isClosing) Atomics.store(status, node * Status.line + Status.released, 0); // Atomics: release
  }

  /** The host is about to close: nodes that have left and owe nothing have the ring told so before. */
  releaseLeavers(): void {
    const status = new Int32Array(this.#parts.map.status);
    for (const node of this.#leavers()) {
      const { hints, notes } = this.#owes(node);
      if (hints + notes === 0) Atomics.store(status, node * Status.line + Status.released, 1); // Atomics: release
    }
  }

  /** What the node has for others, as it says itself. */
  #owes(node: number): { readonly hints: number; readonly notes: number } {
    const counters = new Int32Array(this.#parts.map.counters[node]);
    return { hints: counters[Count.hints], notes: counters[Count.notes] };
  }

  *links(): Iterable<readonly [node: number, link: ControlLink]> {
    for (const [node, { link }] of this.#nodes) if (link !== undefined) yield [node, link];
  }

  supervisor(node: number): Supervisor {
    return this.#nodes.get(node) as Supervisor;
  }

  /** Those that run, or should. */
  get nodes(): number[] {
    return [...this.#nodes.keys()].sort((a, b) => a - b);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await Promise.all([...this.#nodes.values()].map((supervisor) => supervisor.close()));
  }
}

const pause = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false });
