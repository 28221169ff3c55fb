/**
 * The Paxos of a ring keeper: its acceptor, and its own attempt at a proposal. One decree is voted for at a time: the ring
 * that follows the newest one. Whoever speaks of another is told the newest ring, or asked for it.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import type { AcceptorRecovery } from '../src/core/acceptor-recovery.js';
import type { NodeIndex } from '../src/core/ids.js';
import {
  type Acceptor,
  accept,
  addPromise,
  addVote,
  type Ballot,
  ballotAbove,
  compareBallots,
  type Promised,
  type Proposer,
  prepare,
  startProposer,
  type Voted,
} from '../src/core/paxos.js';
import { electorate } from '../src/core/ring-change.js';
import { packRing, readRing } from '../src/core/ring-packing.js';
import { allMembers, type RingState } from '../src/core/ring-state.js';
import { readBody } from '../src/protocol/body.js';
import { HEADER_WORDS, type MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { sendCold } from './cold-message.js';
import { acceptedFrom, acceptedToPlain, type PlainAccepted, saveVote } from './ring-records.js';
import { answerToForgetful, countMemory } from './ring-recovery.js';

export interface Attempt {
  readonly proposer: Proposer<RingState>;
  /** What is wanted, whatever an earlier proposal makes of it. */
  readonly wanted: RingState;
}

export interface Ballots {
  /** The newest ring; the one voted for follows it. */
  ring: RingState;
  acceptor: Acceptor<RingState>;
  attempt: Attempt | undefined;
  /** Highest ballot seen. */
  highest: Ballot | undefined;
  /** Random: tells the ballots of this life from those of earlier ones. */
  readonly life: number;
  /** The node has lost what it promised, and does not vote; what the others have told of it so far. */
  isForgetful: boolean;
  /** What it has forgotten, and what it has been told since, is on disk: so the next life knows of it. */
  isNoted: boolean;
  recovery: AcceptorRecovery<RingState> | undefined;
  /** Others that have said so of themselves. */
  readonly forgetful: Set<NodeIndex>;
}

export interface BallotBody {
  readonly base: number;
  readonly ballot: Ballot;
  /** Who asks has lost its disk. */
  readonly forgot?: boolean;
}
interface AcceptBody extends BallotBody {
  readonly value: unknown;
}
export interface PromisedBody {
  readonly base: number;
  /** Absent from who does not vote, having lost its disk. */
  readonly reply?: Omit<Promised<unknown>, 'accepted'> & { readonly accepted: PlainAccepted | undefined };
}
interface VotedBody {
  readonly base: number;
  readonly reply: Voted;
}

/** Begins an attempt, or begins it anew under a higher ballot. */
export function propose(ballots: Ballots, wanted: RingState, env: Env): void {
  const ballot = ballotAbove(ballots.highest, env.node, ballots.life);
  ballots.highest = ballot;
  ballots.attempt = { proposer: startProposer(ballot, electorate(ballots.ring), wanted), wanted };
  toElectorate(ballots, Kind.prepare, { base: ballots.ring.epoch, ballot } satisfies BallotBody, env);
}

/** Phase 1b: the promise is on disk before it leaves. */
export function answerPrepare(ballots: Ballots, message: MessageView, env: Env): void {
  const { base, ballot, forgot } = readBody(message, HEADER_WORDS) as BallotBody;
  if (!isCurrent(ballots, base, nodeOf(message.from), env)) return;
  if (forgot === true) {
    answerToForgetful(ballots, ballot, message, env);
    return;
  }
  see(ballots, ballot);
  if (ballots.isForgetful) {
    sendCold(env, Kind.promised, message.from, { base } satisfies PromisedBody, { request: message.request });
    return;
  }
  const { acceptor, reply } = prepare(ballots.acceptor, ballot);
  if (acceptor !== ballots.acceptor && !saveVote(env.store, base, acceptor, false)) return;
  ballots.acceptor = acceptor;
  const body: PromisedBody = { base, reply: { ...reply, accepted: acceptedToPlain(reply.accepted) } };
  sendCold(env, Kind.promised, message.from, body, { request: message.request });
}

/** Phase 2b: so is the vote. */
export function answerAccept(ballots: Ballots, message: MessageView, env: Env): void {
  const { base, ballot, value } = readBody(message, HEADER_WORDS) as AcceptBody;
  if (!isCurrent(ballots, base, nodeOf(message.from), env)) return;
  see(ballots, ballot);
  if (ballots.isForgetful) return;
  const { acceptor, reply } = accept(ballots.acceptor, ballot, readRing(value));
  if (acceptor !== ballots.acceptor && !saveVote(env.store, base, acceptor, false)) return;
  ballots.acceptor = acceptor;
  sendCold(env, Kind.voted, message.from, { base, reply } satisfies VotedBody, { request: message.request });
}

/** A promise came: phase 2a begins with the last one that is needed. */
export function countPromise(ballots: Ballots, message: MessageView, env: Env): void {
  const { base, reply } = readBody(message, HEADER_WORDS) as PromisedBody;
  const from = nodeOf(message.from);
  if (base !== ballots.ring.epoch) return;
  if (reply === undefined) {
    ballots.forgetful.add(from);
    return;
  }
  ballots.forgetful.delete(from);
  see(ballots, reply.promised);
  const promise = { ...reply, accepted: acceptedFrom(reply.accepted) };
  const { attempt } = ballots;
  if (countMemory(ballots, message, promise, env) || attempt === undefined) return;
  const before = attempt.proposer;
  const proposer = addPromise(before, from, promise);
  ballots.attempt = { ...attempt, proposer };
  if (before.stage !== 'preparing' || proposer.stage !== 'accepting') return;
  const { ballot, value } = proposer;
  toElectorate(ballots, Kind.accept, { base, ballot, value: packRing(value) } satisfies AcceptBody, env);
}

/** A vote came: the ring that has been chosen by it, if one has. */
export function countVote(ballots: Ballots, message: MessageView): RingState | undefined {
  const { base, reply } = readBody(message, HEADER_WORDS) as VotedBody;
  const { attempt } = ballots;
  if (attempt === undefined || base !== ballots.ring.epoch) return undefined;
  see(ballots, reply.promised);
  const proposer = addVote(attempt.proposer, nodeOf(message.from), reply);
  ballots.attempt = { ...attempt, proposer };
  return proposer.stage === 'chosen' ? proposer.value : undefined;
}

export function sendRing(ring: RingState, to: NodeIndex, env: Env): void {
  sendCold(env, Kind.ringMap, addressOf(Role.ringKeeper, to, 0), packRing(ring));
}

/** Every other member that is up hears of the ring. */
export function tellAll(ring: RingState, env: Env): void {
  for (const { node } of allMembers(ring)) {
    if (node !== env.node && env.placement.isUp(node)) sendRing(ring, node, env);
  }
}

/** Whether a ballot is about the ring that this keeper votes for; who is behind or ahead gets this one's newest ring. */
function isCurrent({ ring }: Ballots, base: number, from: NodeIndex, env: Env): boolean {
  if (base !== ring.epoch) sendRing(ring, from, env);
  return base === ring.epoch;
}

export function see(ballots: Ballots, ballot: Ballot): void {
  if (ballots.highest === undefined || compareBallots(ballot, ballots.highest) > 0) ballots.highest = ballot;
}

function toElectorate({ ring }: Ballots, kind: Kind, body: unknown, env: Env): void {
  for (const node of electorate(ring)) {
    if (node === env.node || env.placement.isUp(node)) sendCold(env, kind, addressOf(Role.ringKeeper, node, 0), body);
  }
}
