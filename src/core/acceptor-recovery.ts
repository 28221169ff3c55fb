/**
 * How an acceptor that has lost its disk takes part again. What it promised and accepted is gone, and it must not vote as
 * if it never had: it asks every other acceptor, under a ballot above all that they know of, and begins with what they say.
 *
 *   forgetful  -- prepare(ballot), forgot -->  each other   gives up its own attempt; refuses where it knows a higher ballot
 *   forgetful  <-- promise, what it accepted --             from all of them: begins with that promise, and their last value
 *
 * Why that is right, for each ballot B in which the lost life took part. Its proposer is one of the others, which has given
 * B up before it answered (or the lost life itself, which is dead): so from then on nobody gathers promises or votes for B,
 * and nobody learns a value by it. And B is below the new ballot, or its proposer would have refused: so what is still under
 * way for B is refused by each that has promised, and whatever had been accepted of B has been told. Nothing else can
 * depend on what was forgotten. The argument needs all the others, since any of them may be a proposer; whether they
 * remember anything themselves does not matter, so that a cluster restored without its disks, or a lone node, is not locked
 * out. While one of them is away, the others decide without the forgetful one, as long as they are a majority; if they are
 * none, only a change by force helps. Liskov and Cowling, "Viewstamped Replication Revisited", 2012, section 4.3, has the
 * same task; Chandra, Griesemer, Redstone, "Paxos Made Live", 2007, section 5.1, tells of a replica that waits instead.
 */
import { type Accepted, type Acceptor, type Ballot, compareBallots, type Promised, prepare } from './paxos.js';

export interface AcceptorRecovery<Value> {
  readonly ballot: Ballot;
  /** All other acceptors. */
  readonly others: readonly number[];
  readonly granted: ReadonlySet<number>;
  /** The value of the highest ballot told of. */
  readonly accepted: Accepted<Value> | undefined;
}

/** `ballot`: above all that the forgetful acceptor has heard of. */
export function startRecovery<Value>(ballot: Ballot, others: readonly number[]): AcceptorRecovery<Value> {
  return { ballot, others, granted: new Set(), accepted: undefined };
}

/** Another acceptor's answer to one that forgot. `highest`: the highest ballot that it knows of, its own attempts included. */
export function answerForgetful<Value>(
  acceptor: Acceptor<Value>,
  highest: Ballot | undefined,
  ballot: Ballot,
): { readonly acceptor: Acceptor<Value>; readonly reply: Promised<Value> } {
  if (highest === undefined || compareBallots(ballot, highest) >= 0) return prepare(acceptor, ballot);
  return { acceptor, reply: { ballot, granted: false, promised: highest, accepted: acceptor.accepted } };
}

/** An answer came; undefined where it refuses: begin anew under a ballot above the one that it tells of. */
export function addMemory<Value>(
  recovery: AcceptorRecovery<Value>,
  from: number,
  { granted, accepted }: Promised<Value>,
): AcceptorRecovery<Value> | undefined {
  if (!granted) return undefined;
  const isNewer =
    accepted !== undefined &&
    (recovery.accepted === undefined || compareBallots(accepted.ballot, recovery.accepted.ballot) > 0);
  const told = isNewer ? accepted : recovery.accepted;
  return { ...recovery, granted: new Set(recovery.granted).add(from), accepted: told };
}

/** The acceptor as it may vote again; undefined until all others have answered. */
export function recovered<Value>({
  ballot,
  others,
  granted,
  accepted,
}: AcceptorRecovery<Value>): Acceptor<Value> | undefined {
  return others.every((other) => granted.has(other)) ? { promised: ballot, accepted } : undefined;
}
