/**
 * The writes that a coordinator has under way, as columns of numbers: no object per write. An id is a slot and its
 * generation, so that a late confirmation of an earlier write in the same slot is recognised and dropped; generations begin
 * anew, and a mark beside the id says how often they have.
 *
 * A write goes to places (core/write-quorum.ts): first the primaries, then the nodes that stand in for some of them.
 * A slot may hold a group of writes that share their places (write-group.ts).
 * When its client has its answer it lingers until every place has confirmed or failed: what a replica misses is hinted.
 */
import type { PlacesNeed } from '../src/core/zone-quorum.js';
import type { WriteGroup } from './write-group.js';

const GENERATIONS = 0x8000;
/** Places that a slot has room for; a power of two above PLACES_MAX. */
const STRIDE_BITS = 5;

const enum Stage {
  free = 0,
  open = 1,
  /** Its client has its answer. */
  lingering = 2,
}

/** What holds of no place. */
export const NO_PLACE = 0xff;

export class WriteTable {
  readonly client: Int32Array;
  readonly request: Int32Array;
  readonly partition: Uint16Array;
  readonly options: Int32Array;
  readonly deadline: Uint32Array;
  /** Places in use: bits 0 up to this. */
  readonly places: Uint8Array;
  /** Sets of places: those that count towards W of the list in force, and of the next one. */
  readonly current: Int32Array;
  readonly next: Int32Array;
  readonly standIns: Int32Array;
  /** Places that hold the write; those that will not, as far as is known; primaries that this node keeps a hint for. */
  readonly confirmed: Int32Array;
  readonly failed: Int32Array;
  readonly hinted: Int32Array;
  /** Places that refused the write as older than a change of the ring, and those that it was sent to once more. */
  readonly stale: Int32Array;
  readonly again: Int32Array;
  /** Epoch that it was first sent under, or, where it was sent again, sent again first. */
  readonly epoch: Int32Array;
  /** Weakest durability among the confirmations that count. */
  readonly durability: Uint8Array;
  /** Siblings that the minted record holds. */
  readonly siblings: Uint16Array;
  /** Clock of the minted record, low and high word. */
  readonly clock: Int32Array;
  /** Its number in its client's batch; -1 where the client sent it alone. */
  readonly member: Int32Array;
  /** Where it is many: its records. */
  readonly groups: (WriteGroup | undefined)[] = [];
  /** Of writes that wait for zones: what they need. */
  readonly needs: (readonly PlacesNeed[])[] = [];
  /** Where the key stands in the key ring. */
  readonly key: Float64Array;
  active = 0;
  lingering = 0;
  readonly #nodes: Uint16Array;
  readonly #insteadOf: Uint8Array;
  readonly #generation: Uint16Array;
  /** How often the generations of each slot have begun anew. */
  readonly #rounds: Uint32Array;
  readonly #stage: Uint8Array;
  readonly #free: Int32Array;
  #freeCount: number;
  #hand = 0;

  /** `generation`: where ids start; a random one keeps ids of an earlier table from meaning anything in this one. */
  constructor(slots: number, generation = 0) {
    this.client = new Int32Array(slots);
    this.request = new Int32Array(slots);
    this.partition = new Uint16Array(slots);
    this.options = new Int32Array(slots);
    this.deadline = new Uint32Array(slots);
    this.places = new Uint8Array(slots);
    this.current = new Int32Array(slots);
    this.next = new Int32Array(slots);
    this.standIns = new Int32Array(slots);
    this.confirmed = new Int32Array(slots);
    this.failed = new Int32Array(slots);
    this.hinted = new Int32Array(slots);
    this.stale = new Int32Array(slots);
    this.again = new Int32Array(slots);
    this.epoch = new Int32Array(slots);
    this.durability = new Uint8Array(slots);
    this.siblings = new Uint16Array(slots);
    this.clock = new Int32Array(slots * 2);
    this.key = new Float64Array(slots);
    this.member = new Int32Array(slots);
    this.#nodes = new Uint16Array(slots << STRIDE_BITS);
    this.#insteadOf = new Uint8Array(slots << STRIDE_BITS);
    this.#generation = new Uint16Array(slots).fill(generation % GENERATIONS);
    this.#rounds = new Uint32Array(slots);
    this.#stage = new Uint8Array(slots);
    this.#free = Int32Array.from({ length: slots }, (_, index) => slots - 1 - index);
    this.#freeCount = slots;
  }

  get slots(): number {
    return this.#stage.length;
  }

  /** Opens a write; its slot, or -1 when there are too many. */
  open(): number {
    if (this.#freeCount === 0) return -1;
    const slot = this.#free[--this.#freeCount];
    this.#stage[slot] = Stage.open;
    this.places[slot] = 0;
    this.standIns[slot] = 0;
    this.confirmed[slot] = 0;
    this.failed[slot] = 0;
    this.hinted[slot] = 0;
    this.stale[slot] = 0;
    this.again[slot] = 0;
    this.durability[slot] = 0xff;
    this.member[slot] = -1;
    this.active++;
    return slot;
  }

  /** Adds a place for a node; a stand-in's `insteadOf` is the place of its primary. Returns the place. */
  addPlace(slot: number, node: number, insteadOf = NO_PLACE): number {
    const place = this.places[slot]++;
    const index = (slot << STRIDE_BITS) | place;
    this.#nodes[index] = node;
    this.#insteadOf[index] = insteadOf;
    if (insteadOf !== NO_PLACE) this.standIns[slot] |= 1 << place;
    return place;
  }

  nodeAt(slot: number, place: number): number {
    return this.#nodes[(slot << STRIDE_BITS) | place];
  }

  /** Place of the primary that the node at this place stands in for. */
  insteadOf(slot: number, place: number): number {
    return this.#insteadOf[(slot << STRIDE_BITS) | place];
  }

  /** Place of a node, or -1. */
  placeOf(slot: number, node: number): number {
    const base = slot << STRIDE_BITS;
    for (let place = this.places[slot] - 1; place >= 0; place--) if (this.#nodes[base | place] === node) return place;
    return -1;
  }

  /** How many places are primaries': they come first. */
  primaries(slot: number): number {
    const { standIns } = this;
    return standIns[slot] === 0 ? this.places[slot] : 31 - Math.clz32(standIns[slot] & -standIns[slot]);
  }

  /** Whether every place has confirmed or failed. */
  isComplete(slot: number): boolean {
    return (this.confirmed[slot] | this.failed[slot]) === (1 << this.places[slot]) - 1;
  }

  /** Id of an open write: positive, 15 bits of generation over 16 of slot. */
  idOf(slot: number): number {
    return (this.#generation[slot] << 16) | slot;
  }

  /** What answers for the write of this slot have to carry beside its id: `life`, and how often such ids have begun anew. */
  markOf(slot: number, life: number): number {
    return life ^ this.#rounds[slot];
  }

  /** Slot of an id, or -1 where that write is over. */
  slotOf(id: number): number {
    const slot = id & 0xffff;
    return this.isOpen(slot) && this.#generation[slot] === id >>> 16 ? slot : -1;
  }

  isOpen(slot: number): boolean {
    return this.#stage[slot] !== Stage.free;
  }

  isLingering(slot: number): boolean {
    return this.#stage[slot] === Stage.lingering;
  }

  /** The client of this write has its answer. */
  linger(slot: number): void {
    this.#stage[slot] = Stage.lingering;
    this.lingering++;
  }

  /** A write that lingers, another one each time; -1 where there is none. */
  someLingering(): number {
    if (this.lingering === 0) return -1;
    do this.#hand = this.#hand + 1 === this.slots ? 0 : this.#hand + 1;
    while (!this.isLingering(this.#hand));
    return this.#hand;
  }

  close(slot: number): void {
    if (this.isLingering(slot)) this.lingering--;
    this.groups[slot] = undefined;
    this.#stage[slot] = Stage.free;
    this.#generation[slot] = (this.#generation[slot] + 1) % GENERATIONS;
    // a few writes at a time take the same slots: their ids come back within seconds
    if (this.#generation[slot] === 0) this.#rounds[slot]++;
    this.#free[this.#freeCount++] = slot;
    this.active--;
  }
}
