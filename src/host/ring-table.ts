/**
 * The ring in shared memory: what the client threads of a host route and read by. The host's main thread alone writes it,
 * under a sequence lock, before any node of the host adopts the same state; so a reader that finds it unchanged behind
 * its copy has read replicas that did not refuse its epoch yet.
 *
 *   words       0 sequence: odd while the rest is being written   1 epoch   2..15 free
 *   preference  n node indices (16 bits) a partition: the list in force, the old one while the partition moves
 *   next        the same: the new list while it moves
 *   phases      one byte a partition
 *   near        one byte a node: 1 for the members of this host's zone
 */
import { NODE_COUNT_MAX, type NodeIndex } from '../core/ids.js';
import { allMembers, nextOf, Phase, phaseOf, type RingState } from '../core/ring-state.js';

const enum Word {
  sequence = 0,
  epoch = 1,
  count = 16,
}

export interface RingTableShape {
  readonly partitions: number;
  readonly n: number;
  /** The host's. */
  readonly zone: string;
}

export class RingTable {
  readonly n: number;
  readonly #words: Int32Array;
  readonly #preference: Uint16Array;
  readonly #next: Uint16Array;
  readonly #phases: Uint8Array;
  readonly #near: Uint8Array;
  readonly #zone: string;
  #holders: ReadonlySet<number> = new Set();
  #holdersOf = -1;

  constructor(memory: SharedArrayBuffer, { partitions, n, zone }: RingTableShape) {
    const bytes = partitions * n * 2;
    this.n = n;
    this.#words = new Int32Array(memory, 0, Word.count);
    this.#preference = new Uint16Array(memory, Word.count * 4, partitions * n);
    this.#next = new Uint16Array(memory, Word.count * 4 + bytes, partitions * n);
    this.#phases = new Uint8Array(memory, Word.count * 4 + 2 * bytes, partitions);
    this.#near = new Uint8Array(memory, Word.count * 4 + 2 * bytes + partitions, NODE_COUNT_MAX);
    this.#zone = zone;
  }

  static allocate(partitions: number, n: number): SharedArrayBuffer {
    return new SharedArrayBuffer(Word.count * 4 + partitions * (4 * n + 1) + NODE_COUNT_MAX);
  }

  /** Shows another state; for the host's main thread alone. */
  write(ring: RingState): void {
    Atomics.add(this.#words, Word.sequence, 1); // Atomics: RMW, odd before anything changes
    for (let p = 0; p < ring.partitions; p++) {
      this.#preference.set(ring.lists[p], p * this.n);
      this.#next.set(nextOf(ring, p), p * this.n);
      this.#phases[p] = phaseOf(ring, p);
    }
    this.#near.fill(0);
    for (const { node, zone } of allMembers(ring)) this.#near[node] = Number(zone === this.#zone);
    Atomics.store(this.#words, Word.epoch, ring.epoch); // Atomics: release, nodes wait for it
    Atomics.add(this.#words, Word.sequence, 1); // Atomics: RMW, even when everything has changed
  }

  /** Names what the table holds; odd while it is being written. */
  get version(): number {
    return Atomics.load(this.#words, Word.sequence); // Atomics: acquire, before and behind what it guards
  }

  get epoch(): number {
    return Atomics.load(this.#words, Word.epoch); // Atomics: acquire, see `write`
  }

  /** Whether a node is a member of this host's zone. */
  isNear(node: number): boolean {
    return this.#near[node] === 1;
  }

  /** Whether new holders of the partition are still copying it. */
  isFilling(partition: number): boolean {
    return this.#phases[partition] === Phase.filling;
  }

  /** The list that a strict read of the partition needs R of. Only right under one `version`. */
  reads(partition: number): Uint16Array {
    return this.#phases[partition] === Phase.handingOver ? this.#next : this.#preference;
  }

  /** Every node that holds a partition, now or soon. */
  get holders(): ReadonlySet<number> {
    if (this.#holdersOf !== this.version) {
      this.#holdersOf = this.version;
      this.#holders = new Set([...this.#preference, ...this.#next]);
    }
    return this.#holders;
  }

  /** A copy of that list, and the version that it is of. */
  readList(partition: number): { readonly nodes: number[]; readonly version: number } {
    for (;;) {
      const { version } = this;
      const list = this.reads(partition);
      const nodes = [...list.subarray(partition * this.n, (partition + 1) * this.n)];
      if ((version & 1) === 0 && this.version === version) return { nodes, version };
    }
  }

  /** Copies the owner of each partition; the version and the epoch that they are of. */
  readOwners(owners: Uint16Array): { readonly version: number; readonly epoch: number } {
    for (;;) {
      const { version, epoch } = this;
      for (let p = 0; p < owners.length; p++) owners[p] = this.#preference[p * this.n];
      if ((version & 1) === 0 && this.version === version) return { version, epoch };
    }
  }

  /** The first of the partition's holders, the owner leading, that is usable: it holds all of it, new holders may not. */
  coordinator(partition: number, isUsable: (node: NodeIndex) => boolean): NodeIndex | undefined {
    const first = partition * this.n;
    for (;;) {
      const before = this.version;
      let chosen: number | undefined;
      for (let i = first; i < first + this.n && chosen === undefined; i++) {
        if (isUsable(this.#preference[i] as NodeIndex)) chosen = this.#preference[i];
      }
      if ((before & 1) === 0 && this.version === before) return chosen as NodeIndex | undefined;
    }
  }
}
