/**
 * The decisions of one write: when W replicas have confirmed, and when they no longer can.
 *
 * A write that is `unmet` is indeterminate, not undone: some replicas may hold it, and repair will spread it.
 * Pure: each function takes a state and returns a new one; the caller sends what a decision names.
 * DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store", SOSP 2007, section 4.5.
 */
import type { ErrorCode } from './errors.js';
import type { NodeIndex } from './ids.js';
import type { Durability } from './options.js';

/** N replicas exist, W must confirm. */
export interface WriteQuorumOptions {
  readonly n: number;
  readonly w: number;
}

/** What one replica said: how durably it holds the write, or why it does not. */
export type WriteReply =
  | { readonly node: NodeIndex; readonly durability: Durability }
  | { readonly node: NodeIndex; readonly failed: ErrorCode };

/** Plain data; each node stands in at most one of the lists. */
export interface WriteState {
  readonly options: WriteQuorumOptions;
  readonly confirmations: readonly { readonly node: NodeIndex; readonly durability: Durability }[];
  readonly failures: readonly { readonly node: NodeIndex; readonly failed: ErrorCode }[];
}

/** What the coordinator does next. `durability` is the weakest among the confirmations. */
export type WriteDecision =
  | { readonly kind: 'wait' }
  | { readonly kind: 'acked'; readonly replicas: number; readonly durability: Durability }
  | { readonly kind: 'unmet'; readonly needed: number; readonly got: number };

const NONE: readonly never[] = Object.freeze([]);
const WAIT: WriteDecision = Object.freeze({ kind: 'wait' });
const STRENGTH: Readonly<Record<Durability, number>> = { none: 0, interval: 1, sync: 2 };

/** The state before any reply. */
export function startWrite(options: WriteQuorumOptions): WriteState {
  return { options, confirmations: NONE, failures: NONE };
}

/**
 * Records a reply. A node counts once: a confirmation stands against any failure, before or after it, because the
 * replica holds the write; a second confirmation counts with the stronger durability.
 */
export function addWriteReply(state: WriteState, reply: WriteReply): WriteState {
  const { node } = reply;
  const index = state.confirmations.findIndex((held) => held.node === node);
  if (!('durability' in reply)) {
    if (index >= 0 || state.failures.some((failure) => failure.node === node)) return state;
    return { ...state, failures: [...state.failures, reply] };
  }
  const confirmations = state.confirmations.slice();
  if (index < 0) confirmations.push(reply);
  else if (STRENGTH[reply.durability] > STRENGTH[confirmations[index].durability]) confirmations[index] = reply;
  return { ...state, confirmations, failures: state.failures.filter((failure) => failure.node !== node) };
}

/** The decision by counts alone: what the coordinator asks on every confirmation, without an allocation. */
export function settleWrite(n: number, w: number, confirmed: number, failed: number): WriteDecision['kind'] {
  if (confirmed >= w) return 'acked';
  return n - failed < w ? 'unmet' : 'wait';
}

/** Waits, acknowledges, or gives up as soon as W cannot be reached any more. */
export function decideWrite(state: WriteState): WriteDecision {
  const { n, w } = state.options;
  const replicas = state.confirmations.length;
  const kind = settleWrite(n, w, replicas, state.failures.length);
  if (kind === 'acked') return { kind, replicas, durability: weakest(state) };
  if (kind === 'unmet') return { kind, needed: w, got: replicas };
  return WAIT;
}

/** Replicas that are known to lack the write: each is owed a hint or a repair. */
export function writeRepairs(state: WriteState): readonly NodeIndex[] {
  return state.failures.map((failure) => failure.node);
}

function weakest(state: WriteState): Durability {
  let least: Durability = 'sync';
  for (const { durability } of state.confirmations) if (STRENGTH[durability] < STRENGTH[least]) least = durability;
  return least;
}
