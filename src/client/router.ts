/**
 * Which node a thread sends a key's request to: the first of the key's holders that it does not suspect, so that healthy
 * writers of one key meet in one place; under a sloppy quorum any other node where no holder is left.
 *
 * A thread has no heartbeat of its own: it goes by what the gossip agents of its host's nodes have written down, and takes
 * the word of two of them; and by what the bridge hears of other hosts.
 */
import type { LivenessView } from '../actor/liveness-view.js';
import { StoreError } from '../core/errors.js';
import { NODE_COUNT_MAX } from '../core/ids.js';
import type { RingTable } from '../host/ring-table.js';
import { livenessView, localNodes, type ThreadMap } from '../host/thread-map.js';
import type { Seat } from './seat.js';

/** The views are looked at again this often. */
const LOOK_MS = 100;
const REPORTERS = 2;

/** What it needs of the thread's seat. */
export type RouterSeat = Pick<Seat, 'isUp' | 'isQuiet' | 'nowMs' | 'beginTick' | 'ticks'>;

/** The ring has no version below 0. */
const NO_VERSION = -1;

export class Router {
  readonly #seat: RouterSeat;
  readonly #ring: RingTable;
  readonly #zone: string;
  readonly slotShift: number;
  /** Of each node of this host. */
  readonly #views: readonly { readonly node: number; readonly view: LivenessView }[];
  readonly #suspected: Uint8Array;
  #lookedAtMs: number;
  /** Of each partition: the first of its holders, under this version of the ring. */
  readonly #owners: Uint16Array;
  #ownersOf = NO_VERSION;
  #epoch = 0;
  /** Tick in which the ring was looked at, and of each node the one in which it was; and what was seen of it. */
  #tick = -1;
  readonly #ticks = new Int32Array(NODE_COUNT_MAX + 1).fill(-1);
  readonly #seenWell = new Uint8Array(NODE_COUNT_MAX + 1);
  readonly #isUp = (node: number) => this.#seat.isUp(node);
  readonly #isTrusted = (node: number) =>
    (this.#ticks[node] === this.#tick ? this.#seenWell[node] === 1 : this.#lookAt(node)) &&
    this.#serves(node, this.#partition);
  readonly #serving: readonly Int32Array[];
  #partition = 0;

  constructor(map: ThreadMap, seat: RouterSeat, ring: RingTable, slotShift: number) {
    this.#seat = seat;
    this.#ring = ring;
    this.#zone = map.zone;
    this.slotShift = slotShift;
    this.#views = localNodes(map).map((node) => ({ node, view: livenessView(map, node) }));
    this.#suspected = new Uint8Array(NODE_COUNT_MAX + 1);
    this.#serving = map.memories.map(({ serving }) => new Int32Array(serving));
    this.#owners = new Uint16Array(map.partitions);
    this.#lookedAtMs = seat.nowMs;
  }

  /** Of the ring that the tick's requests are routed by: its low bits travel with them. */
  get epoch(): number {
    return this.#epoch;
  }

  /** The node that coordinates; `isLocal`: one of this host's zone. @throws StoreError KV_UNAVAILABLE */
  route(slot: number, available: boolean, isLocal = false): number {
    this.#seat.beginTick();
    if (this.#tick !== this.#seat.ticks) this.#beginTick();
    const partition = slot >>> this.slotShift;
    this.#partition = partition;
    if (isLocal) return this.#routeLocally(partition);
    const owner = this.#owners[partition];
    if (this.#isTrusted(owner)) return owner;
    const node = this.#ring.coordinator(partition, this.#isTrusted);
    if (node !== undefined) return node;
    const trusted = available ? this.#any(partition, this.#isTrusted) : undefined;
    const doubtful = trusted ?? this.#ring.coordinator(partition, this.#isUp);
    const last = doubtful ?? (available ? this.#any(partition, this.#isUp) : undefined);
    if (last !== undefined) return last;
    throw new StoreError('KV_UNAVAILABLE', 'no replica of the key is up; nothing was done');
  }

  /** Replicas of a zone are waited for by one of them. */
  #routeLocally(partition: number): number {
    const ring = this.#ring;
    const trusted = ring.coordinator(partition, (node) => ring.isNear(node) && this.#isTrusted(node));
    const node = trusted ?? ring.coordinator(partition, (other) => ring.isNear(other) && this.#isUp(other));
    if (node !== undefined) return node;
    const message = `no replica of the key in this host’s zone (${this.#zone}) is up; nothing was done`;
    throw new StoreError('KV_UNAVAILABLE', message);
  }

  /** False for a node that is in doubt about the partition: it would mint nothing. */
  #serves(node: number, partition: number): boolean {
    const serving = this.#serving[node];
    // a guess, of whatever age: the node itself knows better
    return serving === undefined || (serving[partition] & 1) === 1;
  }

  /** What is looked at once for all requests of a tick: they leave together. */
  #beginTick(): void {
    this.#tick = this.#seat.ticks;
    if (((this.#seat.nowMs - this.#lookedAtMs) | 0) >= LOOK_MS) this.#look();
    if (this.#ring.version === this.#ownersOf) return;
    const { version, epoch } = this.#ring.readOwners(this.#owners);
    this.#ownersOf = version;
    this.#epoch = epoch;
  }

  #lookAt(node: number): boolean {
    const isWell = this.#suspected[node] === 0 && this.#seat.isUp(node) && !this.#seat.isQuiet(node);
    this.#ticks[node] = this.#tick;
    this.#seenWell[node] = Number(isWell);
    return isWell;
  }

  /** The same node for all threads that suspect the same ones. */
  #any(partition: number, isUsable: (node: number) => boolean): number | undefined {
    const nodes = [...this.#ring.holders].sort((a, b) => a - b).filter(isUsable);
    return nodes[partition % nodes.length];
  }

  #look(): void {
    this.#lookedAtMs = this.#seat.nowMs;
    const { holders } = this.#ring;
    // others are told nothing
    const up = this.#views.filter(({ node }) => holders.has(node) && this.#seat.isUp(node));
    const needed = Math.min(REPORTERS, Math.max(1, up.length - 1));
    for (const node of holders) {
      let reporters = 0;
      for (const { view } of up) if (view.suspects(node)) reporters++;
      this.#suspected[node] = Number(reporters >= needed);
    }
  }
}
