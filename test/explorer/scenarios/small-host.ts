/** What a client's reads need beside the memory of a node: the ring of a store that has no other, and its serving word. */
import { Replicas } from '../../../src/client/replicas.js';
import { RingTable } from '../../../src/host/ring-table.js';
import type { ThreadMap } from '../../../src/host/thread-map.js';
import type { NodeMemory } from '../../../src/storage/node-memory.js';
import type { Lab } from '../lab.js';

const RING_BYTES = Math.ceil(RingTable.allocate(1, 1).byteLength / 8) * 8;

/** The replicas of a store of one node. */
export function oneNode(lab: Lab, memory: NodeMemory): Replicas {
  const map = { n: 1, partitions: 1, memories: [memory], ring: lab.allocate('ring', RING_BYTES) };
  return new Replicas(map as unknown as ThreadMap, 1);
}

/** Another generation, which serves or does not: as the host and a node that has recovered say it. */
export function nextGeneration(serving: Int32Array, serves: number): void {
  // Atomics: by the only writer
  Atomics.store(serving, 0, ((Atomics.load(serving, 0) >>> 1) + 1) * 2 + serves);
}
