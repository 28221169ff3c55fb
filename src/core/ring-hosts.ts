/**
 * Who belongs to the cluster besides the members: hosts that were let in and have their ranges, and nodes that have left and
 * may still deliver what they have. Each change of it is an epoch of the ring in which nothing moves; it may come in the
 * middle of a move.
 */
import { StoreError } from './errors.js';
import { type Admission, admitted, claimOf, type HostClaim, holdsNode } from './host-claims.js';
import { epoch, type NodeIndex } from './ids.js';
import { allMembers, type RingState } from './ring-state.js';

/** A host is let in, or is no part of the cluster any more. */
export type HostChange = ({ readonly kind: 'admit' } & Admission) | { readonly kind: 'forget'; readonly host: string };

export const isHostChange = (change: { readonly kind: string }): change is HostChange =>
  change.kind === 'admit' || change.kind === 'forget';

/** The same state where nothing changes. @throws StoreError KV_INVALID_OPTION, KV_UNAVAILABLE */
export function changeHosts(state: RingState, change: HostChange): RingState {
  const members = allMembers(state);
  const next = (hosts: RingState['hosts']) => ({ ...state, epoch: epoch(state.epoch + 1), hosts });
  if (change.kind === 'admit') {
    const nodes = members.map(({ node }) => node);
    const hosts = admitted(state.hosts, nodes, change);
    return hosts === state.hosts ? state : next(hosts);
  }
  const { host } = change;
  const own = members.filter((member) => member.host === host);
  if (own.length > 0) {
    throw invalid(`nodes of ${host} are members (${own.map(({ node }) => node).join(', ')}): they must leave first`);
  }
  const claim = claimOf(state.hosts, host);
  if (claim === undefined) return state;
  // what they still had for others is given up with the host
  const leavers = state.leavers.filter((node) => !holdsNode(claim, node));
  return { ...next(state.hosts.filter((other) => other !== claim)), leavers };
}

/** Whether a node of this range has left and is still to deliver what it has. */
export const isLeaving = ({ leavers }: RingState, claim: HostClaim): boolean =>
  leavers.some((node) => holdsNode(claim, node));

/** Hosts that were let in and have no node in the ring, not even one that has left and is still to deliver something. */
export function idleHosts(state: RingState): string[] {
  const serving = new Set(allMembers(state).map(({ host }) => host));
  return state.hosts.filter((claim) => !serving.has(claim.host) && !isLeaving(state, claim)).map(({ host }) => host);
}

/** The ring in which these nodes, which have left, have nothing to deliver any more; undefined where none of them would. */
export function retire(state: RingState, nodes: readonly NodeIndex[]): RingState | undefined {
  const leavers = state.leavers.filter((node) => !nodes.includes(node));
  if (leavers.length === state.leavers.length) return undefined;
  return { ...state, epoch: epoch(state.epoch + 1), leavers };
}

function invalid(message: string): StoreError {
  return new StoreError('KV_INVALID_OPTION', message, { option: 'host' });
}
