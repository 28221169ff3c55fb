/**
 * The ring as decided at one epoch: what every node adopts, keeps on disk and routes by. Between two settled maps stands a
 * move: each partition that changes hands goes through two phases, on its own, while it is served.
 *
 *   settled       writes W of the list                    reads R of the list
 *   filling       writes W of the old and W of the new    reads R of the old     (the new holders copy what there is)
 *   handing over  writes W of the old and W of the new    reads R of the new     (who still asks the old one is right too)
 *   settled       the new list; the old one is dropped
 *
 * Lamport, Malkhi, Zhou, "Vertical Paxos and Primary-Backup Replication", 2009, and Raft's joint consensus share the idea.
 */
import { claim } from './claim.js';
import { StoreError } from './errors.js';
import { claimsFrom, type HostClaim } from './host-claims.js';
import { type Epoch, epoch, type NodeIndex, nodeIndex } from './ids.js';
import type { FailureDomain } from './options.js';
import { preferenceLists } from './preference-list.js';
import type { Member, Placement, RingMap } from './ring.js';

/** Where a partition's move stands. */
export const enum Phase {
  settled = 0,
  filling = 1,
  handingOver = 2,
}

export type ChangeKind = 'join' | 'leave' | 'replace' | 'reweight' | 'failure-domain';

/** A change under way. */
export interface RingMove {
  /** Epoch that began it: its name. */
  readonly id: number;
  readonly kind: ChangeKind;
  readonly members: readonly Member[];
  readonly failureDomain: FailureDomain;
  /** The list of each partition when the change is done. */
  readonly next: Placement;
  readonly phases: readonly Phase[];
  /** Nodes that were given up by force: nothing waits for them, and what only they held is lost. */
  readonly gone: readonly NodeIndex[];
}

export interface RingState {
  readonly epoch: Epoch;
  readonly partitions: number;
  readonly n: number;
  readonly failureDomain: FailureDomain;
  /** Who decides the next epoch, by majority. */
  readonly members: readonly Member[];
  /** The list in force of each partition, its owner first; of one that moves, the old one. */
  readonly lists: Placement;
  /** Epoch at which each partition last changed its list or its phase: reads of older ones are refused. */
  readonly changedAt: readonly number[];
  /**
   * Epoch that began each partition's last move: writes of older ones are refused. All writes since go to the list that
   * is in force now, whatever else they go to.
   */
  readonly begunAt: readonly number[];
  /** Ranges of node indices: of every host that was let in and has not been forgotten. */
  readonly hosts: readonly HostClaim[];
  /**
   * Nodes that have left and may still deliver what they have for others. Whoever is neither a member nor one of these is
   * believed nothing any more.
   */
  readonly leavers: readonly NodeIndex[];
  readonly move?: RingMove;
}

/** The first state of a ring, from its map. */
export function firstRingState(map: RingMap): RingState {
  const { epoch: first, partitions, n, failureDomain, members } = map;
  const since = new Array<number>(partitions).fill(first);
  const lists = preferenceLists(map, claim(map));
  return {
    epoch: first,
    partitions,
    n,
    failureDomain,
    members,
    lists,
    changedAt: since,
    begunAt: since,
    hosts: [],
    leavers: [],
  };
}

/** The map that a settled state stands for: what the next one is claimed from. */
export function mapOf(state: RingState): RingMap {
  const { partitions, n, failureDomain, members, lists } = state;
  return { epoch: state.epoch, partitions, n, failureDomain, members, anchor: lists };
}

export function phaseOf({ move }: RingState, partition: number): Phase {
  return move === undefined ? Phase.settled : move.phases[partition];
}

/** The new list of a partition that moves, the list in force of any other. */
export function nextOf({ move, lists }: RingState, partition: number): readonly NodeIndex[] {
  return move === undefined || move.phases[partition] === Phase.settled ? lists[partition] : move.next[partition];
}

/** The lists of which a write needs W each. */
export function writeLists(state: RingState, partition: number): readonly (readonly NodeIndex[])[] {
  if (phaseOf(state, partition) === Phase.settled) return [state.lists[partition]];
  return [state.lists[partition], nextOf(state, partition)];
}

/** The list of which a read needs R. */
export function readList(state: RingState, partition: number): readonly NodeIndex[] {
  return phaseOf(state, partition) === Phase.handingOver ? nextOf(state, partition) : state.lists[partition];
}

/** Nodes that hold a partition when its move is done and did not before. */
export function newHolders(state: RingState, partition: number): readonly NodeIndex[] {
  const held = state.lists[partition];
  return nextOf(state, partition).filter((node) => !held.includes(node));
}

/** Members of the old and of the new map, by node. */
export function allMembers({ members, move }: RingState): readonly Member[] {
  if (move === undefined) return members;
  const old = new Set(members.map((member) => member.node));
  return [...members, ...move.members.filter((member) => !old.has(member.node))].sort((a, b) => a.node - b.node);
}

/** Partitions that are not settled. */
export function movingPartitions({ move }: RingState): number[] {
  const moving: number[] = [];
  move?.phases.forEach((phase, partition) => {
    if (phase !== Phase.settled) moving.push(partition);
  });
  return moving;
}

/**
 * Every node that is no holder of a partition, old or new, in the order in which they stand in for its primaries: those
 * met clockwise as owners of the next partitions, then the rest.
 */
export function fallbacksOf(state: RingState, partition: number): NodeIndex[] {
  const { lists } = state;
  const held = new Set([...lists[partition], ...nextOf(state, partition)]);
  const met = new Set<NodeIndex>();
  for (let step = 1; step < lists.length; step++) met.add(lists[(partition + step) % lists.length][0]);
  for (const { node } of allMembers(state)) met.add(node);
  return [...met].filter((node) => !held.has(node));
}

/** The state as plain data, for CBOR and for JSON: the lists as one array of numbers, of a move only what is not settled. */
export function ringToPlain(state: RingState): unknown {
  const { move, lists, ...rest } = state;
  const plain = { ...rest, lists: lists.flat() };
  if (move === undefined) return plain;
  const { next, phases, ...named } = move;
  const moving = movingPartitions(state).flatMap((p) => [p, phases[p], ...next[p]]);
  return { ...plain, move: { ...named, moving } };
}

/** The inverse. @throws StoreError KV_PROTOCOL for what cannot be a ring */
export function ringFromPlain(value: unknown): RingState {
  const plain = value as PlainRing;
  const { partitions, n, members, changedAt, move, leavers = [] } = plain ?? {};
  const hosts = claimsFrom(plain?.hosts);
  const isRing =
    Number.isSafeInteger(plain?.epoch) &&
    Array.isArray(members) &&
    hosts !== undefined &&
    isList(plain.lists, partitions * n) &&
    isList(changedAt, partitions) &&
    isList(leavers, leavers.length) &&
    isList(plain.begunAt, partitions) &&
    (move === undefined || isList(move.moving, Math.floor(move.moving?.length / (n + 2)) * (n + 2)));
  if (!isRing) throw new StoreError('KV_PROTOCOL', 'this is no ring map');
  const { move: _, ...rest } = plain;
  const lists = Array.from({ length: partitions }, (_, p) => plain.lists.slice(p * n, (p + 1) * n).map(nodeIndex));
  const state = { ...rest, epoch: epoch(plain.epoch), lists, hosts, leavers };
  return move === undefined ? state : { ...state, move: moveFrom(move, lists, n) };
}

type PlainMove = Omit<RingMove, 'next' | 'phases'> & { readonly moving: readonly number[] };
type PlainRing = Omit<RingState, 'lists' | 'move'> & {
  readonly lists: readonly number[];
  readonly move?: PlainMove;
};

function isList(value: unknown, length: number): boolean {
  return Array.isArray(value) && value.length === length && value.every((item) => Number.isSafeInteger(item));
}

function moveFrom({ moving, ...named }: PlainMove, lists: Placement, n: number): RingMove {
  const next = [...lists];
  const phases = lists.map(() => Phase.settled);
  for (let at = 0; at < moving.length; at += n + 2) {
    const partition = moving[at];
    phases[partition] = moving[at + 1];
    next[partition] = moving.slice(at + 2, at + 2 + n).map(nodeIndex);
  }
  return { ...named, next, phases };
}
