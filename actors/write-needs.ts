/**
 * What the write of a slot waits for: W of each of its lists, or of each list the replicas of some zones. The common case
 * costs a look at one bit.
 */
import type { Placement } from '../src/actor/ports.js';
import type { NodeIndex } from '../src/core/ids.js';
import { confirmedOf, settleWrite, type WriteDecision } from '../src/core/write-quorum.js';
import { type PlacesNeed, settleZones, shortestOf, zoneNeeds } from '../src/core/zone-quorum.js';
import { isZoned, quorumOf, zoneQuorumOf } from '../src/protocol/outcome.js';
import type { WriteTable } from './write-table.js';

/** Notes what a zoned write needs of the lists that it goes to; nothing to do for any other. */
export function noteZoneNeeds(placement: Placement, self: NodeIndex, writes: WriteTable, slot: number): void {
  if (!isZoned(writes.options[slot])) return;
  const quorum = zoneQuorumOf(writes.options[slot]);
  const needsOf = (list: number): PlacesNeed[] => {
    const nodes = nodesIn(writes, slot, list);
    const needs = zoneNeeds(quorum, nodes, (node) => placement.zoneOf(node), placement.zoneOf(self));
    return needs.map((need) => ({ places: placesOf(writes, slot, need.nodes), needed: need.needed }));
  };
  const { current, next } = writes;
  writes.needs[slot] =
    current[slot] === next[slot] ? needsOf(current[slot]) : [current[slot], next[slot]].flatMap(needsOf);
}

function nodesIn(writes: WriteTable, slot: number, list: number): NodeIndex[] {
  const nodes: NodeIndex[] = [];
  for (let place = 0; place < writes.places[slot]; place++) {
    if (((list >>> place) & 1) === 1) nodes.push(writes.nodeAt(slot, place) as NodeIndex);
  }
  return nodes;
}

function placesOf(writes: WriteTable, slot: number, nodes: readonly NodeIndex[]): number {
  return nodes.reduce((set, node) => set | (1 << writes.placeOf(slot, node)), 0);
}

/** What comes of the write if nobody but these places fails. */
export function decideWrite(writes: WriteTable, slot: number, failed = writes.failed[slot]): WriteDecision {
  const { options, current, next, confirmed, needs } = writes;
  if (isZoned(options[slot])) return settleZones(needs[slot], confirmed[slot], failed);
  return settleWrite(quorumOf(options[slot]), current[slot], next[slot], confirmed[slot], failed);
}

/** Needed << 8 | got, where these places confirm. */
export function detailOf({ options, current, next, needs }: WriteTable, slot: number, places: number): number {
  if (isZoned(options[slot])) {
    const { needed, got } = shortestOf(needs[slot], places);
    return (needed << 8) | got;
  }
  return (quorumOf(options[slot]) << 8) | confirmedOf(current[slot], next[slot], places);
}
