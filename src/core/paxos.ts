/**
 * Single-decree Paxos: how a majority of the members settles on one value, the ring map of the next epoch, whatever is
 * lost, repeated or reordered, and whoever crashes and comes back with what it had on disk.
 *
 *   proposer  -- prepare(ballot) -->  acceptor     promise: nothing below this ballot any more, and what was accepted last
 *   proposer  -- accept(ballot, value) -->         accepted, unless a higher ballot was promised meanwhile
 *
 * Lamport, "Paxos Made Simple", 2001. An acceptor's new state must be on disk before its answer leaves.
 */

/** Totally ordered, and never used for two values: the node breaks ties, and so does its life, where it forgot its last. */
export interface Ballot {
  readonly round: number;
  readonly node: number;
  /** Random for each start of the proposer. */
  readonly life: number;
}

export interface Accepted<Value> {
  readonly ballot: Ballot;
  readonly value: Value;
}

/** What an acceptor must remember of one decree. */
export interface Acceptor<Value> {
  /** No ballot below this one is answered any more. */
  readonly promised: Ballot | undefined;
  readonly accepted: Accepted<Value> | undefined;
}

/** An acceptor's answer to `prepare`. */
export interface Promised<Value> {
  readonly ballot: Ballot;
  readonly granted: boolean;
  /** The highest ballot promised: where refused, the one to exceed. */
  readonly promised: Ballot;
  readonly accepted: Accepted<Value> | undefined;
}

/** An acceptor's answer to `accept`. */
export interface Voted {
  readonly ballot: Ballot;
  readonly granted: boolean;
  readonly promised: Ballot;
}

/** One attempt of one proposer. */
export interface Proposer<Value> {
  readonly ballot: Ballot;
  readonly members: readonly number[];
  readonly stage: 'preparing' | 'accepting' | 'chosen' | 'beaten';
  /** What is proposed: its own value, until a promise tells of one that may be chosen already. */
  readonly value: Value;
  /** Highest ballot among the values that promises told of. */
  readonly adopted: Ballot | undefined;
  readonly promises: ReadonlySet<number>;
  readonly votes: ReadonlySet<number>;
  /** Highest ballot that refused this one. */
  readonly beatenBy: Ballot | undefined;
}

export function compareBallots(a: Ballot, b: Ballot): number {
  return a.round - b.round || a.node - b.node || a.life - b.life;
}

/** A ballot above all that this node has seen. */
export function ballotAbove(seen: Ballot | undefined, node: number, life: number): Ballot {
  return { round: (seen?.round ?? 0) + 1, node, life };
}

export const majorityOf = (members: number): number => Math.floor(members / 2) + 1;

export function startAcceptor<Value>(): Acceptor<Value> {
  return { promised: undefined, accepted: undefined };
}

/** Phase 1b. */
export function prepare<Value>(
  acceptor: Acceptor<Value>,
  ballot: Ballot,
): { readonly acceptor: Acceptor<Value>; readonly reply: Promised<Value> } {
  const { promised, accepted } = acceptor;
  const granted = promised === undefined || compareBallots(ballot, promised) >= 0;
  const after = granted ? { promised: ballot, accepted } : acceptor;
  return { acceptor: after, reply: { ballot, granted, promised: after.promised ?? ballot, accepted } };
}

/** Phase 2b. */
export function accept<Value>(
  acceptor: Acceptor<Value>,
  ballot: Ballot,
  value: Value,
): { readonly acceptor: Acceptor<Value>; readonly reply: Voted } {
  const { promised } = acceptor;
  const granted = promised === undefined || compareBallots(ballot, promised) >= 0;
  const after = granted ? { promised: ballot, accepted: { ballot, value } } : acceptor;
  return { acceptor: after, reply: { ballot, granted, promised: after.promised ?? ballot } };
}

/** Phase 1a. `members`: the acceptors, a majority of which decides. */
export function startProposer<Value>(ballot: Ballot, members: readonly number[], value: Value): Proposer<Value> {
  const nobody: ReadonlySet<number> = new Set();
  const open = { adopted: undefined, promises: nobody, votes: nobody, beatenBy: undefined };
  return { ballot, members, stage: 'preparing', value, ...open };
}

/** Phase 2a begins, under the value of the highest ballot told of, once a majority has promised. */
export function addPromise<Value>(proposer: Proposer<Value>, from: number, reply: Promised<Value>): Proposer<Value> {
  if (proposer.stage !== 'preparing' || !concerns(proposer, from, reply.ballot)) return proposer;
  if (!reply.granted) return beaten(proposer, reply.promised);
  const promises = new Set(proposer.promises).add(from);
  const { accepted } = reply;
  const newer =
    accepted !== undefined && (proposer.adopted === undefined || compareBallots(accepted.ballot, proposer.adopted) > 0);
  const stage = promises.size >= majorityOf(proposer.members.length) ? 'accepting' : 'preparing';
  return newer
    ? { ...proposer, promises, stage, value: accepted.value, adopted: accepted.ballot }
    : { ...proposer, promises, stage };
}

/** The value is chosen once a majority has accepted it under this ballot. */
export function addVote<Value>(proposer: Proposer<Value>, from: number, reply: Voted): Proposer<Value> {
  if (proposer.stage !== 'accepting' || !concerns(proposer, from, reply.ballot)) return proposer;
  if (!reply.granted) return beaten(proposer, reply.promised);
  const votes = new Set(proposer.votes).add(from);
  return { ...proposer, votes, stage: votes.size >= majorityOf(proposer.members.length) ? 'chosen' : 'accepting' };
}

/** An attempt that its proposer gives up: neither promises nor votes count for it any more. */
export const withdraw = <Value>(proposer: Proposer<Value>, above: Ballot): Proposer<Value> => beaten(proposer, above);

function concerns<Value>(proposer: Proposer<Value>, from: number, ballot: Ballot): boolean {
  return compareBallots(ballot, proposer.ballot) === 0 && proposer.members.includes(from);
}

function beaten<Value>(proposer: Proposer<Value>, by: Ballot): Proposer<Value> {
  return { ...proposer, stage: 'beaten', beatenBy: by };
}
