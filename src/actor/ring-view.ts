/**
 * The ring as one node sees it: the state that it has adopted, as tables that routing reads in place. They change only in
 * the turn that adopts another state, so that a handler never meets two.
 */
import type { NodeIndex } from '../core/ids.js';
import { NODE_COUNT_MAX, SLOT_COUNT } from '../core/ids.js';
import { allMembers, fallbacksOf, nextOf, phaseOf, type RingState } from '../core/ring-state.js';
import { type Nearness, nearnessOf } from '../core/stand-ins.js';
import { type Placement, Standing } from './ports.js';

/**
 * A partition that has not changed for longer counts as changed then: requests carry 16 bits of their epoch, which are compared
 * rightly with what is less than half of that away (protocol/outcome.ts). Who is so far behind gets a newer ring first.
 */
const EPOCHS_APART_MAX = 16_384;

export interface RingViewParts {
  readonly ring: RingState;
  readonly isUp: (node: NodeIndex) => boolean;
  /** Whoever is not up, where left out. */
  readonly suspects?: (node: NodeIndex) => boolean;
  /** Shows a newer state to all threads of the host; false as long as that has not happened. At once, where left out. */
  readonly publish?: (ring: RingState) => boolean;
}

export class RingView implements Placement {
  readonly n: number;
  readonly partitions: number;
  readonly slotShift: number;
  readonly preference: Uint16Array;
  readonly next: Uint16Array;
  readonly phases: Uint8Array;
  readonly changedAt: Uint32Array;
  readonly begunAt: Uint32Array;
  readonly isUp: (node: NodeIndex) => boolean;
  readonly suspects: (node: NodeIndex) => boolean;
  members: readonly NodeIndex[] = [];
  nearness: Nearness = () => 0;
  epoch = 0;
  ring: RingState;
  readonly #publish: (ring: RingState) => boolean;
  readonly #standing = new Uint8Array(NODE_COUNT_MAX + 1);
  #walks: Uint16Array[] = [];
  #zones: ReadonlyMap<NodeIndex, string> = new Map();

  constructor({ ring, isUp, suspects = (node) => !isUp(node), publish = () => true }: RingViewParts) {
    const { n, partitions } = ring;
    this.n = n;
    this.partitions = partitions;
    this.slotShift = Math.log2(SLOT_COUNT / partitions);
    this.preference = new Uint16Array(partitions * n);
    this.next = new Uint16Array(partitions * n);
    this.phases = new Uint8Array(partitions);
    this.changedAt = new Uint32Array(partitions);
    this.begunAt = new Uint32Array(partitions);
    this.isUp = isUp;
    this.suspects = suspects;
    this.#publish = publish;
    this.ring = ring;
    this.#load(ring);
  }

  adopt(ring: RingState): boolean {
    if (ring.epoch <= this.epoch) return true;
    if (!this.#publish(ring)) return false;
    this.#load(ring);
    return true;
  }

  walk(partition: number): Uint16Array {
    this.#walks[partition] ??= Uint16Array.from(fallbacksOf(this.ring, partition));
    return this.#walks[partition];
  }

  zoneOf(node: NodeIndex): string {
    return this.#zones.get(node) ?? '';
  }

  standingOf(node: NodeIndex): Standing {
    return this.#standing[node];
  }

  #load(ring: RingState): void {
    this.ring = ring;
    this.epoch = ring.epoch;
    this.members = allMembers(ring).map(({ node }) => node);
    this.#zones = new Map(allMembers(ring).map(({ node, zone }) => [node, zone]));
    this.#standing.fill(Standing.none);
    for (const node of ring.leavers) this.#standing[node] = Standing.leaver;
    for (const node of this.members) this.#standing[node] = Standing.member;
    this.nearness = nearnessOf(allMembers(ring), ring.failureDomain);
    for (let p = 0; p < ring.partitions; p++) {
      this.changedAt[p] = Math.max(ring.changedAt[p], ring.epoch - EPOCHS_APART_MAX);
      this.begunAt[p] = Math.max(ring.begunAt[p], ring.epoch - EPOCHS_APART_MAX);
      this.preference.set(ring.lists[p], p * ring.n);
      this.next.set(nextOf(ring, p), p * ring.n);
      this.phases[p] = phaseOf(ring, p);
    }
    this.#walks = [];
  }
}
