/**
 * A ring keeper whose node has lost its disk does not vote before it has heard from every other elector what it may have
 * promised (core/acceptor-recovery). It says so to those who ask for its vote, and it may propose all the while.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { addMemory, answerForgetful, recovered, startRecovery } from '../src/core/acceptor-recovery.js';
import { type Ballot, ballotAbove, compareBallots, type Promised, withdraw } from '../src/core/paxos.js';
import { electorate } from '../src/core/ring-change.js';
import type { RingState } from '../src/core/ring-state.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { sendCold } from './cold-message.js';
import { type BallotBody, type Ballots, type PromisedBody, see } from './ring-ballots.js';
import { acceptedToPlain, saveVote } from './ring-records.js';

/**
 * Notes on disk that the node forgot, where its store had no room for that before. Its doubt may end a turn later, when the note is
 * synced: the next life has no other sign of the loss.
 */
export function noteForgetting(ballots: Ballots, doubts: PartitionDoubts, env: Env): void {
  if (ballots.isNoted) doubts.release();
  else ballots.isNoted = saveVote(env.store, ballots.ring.epoch, ballots.acceptor, ballots.isForgetful);
}

/** Asks those that have not answered, once all of them are up. */
export function recover(ballots: Ballots, env: Env): void {
  if (!ballots.isForgetful) return;
  const others = electorate(ballots.ring).filter((node) => node !== env.node);
  if (ballots.recovery === undefined) {
    const ballot = ballotAbove(ballots.highest, env.node, ballots.life);
    ballots.highest = ballot;
    ballots.recovery = startRecovery(ballot, others);
  }
  const { ballot, granted } = ballots.recovery;
  if (others.every((node) => env.placement.isUp(node))) {
    const body: BallotBody = { base: ballots.ring.epoch, ballot, forgot: true };
    for (const node of others) {
      if (!granted.has(node)) sendCold(env, Kind.prepare, addressOf(Role.ringKeeper, node, 0), body);
    }
  }
  end(ballots, env);
}

/** Another keeper forgot: this one's own attempt ends, and it tells what it remembers. */
export function answerToForgetful(ballots: Ballots, ballot: Ballot, message: MessageView, env: Env): void {
  const base = ballots.ring.epoch;
  const { acceptor, reply } = answerForgetful(ballots.acceptor, ballots.highest, ballot);
  see(ballots, ballot);
  if (acceptor !== ballots.acceptor && !saveVote(env.store, base, acceptor, ballots.isForgetful)) return;
  ballots.acceptor = acceptor;
  const { attempt } = ballots;
  if (attempt !== undefined) ballots.attempt = { ...attempt, proposer: withdraw(attempt.proposer, ballot) };
  const body: PromisedBody = { base, reply: { ...reply, accepted: acceptedToPlain(reply.accepted) } };
  sendCold(env, Kind.promised, message.from, body, { request: message.request });
}

/** What another remembers; false where the promise is not one of those. */
export function countMemory(ballots: Ballots, message: MessageView, reply: Promised<RingState>, env: Env): boolean {
  const { recovery } = ballots;
  if (recovery === undefined || compareBallots(reply.ballot, recovery.ballot) !== 0) return false;
  ballots.recovery = addMemory(recovery, nodeOf(message.from), reply);
  end(ballots, env);
  return true;
}

function end(ballots: Ballots, env: Env): void {
  const acceptor = ballots.recovery === undefined ? undefined : recovered(ballots.recovery);
  if (acceptor === undefined || !saveVote(env.store, ballots.ring.epoch, acceptor, false)) return;
  ballots.acceptor = acceptor;
  ballots.isForgetful = false;
  ballots.recovery = undefined;
}
