/**
 * The reads of a coordinator: asks one replica for its record and R-1 for their versions, answers with the join of what
 * they hold, sends stale ones what they lack.
 * Request ids of reads are negative, those of writes positive; both share the coordinator's address.
 */
import { nodeOf } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import type { NodeIndex } from '../src/core/ids.js';
import { rarely } from '../src/core/rare-path.js';
import {
  addReadReply,
  addRepaired,
  decideRead,
  type ReadAnswer,
  type ReadRepair,
  type ReadState,
  readRepairs,
  readsNeeded,
  startFetches,
  startRead,
  startRepairs,
} from '../src/core/read-quorum.js';
import type { SiblingSet } from '../src/core/siblings.js';
import type { MessageView } from '../src/protocol/header.js';
import { Answer, Read, Replicated } from '../src/protocol/messages.js';
import { Ask, errorOf, isOlderThan, isSuccess, isZoned } from '../src/protocol/outcome.js';
import type { KeyParts } from '../src/protocol/record-set.js';
import { isPast } from './late-write.js';
import { answer, answerError, decodeFetched, isTooLarge, keyOf, worst } from './read-answers.js';
import {
  confirmHandOn,
  decideHandOn,
  endHandOn,
  fillingFor,
  type HandOn,
  mustHandOn,
  NOBODY,
  startHandOn,
} from './read-hand-on.js';
import { ask, NO_REPLY, repair } from './read-sends.js';
import { quorumFor, readList } from './read-targets.js';

export interface OpenRead {
  readonly client: number;
  readonly request: number;
  readonly deadline: number;
  readonly partition: number;
  /** Of the ring that the list was read from: who refuses that one must not answer under a newer one. */
  readonly epoch: number;
  readonly key: KeyParts;
  state: ReadState;
  /** Nodes not asked yet, in the order in which they are; behind them those that are asked once more. */
  readonly spare: NodeIndex[];
  /** Under a sloppy quorum: nodes that have refused as being in doubt, and answer where too few others do. */
  doubtful: readonly NodeIndex[];
  readonly isSloppy: boolean;
  /** When one more of them is asked, though nobody has failed. */
  hedgeAtMs: number;
  /** What each round of repairs has sent; its mark is its place in here. */
  readonly rounds: SiblingSet[];
  /** Who is to hold what a monotonic read answers with, besides: the partition is being filled for them. */
  readonly later: readonly NodeIndex[];
  handOn: HandOn | undefined;
}

export interface Reads {
  readonly open: Map<number, OpenRead>;
  next: number;
}

const READS_MAX = 16_384;
/** A replica that is slower than this is not waited for alone (Dean, Barroso, "The Tail at Scale", CACM 2013). */
const HEDGE_MS = 200;

export function read(reads: Reads, message: MessageView, env: Env): void {
  const { placement } = env;
  const options = message.u32(Read.options);
  if (rarely('coordinator: too many reads are under way', reads.open.size >= READS_MAX)) {
    answerError(env, message.from, message.request, 'KV_OVERLOADED', 0);
    return;
  }
  const key = keyOf(message);
  const partition = key.slot >>> placement.slotShift;
  if (isOlderThan(options, placement.changedAt[partition])) {
    answerError(env, message.from, message.request, 'KV_STALE_EPOCH', 0);
    return;
  }
  const { quorum, candidates, lost } = quorumFor(options, partition, env);
  let state = startRead(quorum);
  for (const node of lost) state = addReadReply(state, { node, failed: 'KV_UNAVAILABLE' });
  const id = reads.next | 0x8000_0000;
  // -1 is NO_REPLY
  reads.next = (reads.next + 1) % 0x7fff_ffff;
  const deadline = message.u32(Read.deadline);
  const spare = [...candidates];
  const asked = spare.splice(0, quorum.needs.length === 0 ? readsNeeded(quorum) : spare.length);
  const { from: client, request } = message;
  const open: OpenRead = {
    client,
    request,
    deadline,
    partition,
    epoch: placement.epoch,
    key,
    state,
    spare,
    doubtful: NOBODY,
    isSloppy: (options & Ask.available) !== 0 && !isZoned(options),
    hedgeAtMs: (env.nowMs() + HEDGE_MS) >>> 0,
    rounds: [],
    later: state.options.monotonic ? fillingFor(placement, partition) : NOBODY,
    handOn: undefined,
  };
  reads.open.set(id, open);
  for (const [index, node] of asked.entries()) ask(env, id, open, node, index > 0);
  step(reads, id, open, env);
}

export function fetched(reads: Reads, message: MessageView, env: Env): void {
  const open = reads.open.get(message.request);
  if (open === undefined) return;
  const node = nodeOf(message.from);
  const outcome = message.u32(Answer.outcome);
  if (!isSuccess(outcome) && errorOf(outcome) === 'KV_UNAVAILABLE' && mayAskAgain(open, node)) {
    open.doubtful = [...open.doubtful, node];
    open.spare.push(node);
    step(reads, message.request, open, env);
    return;
  }
  const reply = isSuccess(outcome) ? { node, ...decodeFetched(message) } : { node, failed: errorOf(outcome) };
  open.state = addReadReply(open.state, reply);
  step(reads, message.request, open, env);
}

/** Whether a node that refuses as being in doubt is asked for whatever it holds, where too few others answer. */
const mayAskAgain = ({ isSloppy, doubtful, state }: OpenRead, node: NodeIndex): boolean =>
  isSloppy && !doubtful.includes(node) && !state.answers.some((answer) => answer.node === node);

/** A replica took, or refused, the record that a monotonic read sent it. */
export function readReplicated(reads: Reads, message: MessageView, env: Env): void {
  const open = reads.open.get(message.request);
  if (open === undefined) return;
  const node = nodeOf(message.from);
  const outcome = message.u32(Replicated.outcome);
  const sent = open.rounds[message.u32(Replicated.mark)];
  if (sent === undefined) return;
  if (open.handOn !== undefined) {
    // what an earlier round has sent is less
    if (sent !== open.rounds.at(-1)) return;
    confirmHandOn(open.handOn, node, isSuccess(outcome));
    step(reads, message.request, open, env);
    return;
  }
  open.state = isSuccess(outcome)
    ? addRepaired(open.state, node, sent)
    : addReadReply(open.state, { node, failed: errorOf(outcome) });
  step(reads, message.request, open, env);
}

/** Does what the quorum decides next. */
function step(reads: Reads, id: number, open: OpenRead, env: Env): void {
  if (open.handOn === undefined) replaceFailed(id, open, env);
  const decision = open.handOn === undefined ? decideRead(open.state) : decideHandOn(open.handOn);
  if (isTooLarge(open, decision)) {
    answerError(env, open.client, open.request, 'KV_TOO_MANY_SIBLINGS', 0);
    reads.open.delete(id);
    return;
  }
  switch (decision.kind) {
    case 'wait':
      return;
    case 'fetch':
      open.state = startFetches(open.state, decision.nodes);
      for (const node of decision.nodes) ask(env, id, open, node, false);
      // who cannot be asked has failed
      if (open.state.failures.length > 0) step(reads, id, open, env);
      return;
    case 'repair':
      open.state = startRepairs(open.state, decision.set, decision.nodes);
      sendRepairs(reads, id, open, decision, env);
      return;
    case 'answer':
      if (open.handOn === undefined && mustHandOn(open.later, decision)) {
        handOn(reads, id, open, decision, env);
        return;
      }
      for (const node of readRepairs(open.state)) repair(env, open, node, decision.set, NO_REPLY);
      answer(env, open, decision);
      reads.open.delete(id);
      return;
    case 'unmet':
      answerError(env, open.client, open.request, worst(open.state), (decision.needed << 8) | decision.got);
      reads.open.delete(id);
  }
}

/** Has replicas take what the read is to show; who cannot be sent it has failed, and others are asked at once. */
function sendRepairs(reads: Reads, id: number, open: OpenRead, decision: ReadRepair, env: Env): void {
  const { failures } = open.state;
  open.rounds.push(decision.set);
  for (const node of decision.nodes) {
    if (repair(env, open, node, decision.set, id)) continue;
    open.state = addReadReply(open.state, { node, failed: 'KV_OVERLOADED' });
  }
  if (open.state.failures !== failures) step(reads, id, open, env);
}

/** Has the nodes that the partition is being filled for take what the read shows, before it does. */
function handOn(reads: Reads, id: number, open: OpenRead, decision: ReadAnswer, env: Env): void {
  const begun = startHandOn(open.state, open.later, decision);
  open.handOn = begun;
  open.rounds.push(decision.set);
  for (const node of [...begun.waiting]) {
    if (!repair(env, open, node, decision.set, id)) confirmHandOn(begun, node, false);
  }
  step(reads, id, open, env);
}

/** Asks spare replicas in place of those that failed, as long as the quorum can be reached. */
function replaceFailed(id: number, open: OpenRead, env: Env): void {
  const { options } = open.state;
  const needed = readsNeeded(options);
  while (open.spare.length > 0) {
    const usable = options.n + options.standIns.length - open.state.failures.length;
    if (usable < needed || usable - open.spare.length >= needed) return;
    ask(env, id, open, open.spare.shift() as NodeIndex, true);
  }
}

/** Ends reads past their deadline, and asks others in place of replicas that went down without an answer. */
export function sweepReads(reads: Reads, env: Env): void {
  for (const [id, open] of reads.open) {
    if (isPast(open.deadline, env.nowMs())) {
      const detail = (open.state.options.r << 8) | open.state.answers.length;
      answerError(env, open.client, open.request, 'KV_READ_QUORUM_UNMET', detail);
      reads.open.delete(id);
    } else if (giveUpOnDown(open, env) || hedge(id, open, env)) step(reads, id, open, env);
  }
}

/** Asks one more replica than are needed where those have kept the read waiting; whether one was asked. */
function hedge(id: number, open: OpenRead, env: Env): boolean {
  if (open.handOn !== undefined || open.spare.length === 0 || !isPast(open.hedgeAtMs, env.nowMs())) return false;
  open.hedgeAtMs = (env.nowMs() + HEDGE_MS) >>> 0;
  ask(env, id, open, open.spare.shift() as NodeIndex, true);
  return true;
}

/** Counts nodes as failed that owe an answer or a confirmation and are down; whether there were any. */
function giveUpOnDown(open: OpenRead, { placement }: Env): boolean {
  if (open.handOn !== undefined) return endHandOn(open.handOn, (node) => placement.isUp(node));
  const { failures, options } = open.state;
  for (const node of [...readList(placement, open.partition), ...options.standIns]) {
    if (placement.isUp(node) || open.state.failures.some((failure) => failure.node === node)) continue;
    if (open.state.answers.some((answer) => answer.node === node) && !isAwaited(open, node)) continue;
    const spare = open.spare.indexOf(node);
    if (spare >= 0) open.spare.splice(spare, 1);
    open.state = addReadReply(open.state, { node, failed: 'KV_UNAVAILABLE' });
  }
  return open.state.failures !== failures;
}

function isAwaited({ state }: OpenRead, node: NodeIndex): boolean {
  return state.fetching.includes(node) || state.repairing.some((repairing) => repairing.node === node);
}
