/**
 * The decisions of one read: when enough replicas answered, what the answer is, and who must be repaired.
 *
 * The answer is the join of every reply by version, never a vote: with W=1 and R=3 one new record beats two old ones.
 * A monotonic read answers only with what N-R+1 replicas hold, so that every later read of R replicas meets one of them
 * (the write-back of Attiya, Bar-Noy, Dolev, "Sharing Memory Robustly in Message-Passing Systems", JACM 1995).
 * Pure: each function takes a state and returns a new one; the caller sends what a decision names.
 */
import type { ErrorCode } from './errors.js';
import type { NodeIndex } from './ids.js';
import { emptySet, mergeSets, type SiblingSet, sameSet } from './siblings.js';

/** N replicas exist, R must answer. */
export interface ReadQuorumOptions {
  readonly n: number;
  readonly r: number;
  readonly monotonic: boolean;
}

/** What one replica said: its record (the empty set where it holds none), or why it could not answer. */
export type ReadReply =
  | { readonly node: NodeIndex; readonly set: SiblingSet }
  | { readonly node: NodeIndex; readonly failed: ErrorCode };

/** A replica and the record that it holds, or is being sent. */
export interface ReadHolding {
  readonly node: NodeIndex;
  readonly set: SiblingSet;
}

/** Plain data; each node stands at most once in each list. */
export interface ReadState {
  readonly options: ReadQuorumOptions;
  readonly answers: readonly ReadHolding[];
  readonly failures: readonly { readonly node: NodeIndex; readonly failed: ErrorCode }[];
  /** Repairs under way, and the record each will leave. */
  readonly repairing: readonly ReadHolding[];
  /** Join of all answers. */
  readonly merged: SiblingSet;
}

/** What the coordinator does next. `holders` of an answer: replicas known to hold exactly `set`. */
export type ReadDecision =
  | { readonly kind: 'wait' }
  | { readonly kind: 'answer'; readonly set: SiblingSet; readonly replicas: number; readonly holders: number }
  | { readonly kind: 'repair'; readonly set: SiblingSet; readonly nodes: readonly NodeIndex[] }
  | { readonly kind: 'unmet'; readonly needed: number; readonly got: number };

const NONE: readonly never[] = Object.freeze([]);
const WAIT: ReadDecision = Object.freeze({ kind: 'wait' });

/** The state before any reply. */
export function startRead(options: ReadQuorumOptions): ReadState {
  return { options, answers: NONE, failures: NONE, repairing: NONE, merged: emptySet() };
}

/** Replicas that the coordinator must ask at least: R, and enough to make N-R+1 holders where the read is monotonic. */
export function readsNeeded({ n, r, monotonic }: ReadQuorumOptions): number {
  return monotonic ? Math.max(r, n - r + 1) : r;
}

/**
 * Records a reply. A node that answers twice counts once, with the join of what it said; a failure after an answer
 * leaves the answer and says that the node cannot be repaired.
 */
export function addReadReply(state: ReadState, reply: ReadReply): ReadState {
  const { options, answers, merged } = state;
  const { node } = reply;
  const repairing = without(state.repairing, node);
  const failures = without(state.failures, node);
  if (!('set' in reply)) return { options, answers, failures: [...failures, reply], repairing, merged };
  return {
    options,
    answers: withAnswer(answers, reply),
    failures,
    repairing,
    merged: mergeSets(merged, reply.set),
  };
}

/** Records that the repairs of a `repair` decision were sent, so that the next decision waits for them. */
export function startRepairs(state: ReadState, set: SiblingSet, nodes: readonly NodeIndex[]): ReadState {
  let repairing = state.repairing;
  for (const node of nodes) repairing = [...without(repairing, node), { node, set }];
  return { ...state, repairing };
}

/** Records that a replica durably took `set`: from now on it holds the join of its answer and of that. */
export function addRepaired(state: ReadState, node: NodeIndex, set: SiblingSet): ReadState {
  return addReadReply(state, { node, set });
}

/**
 * Waits, answers, asks for repairs (monotonic only) or gives up as soon as the quorum cannot be reached any more.
 * A caller that gets `repair` sends them, calls startRepairs, and reports each by addRepaired or a failed reply.
 */
export function decideRead(state: ReadState): ReadDecision {
  const { answers, options } = state;
  const { n, r, monotonic } = options;
  let lost = 0;
  for (const { node } of state.failures) if (find(answers, node) === undefined) lost++;
  if (n - lost < r) return { kind: 'unmet', needed: r, got: answers.length };
  if (answers.length < r && !monotonic) return WAIT;
  const holders = countHolders(state);
  if (!monotonic) return { kind: 'answer', set: state.merged, replicas: answers.length, holders };
  return decideMonotonic(state, holders);
}

/** Replicas that answered with something older than the join: each is to be sent `state.merged`. */
export function readRepairs(state: ReadState): readonly NodeIndex[] {
  const nodes: NodeIndex[] = [];
  for (const { node, set } of state.answers) if (!sameSet(set, state.merged)) nodes.push(node);
  return nodes;
}

function decideMonotonic(state: ReadState, holders: number): ReadDecision {
  const { answers, failures, repairing, merged } = state;
  const { n, r } = state.options;
  const needed = n - r + 1;
  const hopeless = failures.filter(({ node }) => {
    const answer = find(answers, node);
    return answer === undefined || !sameSet(answer.set, merged);
  });
  if (n - hopeless.length < needed) return { kind: 'unmet', needed, got: holders };
  if (answers.length < r) return WAIT;
  if (holders >= needed) return { kind: 'answer', set: merged, replicas: answers.length, holders };
  if (answers.length < needed) return WAIT;
  const nodes = readRepairs(state).filter((node) => {
    if (failures.some((failure) => failure.node === node)) return false;
    const underWay = find(repairing, node);
    return underWay === undefined || !sameSet(underWay.set, merged);
  });
  return nodes.length > 0 ? { kind: 'repair', set: merged, nodes } : WAIT;
}

function withAnswer(answers: readonly ReadHolding[], { node, set }: ReadHolding): readonly ReadHolding[] {
  const known = find(answers, node);
  if (known === undefined) return answers.length === 0 ? [{ node, set }] : [...answers, { node, set }];
  return answers.map((answer) => (answer === known ? { node, set: mergeSets(known.set, set) } : answer));
}

function countHolders(state: ReadState): number {
  let holders = 0;
  for (const { set } of state.answers) if (sameSet(set, state.merged)) holders++;
  return holders;
}

function find(list: readonly ReadHolding[], node: NodeIndex): ReadHolding | undefined {
  for (const item of list) if (item.node === node) return item;
  return undefined;
}

function without<Item extends { readonly node: NodeIndex }>(list: readonly Item[], node: NodeIndex): readonly Item[] {
  for (const item of list) if (item.node === node) return list.filter((other) => other.node !== node);
  return list;
}
