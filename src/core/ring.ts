/**
 * The ring map: who the members are and how replicas spread over them. All placement is a pure function of it.
 *
 *   slots       0 ........................ 16,383, in a circle
 *   partitions  |  0  |  1  |  2  | ... | Q-1  |   equal arcs; partition p covers slots [p * 16384/Q, (p+1) * 16384/Q)
 *
 * DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store", SOSP 2007, section 6.2, strategy 3.
 */
import { StoreError } from './errors.js';
import { type Epoch, NODE_COUNT_MAX, type NodeIndex, type PartitionId, SLOT_COUNT, type Slot } from './ids.js';
import { invalidOption } from './option-check.js';
import type { FailureDomain } from './options.js';

/** One node of the ring, and where it stands. */
export interface Member {
  readonly node: NodeIndex;
  /** Process that runs the node: unique in the cluster. */
  readonly host: string;
  /** Machine that runs the host. */
  readonly machine: string;
  readonly zone: string;
  /** Share of the data relative to the others, 0.1..100. */
  readonly weight: number;
}

/** The nodes that hold each partition. */
export type Placement = readonly (readonly NodeIndex[])[];

/** What every node must agree on to route a key. */
export interface RingMap {
  readonly epoch: Epoch;
  /** Q: equal arcs of the ring, a power of two. */
  readonly partitions: number;
  /** Replicas of each partition. */
  readonly n: number;
  /** What must differ between two replicas of a partition. */
  readonly failureDomain: FailureDomain;
  /** Each node at most once; the order means nothing. */
  readonly members: readonly Member[];
  /** The placement of the epoch before, where the claim is to move as little as possible from it. */
  readonly anchor?: Placement;
}

/** Most replicas of a partition. */
export const N_MAX = 9;
/** Bytes of the largest ring, packed (ring-packing.ts): it travels in one message. */
export const RING_BYTES_MAX = 119 * 1024;

/** The partition that a slot falls in. */
export function partitionOf(slot: Slot, partitions: number): PartitionId {
  return Math.floor((slot * partitions) / SLOT_COUNT) as PartitionId;
}

/** The name of a member's failure domain at a level; two members share a domain exactly if the names are equal. */
export function domainOf(member: Member, level: FailureDomain): string {
  switch (level) {
    case 'node':
      return String(member.node);
    case 'host':
      return member.host;
    case 'machine':
      return member.machine;
    case 'zone':
      return member.zone;
  }
}

/** Number of distinct failure domains of a ring map. */
export function domainCount(map: RingMap): number {
  return new Set(map.members.map((member) => domainOf(member, map.failureDomain))).size;
}

/**
 * Checks that a ring map can place N replicas of every partition.
 * @throws StoreError KV_FAILURE_DOMAINS when N exceeds the distinct failure domains
 * @throws StoreError KV_INVALID_OPTION for partitions, n, nodes or weights out of their range
 */
export function validateRing(map: RingMap): void {
  const { partitions, n, members, failureDomain } = map;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > SLOT_COUNT || partitions & (partitions - 1)) {
    throw invalidOption('partitions', `partitions (${partitions}) must be a power of two from 1 to ${SLOT_COUNT}`);
  }
  if (!Number.isInteger(n) || n < 1 || n > N_MAX)
    throw invalidOption('n', `n (${n}) must be a whole number from 1 to ${N_MAX}`);
  if (!Number.isSafeInteger(map.epoch) || map.epoch < 0)
    throw invalidOption('epoch', `epoch (${map.epoch}) must not be negative`);
  if (members.length === 0) throw invalidOption('nodes', 'a ring needs at least one node');
  const seen = new Set<number>();
  for (const { node, weight } of members) {
    if (!Number.isInteger(node) || node < 0 || node >= NODE_COUNT_MAX) {
      throw invalidOption('nodes', `node ${node} must be a whole number from 0 to ${NODE_COUNT_MAX - 1}`);
    }
    if (seen.has(node)) throw invalidOption('nodes', `node ${node} is named twice`);
    seen.add(node);
    if (!(weight >= 0.1 && weight <= 100)) {
      throw invalidOption('weights', `the weight of node ${node} (${weight}) must lie from 0.1 to 100`);
    }
  }
  const domains = domainCount(map);
  if (n > domains) {
    throw new StoreError(
      'KV_FAILURE_DOMAINS',
      `n is ${n}, but there ${domains === 1 ? 'is 1 failure domain' : `are ${domains} distinct failure domains`} (${failureDomain}): ` +
        `add nodes in ${n - domains} more, lower n to ${domains}, or choose a finer failureDomain`,
      { n, domains, failureDomain },
    );
  }
}
