/**
 * What has to be copied when the ring map changes: one transfer for each replica that a node gains.
 *
 * The source is a holder of the old map. One that gives its seat up goes first, because it serves less afterwards; then
 * those that stay; those that are no members any more come last, because they may be gone. Among equals the source with
 * the fewest transfers so far is taken, so that no disk feeds everybody.
 */
import { claim } from './claim.js';
import type { NodeIndex, PartitionId } from './ids.js';
import { preferenceLists } from './preference-list.js';
import type { RingMap } from './ring.js';

/** Copy `partition` from one node to another. */
export interface Transfer {
  readonly partition: PartitionId;
  readonly from: NodeIndex;
  readonly to: NodeIndex;
}

/** Every transfer between two valid maps with the same partitions, in the order of the partitions. */
export function transferPlan(before: RingMap, after: RingMap): readonly Transfer[] {
  const held = preferenceLists(before, claim(before));
  const wanted = preferenceLists(after, claim(after));
  const members = new Set(after.members.map((member) => member.node));
  const sent = new Map<NodeIndex, number>();
  const plan: Transfer[] = [];
  wanted.forEach((list, partition) => {
    const rank = (node: NodeIndex): number => (members.has(node) ? (list.includes(node) ? 1 : 0) : 2);
    const load = (node: NodeIndex): number => sent.get(node) ?? 0;
    for (const to of list) {
      if (held[partition].includes(to)) continue;
      const [from] = [...held[partition]].sort((a, b) => rank(a) - rank(b) || load(a) - load(b) || a - b);
      sent.set(from, load(from) + 1);
      plan.push({ partition: partition as PartitionId, from, to });
    }
  });
  return plan;
}
