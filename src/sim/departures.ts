/**
 * What a host does with its nodes that have left the ring (src/host/node-threads.ts): each runs on for the requests that are
 * on their way to it, then until it owes nothing, or for so long; the ring is told that it is done; then it ends for good,
 * and its disk is cleared.
 */
import { allMembers } from '../core/ring-state.js';
import type { SimNode } from './sim-node.js';
import type { World } from './world.js';

export interface DepartureOptions {
  /** Longest time that a node which has left runs on for what it owes. */
  readonly hintsMsMax: number;
  /** Told of each node that has ended. */
  readonly onEnded: () => void;
}

const LOOK_MS = 50;
const REQUESTS_MS = 100;
const RELEASE_MS_MAX = 10_000;

export class Departures {
  readonly #world: World;
  readonly #options: DepartureOptions;
  readonly #members = new Set<SimNode>();
  /** When each node that runs on was first seen to have left, and when it was released. */
  readonly #leaving = new Map<SimNode, { readonly sinceMs: number; releasedAtMs?: number }>();

  constructor(world: World, options: DepartureOptions) {
    this.#world = world;
    this.#options = options;
  }

  begin(): void {
    for (const node of this.#world.nodes) this.#look(node);
    this.#world.after(LOOK_MS, () => this.begin());
  }

  /** Whether the node has left and has not ended. */
  isLeaving(node: SimNode): boolean {
    return this.#leaving.has(node);
  }

  get size(): number {
    return this.#leaving.size;
  }

  #look(node: SimNode): void {
    const { ring } = this.#world.hostOf(node.index);
    if (allMembers(ring).some((member) => member.node === node.index)) {
      this.#members.add(node);
      this.#leaving.delete(node);
      node.released = false;
    } else if (ring.move === undefined && this.#members.has(node))
      this.#retire(node, ring.leavers.includes(node.index));
  }

  #retire(node: SimNode, isLeaver: boolean): void {
    const { nowMs } = this.#world;
    const leaving = this.#leaving.get(node) ?? { sinceMs: nowMs };
    this.#leaving.set(node, leaving);
    const waitedMs = nowMs - leaving.sinceMs;
    const owes = node.hints.hints + node.hints.notes > 0;
    if (waitedMs < REQUESTS_MS || (owes && waitedMs < REQUESTS_MS + this.#options.hintsMsMax)) return;
    node.released = true;
    leaving.releasedAtMs ??= nowMs;
    if (isLeaver && nowMs - leaving.releasedAtMs < RELEASE_MS_MAX) return;
    this.#world.trace.note(nowMs, () => `node ${node.index} has left and ends${owes ? ', with hints' : ''}`);
    this.#world.depart(node);
    this.#members.delete(node);
    this.#leaving.delete(node);
    this.#options.onEnded();
  }
}
