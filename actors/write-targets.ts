/**
 * Which nodes a write goes to: the primaries of both lists, and for each that is skipped the next node of the walk
 * (DeCandia et al., "Dynamo", SOSP 2007, section 4.6; core/stand-ins.ts says which). A primary is skipped where it is suspected, or, under a strict
 * quorum that cannot do without suspects, where it is down.
 */
import { Phase, type Placement } from '../src/actor/ports.js';
import type { NodeIndex } from '../src/core/ids.js';
import { spreadOut } from '../src/core/stand-ins.js';
import { countedPlaces, countPlaces, PLACES_MAX } from '../src/core/write-quorum.js';
import { Ask, quorumOf } from '../src/protocol/outcome.js';
import { decideWrite, noteZoneNeeds } from './write-needs.js';
import type { WriteTable } from './write-table.js';

/**
 * Fills in the places of the write in this slot; skipped primaries have failed. Returns how many replicas that count can
 * confirm, of the list that has fewer of them; -1 where this node can take no part in it.
 */
export function chooseTargets(placement: Placement, self: NodeIndex, writes: WriteTable, slot: number): number {
  const { n, preference, phases } = placement;
  const partition = writes.partition[slot];
  const first = partition * n;
  let skips = phases[partition] !== Phase.settled;
  let isPrimary = false;
  for (let i = first; i < first + n; i++) {
    const node = preference[i] as NodeIndex;
    writes.addPlace(slot, node);
    if (node === self) isPrimary = true;
    else if (placement.suspects(node)) skips = true;
  }
  const all = (1 << n) - 1;
  writes.current[slot] = all;
  writes.next[slot] = all;
  if (!isPrimary || skips) return chooseSlowly(placement, self, writes, slot);
  noteZoneNeeds(placement, self, writes, slot);
  return n;
}

/** The same where the partition moves, a primary is skipped, or this node is none of them. */
function chooseSlowly(placement: Placement, self: NodeIndex, writes: WriteTable, slot: number): number {
  addNextList(placement, writes, slot);
  noteZoneNeeds(placement, self, writes, slot);
  const available = (writes.options[slot] & (Ask.available | Ask.zoned)) === Ask.available;
  const isDown = (node: NodeIndex) => node !== self && !placement.isUp(node);
  const isSuspect = (node: NodeIndex) => node !== self && placement.suspects(node);
  let skipped = placesOf(writes, slot, isSuspect);
  // a suspicion proves nothing: where W cannot be had without the suspects, they are asked too
  const isShort = available
    ? reachable(writes, slot, skipped) + countFree(placement, self, writes, slot) < quorumOf(writes.options[slot])
    : decideWrite(writes, slot, skipped) === 'unmet';
  if (isShort) skipped = placesOf(writes, slot, isDown);
  writes.failed[slot] = skipped;
  const isPrimary = writes.placeOf(slot, self) >= 0;
  if (!isPrimary && !available) return -1;
  // a node that coordinates without being a primary holds a copy: it stands in for one
  if (!isPrimary) writes.addPlace(slot, self, skipped === 0 ? 0 : 31 - Math.clz32(skipped & -skipped));
  // for a primary that is not skipped it would count twice
  const uncounted = isPrimary || skipped !== 0 ? 0 : writes.standIns[slot];
  addStandIns(placement, self, writes, slot, skipped);
  const standIns = writes.standIns[slot] & ~uncounted;
  const counted = countedPlaces({ current: writes.current[slot], next: writes.next[slot], standIns }, available);
  writes.current[slot] = counted.current;
  writes.next[slot] = counted.next;
  return reachable(writes, slot, skipped);
}

function addNextList({ n, next, phases }: Placement, writes: WriteTable, slot: number): void {
  const partition = writes.partition[slot];
  if (phases[partition] === Phase.settled) return;
  let list = 0;
  for (let i = partition * n; i < partition * n + n; i++) {
    const known = writes.placeOf(slot, next[i]);
    list |= 1 << (known >= 0 ? known : writes.addPlace(slot, next[i]));
  }
  writes.next[slot] = list;
}

/**
 * Has a write go to the lists of a move that has begun since: the places that this adds, or -1 where the list in force now is
 * not the one that it was to hold at last. `addPlace` keeps primaries first as long as nobody stands in.
 */
export function addMove(placement: Placement, self: NodeIndex, writes: WriteTable, slot: number): number {
  const { n, preference } = placement;
  const first = writes.partition[slot] * n;
  const known = writes.places[slot];
  let list = 0;
  for (let i = first; i < first + n; i++) {
    const place = writes.placeOf(slot, preference[i]);
    if (place < 0) return -1;
    list |= 1 << place;
  }
  if (list !== writes.next[slot] || known + n > PLACES_MAX) return -1;
  writes.current[slot] = list;
  addNextList(placement, writes, slot);
  noteZoneNeeds(placement, self, writes, slot);
  return (1 << writes.places[slot]) - (1 << known);
}

/** Primaries of the write that are so. */
function placesOf(writes: WriteTable, slot: number, is: (node: NodeIndex) => boolean): number {
  let set = 0;
  for (let place = 0; place < writes.places[slot]; place++) {
    if (is(writes.nodeAt(slot, place) as NodeIndex)) set |= 1 << place;
  }
  return set;
}

function reachable(writes: WriteTable, slot: number, skipped: number): number {
  return Math.min(countPlaces(writes.current[slot] & ~skipped), countPlaces(writes.next[slot] & ~skipped));
}

/** Nodes of the walk that stand-ins are chosen from: in a large ring the first ones are far enough apart. */
const CANDIDATES_MAX = 64;

/**
 * A stand-in for each skipped primary, as far as the walk has some that are not suspected: those that are furthest apart from
 * each other and from the primaries that are left.
 */
function addStandIns(placement: Placement, self: NodeIndex, writes: WriteTable, slot: number, skipped: number): void {
  const places = writes.places[slot];
  const needy: number[] = [];
  const held: NodeIndex[] = [];
  for (let place = 0; place < places; place++) {
    if (((skipped >>> place) & 1) === 0) held.push(writes.nodeAt(slot, place) as NodeIndex);
    else if (!hasStandIn(writes, slot, place)) needy.push(place);
  }
  const free: NodeIndex[] = [];
  for (const node of placement.walk(writes.partition[slot])) {
    if (free.length < CANDIDATES_MAX && isFree(placement, self, writes, slot, node)) free.push(node as NodeIndex);
  }
  const countMax = Math.min(needy.length, PLACES_MAX - places);
  const chosen = spreadOut(free, held, placement.nearness, countMax);
  for (const [index, node] of chosen.entries()) writes.addPlace(slot, node, needy[index]);
}

function isFree(placement: Placement, self: NodeIndex, writes: WriteTable, slot: number, node: number): boolean {
  return node !== self && !placement.suspects(node as NodeIndex) && writes.placeOf(slot, node) < 0;
}

/** Nodes that could stand in for a primary. */
function countFree(placement: Placement, self: NodeIndex, writes: WriteTable, slot: number): number {
  let count = writes.placeOf(slot, self) < 0 ? 1 : 0;
  for (const node of placement.walk(writes.partition[slot])) if (isFree(placement, self, writes, slot, node)) count++;
  return count;
}

/** Whether a node of `among` stands in for the primary at this place. */
export function hasStandIn(writes: WriteTable, slot: number, place: number, among = ~0): boolean {
  for (let other = writes.places[slot] - 1; other > place; other--) {
    if (writes.insteadOf(slot, other) === place && ((among >>> other) & 1) === 1) return true;
  }
  return false;
}
