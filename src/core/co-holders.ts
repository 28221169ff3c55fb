/** Who holds a partition, now or when it has moved; and which of two holders begins to compare it. */
import type { NodeIndex } from './ids.js';

export interface HolderLists {
  readonly n: number;
  readonly partitions: number;
  /** n nodes for each partition. */
  readonly preference: Uint16Array;
  /** The same, once the partition has moved. */
  readonly next: Uint16Array;
}

/** The partition's holders, those of the list in force first. */
export function holdersOf({ n, preference, next }: HolderLists, partition: number): NodeIndex[] {
  const first = partition * n;
  return [...new Set([...preference.subarray(first, first + n), ...next.subarray(first, first + n)])] as NodeIndex[];
}

/** The other holders of a partition; none where the node itself is no holder. */
export function coHoldersOf(lists: HolderLists, partition: number, node: NodeIndex): NodeIndex[] {
  const holders = holdersOf(lists, partition);
  return holders.includes(node) ? holders.filter((other) => other !== node) : [];
}

/** The holders with which a node compares a partition when it is time: those behind it, so that each pair does it once. */
export function laterHoldersOf(lists: HolderLists, partition: number, node: NodeIndex): NodeIndex[] {
  const holders = holdersOf(lists, partition);
  const place = holders.indexOf(node);
  return place < 0 ? [] : holders.slice(place + 1);
}
