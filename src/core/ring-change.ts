/**
 * How one ring becomes another while it serves: what a change asks for, what it moves, and when each partition may take its
 * next step. All of it is a pure function of the state that was decided and of what the nodes report.
 *
 *   begin      every partition that changes hands begins to fill; the others take their new owner at once
 *   abort      what fills stays with the holders it has (ring-abort.ts)
 *   advance    filling -> handing over, once every new holder has merged N-W+1 old replicas that refuse older epochs
 *              handing over -> settled, once N-min(R,W)+1 of the old list refuse older epochs
 *
 * Refused epochs are what makes it right: a write under the map before the move cannot find W old replicas that take it
 * once N-W+1 of them refuse, and those that were merged had refused before they were read.
 */
import { claim } from './claim.js';
import { StoreError } from './errors.js';
import { claimOf, holdsNode } from './host-claims.js';
import { epoch, type NodeIndex } from './ids.js';
import type { FailureDomain } from './options.js';
import { preferenceLists } from './preference-list.js';
import { type Member, type Placement, type RingMap, validateRing } from './ring.js';
import { abortMove } from './ring-abort.js';
import { changeHosts, type HostChange, isHostChange } from './ring-hosts.js';
import { checkRingSize } from './ring-size.js';
import { mapOf, newHolders, nextOf, Phase, type RingState } from './ring-state.js';

/** What an operator asks for. */
export type RingChange =
  | { readonly kind: 'join'; readonly members: readonly Member[] }
  | { readonly kind: 'leave'; readonly nodes: readonly number[] }
  | { readonly kind: 'replace'; readonly nodes: readonly number[]; readonly by: readonly Member[] }
  | { readonly kind: 'reweight'; readonly node: number; readonly weight: number }
  | { readonly kind: 'failure-domain'; readonly failureDomain: FailureDomain }
  | { readonly kind: 'abort'; readonly id: number }
  | HostChange;

/** Changes that begin a move. */
type MoveChange = Exclude<RingChange, HostChange | { readonly kind: 'abort' }>;

/** The smallest R and W that requests are promised something for. */
export interface Quorums {
  readonly r: number;
  readonly w: number;
}

/** What a node says of itself: newest epoch that it has adopted on disk, and what it has filled of the move. */
export interface NodeReport {
  readonly node: NodeIndex;
  readonly epoch: number;
  /** The move that `filled` speaks of. */
  readonly move: number;
  readonly filled: readonly number[];
}

/** A replica that moves: `to` copies `partition`, from the first of `sources` and those after it that are needed. */
export interface Transfer {
  readonly partition: number;
  readonly to: NodeIndex;
  readonly sources: readonly NodeIndex[];
}

/** Old replicas that must refuse older epochs before the list is dropped. */
export const refusalsNeeded = (n: number, { r, w }: Quorums): number => n - Math.min(r, w) + 1;

/** Epochs that a change by force skips: whatever the nodes given up may have decided is older. */
const FORCED_EPOCHS = 16;

/**
 * The state that begins a change; the same state where nothing changes. `gone`: nodes given up by force.
 * @throws StoreError KV_RING_CHANGING, KV_INVALID_OPTION, KV_FAILURE_DOMAINS, KV_RING_TOO_LARGE, KV_UNAVAILABLE
 */
export function beginChange(state: RingState, change: RingChange, gone: readonly NodeIndex[] = []): RingState {
  if (change.kind === 'abort') return finished(abortMove(state, change.id));
  const next = isHostChange(change) ? changeHosts(state, change) : beginMove(state, change, gone);
  // what makes the ring smaller must always be possible
  return next === state || change.kind === 'forget' ? next : checkRingSize(next);
}

function beginMove(state: RingState, change: MoveChange, gone: readonly NodeIndex[]): RingState {
  if (state.move !== undefined) {
    const { kind, id } = state.move;
    throw new StoreError(
      'KV_RING_CHANGING',
      `a ${kind} is under way since epoch ${id}; wait until it is done, or call it off (abort)`,
      { id },
    );
  }
  const target = targetOf(state, change);
  validateRing(target);
  const next = preferenceLists(target, claim(target));
  const id = epoch(state.epoch + (gone.length === 0 ? 1 : FORCED_EPOCHS));
  const phases = next.map((list, p) => (sameNodes(list, state.lists[p]) ? Phase.settled : Phase.filling));
  const lists = state.lists.map((list, p) => (phases[p] === Phase.settled ? next[p] : list));
  const since = (before: readonly number[]) => before.map((at, p) => (phases[p] === Phase.settled ? at : id));
  const { members, failureDomain } = target;
  const move = { id, kind: change.kind, members, failureDomain, next, phases, gone };
  return finished({
    ...state,
    epoch: id,
    lists,
    changedAt: since(state.changedAt),
    begunAt: since(state.begunAt),
    move,
  });
}

/** The next state, where the reports allow any partition a step; undefined where they do not. */
export function advance(
  state: RingState,
  reports: ReadonlyMap<NodeIndex, NodeReport>,
  quorums: Quorums,
  isUp: (node: NodeIndex) => boolean,
): RingState | undefined {
  const { move } = state;
  if (move === undefined) return undefined;
  const at = epoch(state.epoch + 1);
  const lists = [...state.lists];
  const phases = [...move.phases];
  const changedAt = [...state.changedAt];
  let steps = 0;
  for (let p = 0; p < phases.length; p++) {
    if (phases[p] === Phase.settled) continue;
    if (!hasRefused(state, p, reports, quorums, isUp)) continue;
    if (phases[p] === Phase.handingOver) {
      lists[p] = move.next[p];
      phases[p] = Phase.settled;
    } else if (isFilled(state, p, reports)) phases[p] = Phase.handingOver;
    else continue;
    changedAt[p] = at;
    steps++;
  }
  if (steps === 0) return undefined;
  return finished({ ...state, epoch: at, lists, changedAt, move: { ...move, phases } });
}

/** Whether enough of the old list refuse what is older than the partition's last step: all that are up, and never too few. */
function hasRefused(
  state: RingState,
  partition: number,
  reports: ReadonlyMap<NodeIndex, NodeReport>,
  quorums: Quorums,
  isUp: (node: NodeIndex) => boolean,
): boolean {
  const gone = state.move?.gone ?? [];
  const old = state.lists[partition].filter((node) => !gone.includes(node));
  const refusing = old.filter((node) => (reports.get(node)?.epoch ?? -1) >= state.changedAt[partition]);
  if (old.some((node) => isUp(node) && !refusing.includes(node))) return false;
  return refusing.length >= Math.min(old.length, refusalsNeeded(state.n, quorums));
}

function isFilled(state: RingState, partition: number, reports: ReadonlyMap<NodeIndex, NodeReport>): boolean {
  const id = state.move?.id;
  return newHolders(state, partition).every((node) => {
    const report = reports.get(node);
    return report !== undefined && report.move === id && report.filled.includes(partition);
  });
}

/** Whether a later ring is, or moves to, what was wanted: also where some of its partitions have taken their steps already. */
export function hasCome(wanted: RingState, ring: RingState): boolean {
  return ring.epoch >= wanted.epoch && JSON.stringify(aimOf(ring)) === JSON.stringify(aimOf(wanted));
}

/** Who the members are once the change under way is done, and how their replicas are spread. */
function aimOf({ members, failureDomain, move }: RingState): unknown[] {
  const to = move ?? { members, failureDomain };
  return [
    to.failureDomain,
    to.members.map(({ node, host, machine, zone, weight }) => [node, host, machine, zone, weight]),
  ];
}

/**
 * A move whose partitions are all settled is over: its members are the ring's. Who is none any more may still deliver hints,
 * unless it was given up by force.
 */
function finished(state: RingState): RingState {
  const { move, ...rest } = state;
  if (move === undefined || move.phases.some((phase) => phase !== Phase.settled)) return state;
  const { members, failureDomain, gone } = move;
  const left = state.members.map(({ node }) => node).filter((node) => !members.some((member) => member.node === node));
  const leavers = [...state.leavers, ...left.filter((node) => !gone.includes(node))];
  return { ...rest, members, failureDomain, leavers };
}

/**
 * What a move, or what is left of one, has to copy. The sources of a transfer are the old holders: those that give their
 * seat up first, since they serve less afterwards; equals take turns, so that no disk feeds everybody.
 */
export function transfersOf(state: RingState): Transfer[] {
  const { move } = state;
  if (move === undefined) return [];
  const transfers: Transfer[] = [];
  for (let partition = 0; partition < state.partitions; partition++) {
    const next = nextOf(state, partition);
    const held = state.lists[partition].filter((node) => !move.gone.includes(node));
    const old = held.map((_, place) => held[(place + partition) % held.length]);
    const sources = [...old.filter((node) => !next.includes(node)), ...old.filter((node) => next.includes(node))];
    for (const to of newHolders(state, partition)) transfers.push({ partition, to, sources });
  }
  return transfers;
}

/** Old replicas that a new holder of this partition has to merge: fewer than N-W+1 only where so few were not given up. */
export function mergesOf({ n, lists, move }: RingState, partition: number, w: number): number {
  const old = lists[partition].filter((node) => move?.gone.includes(node) !== true);
  return Math.min(old.length, n - w + 1);
}

/** Who decides the epoch after this one, by majority. */
export function electorate({ members, move }: RingState): NodeIndex[] {
  return members.map(({ node }) => node).filter((node) => move?.gone.includes(node) !== true);
}

function targetOf(state: RingState, change: MoveChange): RingMap {
  const map = { ...mapOf(state), epoch: epoch(state.epoch + 1) };
  const { members } = map;
  switch (change.kind) {
    case 'join':
      checkNew(state, change.members);
      return { ...map, members: byNode([...members, ...change.members]) };
    case 'leave':
      for (const node of change.nodes) memberOf(members, node);
      return { ...map, members: members.filter(({ node }) => !change.nodes.includes(node)) };
    case 'replace': {
      const { nodes, by } = change;
      if (nodes.length !== by.length) throw invalid('each node is replaced by one other');
      for (const node of nodes) memberOf(members, node);
      checkNew(state, by);
      const kept = members.filter(({ node }) => !nodes.includes(node));
      return { ...map, members: byNode([...kept, ...by]), anchor: renamed(state.lists, nodes, by) };
    }
    case 'reweight': {
      const changed = { ...memberOf(members, change.node), weight: change.weight };
      return { ...map, members: members.map((member) => (member.node === change.node ? changed : member)) };
    }
    case 'failure-domain':
      return { ...map, failureDomain: change.failureDomain };
  }
}

function memberOf(members: readonly Member[], node: number): Member {
  const member = members.find((other) => other.node === node);
  if (member === undefined) throw invalid(`node ${node} is no member of the ring`);
  return member;
}

function checkNew({ members, leavers, hosts }: RingState, joining: readonly Member[]): void {
  for (const { node, host } of hosts.length === 0 ? [] : joining) {
    const claim = claimOf(hosts, host);
    if (claim !== undefined && holdsNode(claim, node)) continue;
    throw invalid(
      `node ${node} is in no range of ${host}: the cluster has forgotten that host; start it with a new directory`,
    );
  }
  const leaving = joining.find(({ node }) => leavers.includes(node));
  if (leaving !== undefined) throw invalid(`node ${leaving.node} has not delivered yet what it had for others`);
  const taken = joining.find(({ node }) => members.some((member) => member.node === node));
  if (taken !== undefined) throw invalid(`node ${taken.node} is a member already`);
}

function renamed(lists: Placement, from: readonly number[], to: readonly Member[]): Placement {
  return lists.map((list) => list.map((node) => to[from.indexOf(node)]?.node ?? node));
}

const byNode = (members: readonly Member[]) => [...members].sort((a, b) => a.node - b.node);

function sameNodes(a: readonly NodeIndex[], b: readonly NodeIndex[]): boolean {
  return a.length === b.length && a.every((node) => b.includes(node));
}

function invalid(message: string): StoreError {
  return new StoreError('KV_INVALID_OPTION', message, { option: 'node' });
}
