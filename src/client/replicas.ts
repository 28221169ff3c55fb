/**
 * Which replicas a read from shared memory goes to: the first R holders of a partition that serve it, chosen under one
 * version of the ring. A read counts only where neither the ring nor what they say has changed behind its copy.
 *
 * Choices stand in columns, R rows for each key of a group.
 */
import { RingTable } from '../host/ring-table.js';
import { slotShiftOf, type ThreadMap } from '../host/thread-map.js';
import { HotReader } from '../storage/hot-reader.js';

/** Replicas of a key at most. */
export const REPLICAS_MAX = 16;

export class Replicas {
  readonly n: number;
  readonly slotShift: number;
  readonly ring: RingTable;
  /** Of the nodes of this host, at their indices in the ring. */
  readonly readers: readonly HotReader[];
  /** The nodes chosen, always some of this host, and what each said of the partition. */
  readonly nodes: Int32Array;
  readonly #serving: Int32Array;
  #version = 0;

  /** `keys`: the largest group. */
  constructor(map: ThreadMap, keys: number) {
    this.n = map.n;
    this.slotShift = slotShiftOf(map.partitions);
    this.ring = new RingTable(map.ring, map);
    this.readers = map.memories.map((memory) => new HotReader(memory));
    this.nodes = new Int32Array(keys * REPLICAS_MAX).fill(Math.max(0, this.readers.findIndex(Boolean)));
    this.#serving = new Int32Array(keys * REPLICAS_MAX);
  }

  /** Begins to choose; false while the ring is being changed. */
  begin(): boolean {
    this.#version = this.ring.version;
    return (this.#version & 1) === 0;
  }

  /** The first R replicas of the partition whose tables may be trusted, at rows from `at`; false where there are fewer. */
  choose(partition: number, r: number, at: number): boolean {
    const { n, nodes } = this;
    const list = this.ring.reads(partition);
    const first = partition * n;
    let count = 0;
    for (let i = first; i < first + n && count < r; i++) {
      const node = list[i];
      const reader = this.readers[node];
      // a node of another host
      if (reader === undefined) continue;
      const serving = Atomics.load(reader.serving, partition); // Atomics: acquire, before the table
      if ((serving & 1) === 0) continue;
      nodes[at + count] = node;
      this.#serving[at + count] = serving;
      count++;
    }
    return count === r;
  }

  /** Whether the ring is the one that all since `begin` were chosen by: then no replica refused it yet. */
  get isSameRing(): boolean {
    return this.ring.version === this.#version;
  }

  /** Whether the node of a row still serves the partition as it did. */
  stillServes(partition: number, row: number): boolean {
    const { serving } = this.readers[this.nodes[row]];
    return Atomics.load(serving, partition) === this.#serving[row]; // Atomics: acquire, after the copy
  }
}
