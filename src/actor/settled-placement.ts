/**
 * The port of a ring in which nothing moves: its first epoch, each partition with one list.
 */
import type { NodeIndex } from '../core/ids.js';
import type { Placement } from './ports.js';

export interface SettledParts {
  readonly n: number;
  readonly partitions: number;
  /** n nodes for each partition. */
  readonly preference: Uint16Array;
  /** The same number of nodes for each partition; none where left out. */
  readonly fallbacks?: Uint16Array;
  readonly members: readonly NodeIndex[];
  readonly isUp: (node: NodeIndex) => boolean;
  /** Whoever is not up, where left out. */
  readonly suspects?: (node: NodeIndex) => boolean;
}

export function settledPlacement(parts: SettledParts): Placement {
  const { n, partitions, preference, fallbacks = new Uint16Array(0), members, isUp } = parts;
  const { suspects = (node) => !isUp(node) } = parts;
  const spare = fallbacks.length / partitions;
  return {
    n,
    partitions,
    slotShift: 14 - Math.log2(partitions),
    epoch: 1,
    preference,
    next: preference,
    phases: new Uint8Array(partitions),
    changedAt: new Uint32Array(partitions),
    walk: (partition) => fallbacks.subarray(partition * spare, (partition + 1) * spare),
    members,
    isUp,
    suspects,
  };
}
