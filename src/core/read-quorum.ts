/**
 * The decisions of one read: when enough replicas answered, what the answer is, and who must be repaired.
 *
 * The answer is the join of every reply by version, never a vote: with W=1 and R=3 one new record beats two old ones.
 * One replica is asked for its record, the others for versions only; who turns out to have something newer is asked again.
 * A monotonic read answers only with what N-R+1 replicas hold, so that every later read of R replicas meets one of them
 * (the write-back of Attiya, Bar-Noy, Dolev, "Sharing Memory Robustly in Message-Passing Systems", JACM 1995).
 * Pure: each function takes a state and returns a new one; the caller sends what a decision names.
 */
import type { ErrorCode } from './errors.js';
import type { NodeIndex } from './ids.js';
import { emptySet, mergeSets, type SiblingSet, sameSet } from './siblings.js';
import type { ZoneNeed } from './zone-quorum.js';

/** N replicas exist, R must answer. */
export interface ReadQuorumOptions {
  readonly n: number;
  readonly r: number;
  readonly monotonic: boolean;
  /** Nodes that may answer in place of primaries: under a sloppy quorum only. */
  readonly standIns?: readonly NodeIndex[];
  /** By zone, in place of R; such a read is never monotonic. */
  readonly needs?: readonly ZoneNeed[];
}

/** What one replica said: its record (the empty set where it holds none), or why it could not answer. */
export type ReadReply = ReadHolding | { readonly node: NodeIndex; readonly failed: ErrorCode };

/** A replica and the record that it holds, or is being sent. */
export interface ReadHolding {
  readonly node: NodeIndex;
  readonly set: SiblingSet;
  /** The set is without its values: it tells what the replica has, and must never be shown. */
  readonly versionsOnly?: boolean;
  /** The replica may lack acknowledged writes: it counts as one that stands in. */
  readonly isDoubtful?: boolean;
}

/** Plain data; each node stands at most once in each list. */
export interface ReadState {
  readonly options: Required<ReadQuorumOptions>;
  readonly answers: readonly ReadHolding[];
  readonly failures: readonly { readonly node: NodeIndex; readonly failed: ErrorCode }[];
  /** Repairs under way, and the record each will leave. */
  readonly repairing: readonly ReadHolding[];
  /** Nodes that gave their versions and were asked for the record too. */
  readonly fetching: readonly NodeIndex[];
  /** Join of all answers that carry values. */
  readonly merged: SiblingSet;
}

/** What held when a read was answered. */
export interface ReadAnswer {
  readonly kind: 'answer';
  readonly set: SiblingSet;
  /** Primaries that have answered; and nodes that stand in for some, or are primaries in doubt. */
  readonly replicas: number;
  readonly fallbacks: number;
  /** Those of them known to hold exactly `set`. */
  readonly holders: number;
}

/** These nodes have to take the record before the read shows it. */
export interface ReadRepair {
  readonly kind: 'repair';
  readonly set: SiblingSet;
  readonly nodes: readonly NodeIndex[];
}

/** What the coordinator does next. `fetch`: these nodes have something newer than all records so far. */
export type ReadDecision =
  | { readonly kind: 'wait' }
  | ReadAnswer
  | { readonly kind: 'fetch'; readonly nodes: readonly NodeIndex[] }
  | ReadRepair
  | { readonly kind: 'unmet'; readonly needed: number; readonly got: number };

const NONE: readonly never[] = Object.freeze([]);
const WAIT: ReadDecision = Object.freeze({ kind: 'wait' });

/** The state before any reply. */
export function startRead(options: ReadQuorumOptions): ReadState {
  return {
    options: { standIns: NONE, needs: NONE, ...options },
    answers: NONE,
    failures: NONE,
    repairing: NONE,
    fetching: NONE,
    merged: emptySet(),
  };
}

/** Replicas that the coordinator must ask at least: R, and enough to make N-R+1 holders where the read is monotonic. */
export function readsNeeded({ n, r, monotonic }: ReadQuorumOptions): number {
  return monotonic ? Math.max(r, n - r + 1) : r;
}

/**
 * Records a reply. A node that answers twice counts once, with the join of what it said; a failure after an answer
 * leaves the answer and says that the node cannot be repaired, unless its values are still missing.
 */
export function addReadReply(state: ReadState, reply: ReadReply): ReadState {
  const { options, answers, merged } = state;
  const { node } = reply;
  const repairing = without(state.repairing, node);
  const failures = without(state.failures, node);
  if ('failed' in reply) {
    const fetching = state.fetching.filter((other) => other !== node);
    const lost = fetching.length < state.fetching.length && find(answers, node)?.versionsOnly === true;
    const left = lost ? without(answers, node) : answers;
    return { options, answers: left, failures: [...failures, reply], repairing, fetching, merged };
  }
  const hasValues = reply.versionsOnly !== true;
  return {
    options,
    answers: withAnswer(answers, reply),
    failures,
    repairing,
    fetching: hasValues ? state.fetching.filter((other) => other !== node) : state.fetching,
    merged: hasValues ? mergeSets(merged, reply.set) : merged,
  };
}

/** Records that the records of a `fetch` decision were asked for. */
export function startFetches(state: ReadState, nodes: readonly NodeIndex[]): ReadState {
  return { ...state, fetching: [...state.fetching, ...nodes] };
}

/** Records that the repairs of a `repair` decision were sent, so that the next decision waits for them. */
export function startRepairs(state: ReadState, set: SiblingSet, nodes: readonly NodeIndex[]): ReadState {
  let repairing = state.repairing;
  for (const node of nodes) repairing = [...without(repairing, node), { node, set }];
  return { ...state, repairing };
}

/** Records that a replica durably took `set`: from now on it holds the join of its answer and of that. */
export function addRepaired(state: ReadState, node: NodeIndex, set: SiblingSet): ReadState {
  const { versionsOnly = false, isDoubtful = false } = find(state.answers, node) ?? {};
  return addReadReply(state, { node, set, versionsOnly, isDoubtful });
}

/**
 * Waits, answers, asks for records or repairs (monotonic only), or gives up as soon as the quorum cannot be reached any
 * more. A caller that gets `fetch` or `repair` sends them, calls startFetches or startRepairs, and reports each by
 * addRepaired or a reply.
 */
export function decideRead(state: ReadState): ReadDecision {
  const { answers, options } = state;
  const { r, monotonic, needs } = options;
  if (needs.length > 0) return decideZones(state);
  let lost = 0;
  for (const { node } of state.failures) if (find(answers, node) === undefined) lost++;
  if (askable(options) - lost < r) return { kind: 'unmet', needed: r, got: answers.length };
  if (answers.length < r && !monotonic) return WAIT;
  if (answers.length >= r) {
    const fetches = decideFetches(state);
    if (fetches !== undefined) return fetches;
  }
  const holders = countHolders(state);
  return monotonic ? decideMonotonic(state, holders) : answerOf(state, holders);
}

/** The same where each zone has a need of its own. */
function decideZones(state: ReadState): ReadDecision {
  const { answers, failures } = state;
  let isMet = true;
  for (const { nodes, needed } of state.options.needs) {
    const got = nodes.filter((node) => find(answers, node) !== undefined).length;
    const lost = failures.filter(({ node }) => nodes.includes(node) && find(answers, node) === undefined).length;
    if (nodes.length - lost < needed) return { kind: 'unmet', needed, got };
    isMet &&= got >= needed;
  }
  if (!isMet) return WAIT;
  return decideFetches(state) ?? answerOf(state, countHolders(state));
}

/** Asks for the records of those whose versions tell of more; undefined where nobody's do. */
function decideFetches(state: ReadState): ReadDecision | undefined {
  const { answers } = state;
  const missing = answers.filter((answer) => !isCovered(answer, state.merged));
  if (missing.length > 0) {
    const nodes = missing.map(({ node }) => node).filter((node) => !state.fetching.includes(node));
    return nodes.length > 0 ? { kind: 'fetch', nodes } : WAIT;
  }
  return undefined;
}

/** Nodes that may answer. */
const askable = ({ n, standIns }: ReadState['options']): number => n + standIns.length;

/** Whether the join of the records so far has all that the replica's versions tell of. */
function isCovered({ set, versionsOnly }: ReadHolding, merged: SiblingSet): boolean {
  return versionsOnly !== true || sameSet(mergeSets(merged, set), merged);
}

function answerOf({ answers, options, merged }: ReadState, holders: number): ReadAnswer {
  const standsIn = ({ node, isDoubtful }: ReadHolding) => isDoubtful === true || options.standIns.includes(node);
  const fallbacks = answers.filter(standsIn).length;
  return { kind: 'answer', set: merged, replicas: answers.length - fallbacks, fallbacks, holders };
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
  const all = askable(state.options);
  const hopeless = failures.filter(({ node }) => {
    const answer = find(answers, node);
    return answer === undefined || !sameSet(answer.set, merged);
  });
  if (all - hopeless.length < needed) return { kind: 'unmet', needed, got: holders };
  if (answers.length < r) return WAIT;
  if (holders >= needed) return answerOf(state, holders);
  if (answers.length < needed) return WAIT;
  const nodes = readRepairs(state).filter((node) => {
    if (failures.some((failure) => failure.node === node)) return false;
    const underWay = find(repairing, node);
    return underWay === undefined || !sameSet(underWay.set, merged);
  });
  return nodes.length > 0 ? { kind: 'repair', set: merged, nodes } : WAIT;
}

function withAnswer(answers: readonly ReadHolding[], answer: ReadHolding): readonly ReadHolding[] {
  const known = find(answers, answer.node);
  if (known === undefined) return answers.length === 0 ? [answer] : [...answers, answer];
  return answers.map((other) => (other === known ? joinAnswers(known, answer) : other));
}

/** A record stands against versions, before or after it: what it lacks of them the replica has given away meanwhile. */
function joinAnswers(known: ReadHolding, answer: ReadHolding): ReadHolding {
  if ((known.versionsOnly === true) === (answer.versionsOnly === true))
    return { ...answer, set: mergeSets(known.set, answer.set) };
  return known.versionsOnly === true ? answer : known;
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
