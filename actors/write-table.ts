/**
 * The writes that a coordinator has under way, as columns of numbers: no object per write. An id is a slot and its
 * generation, so that a late confirmation of an earlier write in the same slot is recognised and dropped.
 */

const GENERATIONS = 0x8000;

export class WriteTable {
  readonly client: Int32Array;
  readonly request: Int32Array;
  readonly partition: Uint16Array;
  readonly options: Int32Array;
  readonly deadline: Uint32Array;
  readonly confirmed: Uint8Array;
  readonly failed: Uint8Array;
  /** One bit for each place in the preference list: replicas that answered, or that nobody waits for; set by `minted`. */
  readonly answered: Uint16Array;
  /** Weakest durability among the confirmations. */
  readonly durability: Uint8Array;
  /** Siblings that the minted record holds. */
  readonly siblings: Uint16Array;
  /** Clock of the minted record, low and high word. */
  readonly clock: Int32Array;
  active = 0;
  readonly #generation: Uint16Array;
  readonly #open: Uint8Array;
  readonly #free: Int32Array;
  #freeCount: number;

  /** `generation`: where ids start; a random one keeps ids of an earlier table from meaning anything in this one. */
  constructor(slots: number, generation = 0) {
    this.client = new Int32Array(slots);
    this.request = new Int32Array(slots);
    this.partition = new Uint16Array(slots);
    this.options = new Int32Array(slots);
    this.deadline = new Uint32Array(slots);
    this.confirmed = new Uint8Array(slots);
    this.failed = new Uint8Array(slots);
    this.answered = new Uint16Array(slots);
    this.durability = new Uint8Array(slots);
    this.siblings = new Uint16Array(slots);
    this.clock = new Int32Array(slots * 2);
    this.#generation = new Uint16Array(slots).fill(generation % GENERATIONS);
    this.#open = new Uint8Array(slots);
    this.#free = Int32Array.from({ length: slots }, (_, index) => slots - 1 - index);
    this.#freeCount = slots;
  }

  get slots(): number {
    return this.#open.length;
  }

  /** Opens a write; its slot, or -1 when there are too many. */
  open(): number {
    if (this.#freeCount === 0) return -1;
    const slot = this.#free[--this.#freeCount];
    this.#open[slot] = 1;
    this.confirmed[slot] = 0;
    this.failed[slot] = 0;
    this.durability[slot] = 0xff;
    this.active++;
    return slot;
  }

  /** Id of an open write: positive, 15 bits of generation over 16 of slot. */
  idOf(slot: number): number {
    return (this.#generation[slot] << 16) | slot;
  }

  /** Slot of an id, or -1 where that write is over. */
  slotOf(id: number): number {
    const slot = id & 0xffff;
    return this.#open[slot] === 1 && this.#generation[slot] === id >>> 16 ? slot : -1;
  }

  isOpen(slot: number): boolean {
    return this.#open[slot] === 1;
  }

  close(slot: number): void {
    this.#open[slot] = 0;
    this.#generation[slot] = (this.#generation[slot] + 1) % GENERATIONS;
    this.#free[this.#freeCount++] = slot;
    this.active--;
  }
}
