/**
 * What a ring keeper has on disk: the newest ring that it knows, and what it has promised and accepted of the one that is
 * to follow. Both are private records; the turn that writes one is synced before anything it says is sent.
 */

import type { Store } from '../src/actor/ports.js';
import { getPrivate, PrivateKind, privateKey, putPrivate } from '../src/actor/private-record.js';
import { type Accepted, type Acceptor, type Ballot, startAcceptor } from '../src/core/paxos.js';
import { packRing, readRing } from '../src/core/ring-packing.js';
import type { RingState } from '../src/core/ring-state.js';
import { decodeBody, encodeBody } from '../src/protocol/body.js';

const RING_KEY = privateKey(PrivateKind.ringMap);
const VOTE_KEY = privateKey(PrivateKind.promise);

/** An accepted value as it travels and lies on disk. */
export interface PlainAccepted {
  readonly ballot: Ballot;
  readonly value: unknown;
}

interface PlainVote {
  /** Epoch behind which the ring is voted for. */
  readonly base: number;
  readonly promised: Ballot | undefined;
  readonly accepted: PlainAccepted | undefined;
  /** The disk was lost, and the others have not told yet what was promised. */
  readonly isForgetful?: boolean;
}

export interface Vote {
  readonly acceptor: Acceptor<RingState>;
  readonly isForgetful: boolean;
}

export function loadRing(store: Store): RingState | undefined {
  const bytes = getPrivate(store, RING_KEY);
  return bytes === undefined ? undefined : readRing(decodeBody(bytes));
}

/** False where the store has no room: then the ring is not known. */
export function saveRing(store: Store, ring: RingState): boolean {
  store.requireSync();
  return putPrivate(store, RING_KEY, encodeBody(packRing(ring)));
}

/** The acceptor of the ring that follows `base`. */
export function loadVote(store: Store, base: number): Vote {
  const bytes = getPrivate(store, VOTE_KEY);
  const vote = bytes === undefined ? undefined : (decodeBody(bytes) as PlainVote);
  const isForgetful = vote?.isForgetful === true;
  if (vote === undefined || vote.base !== base) return { acceptor: startAcceptor(), isForgetful };
  return { acceptor: { promised: vote.promised, accepted: acceptedFrom(vote.accepted) }, isForgetful };
}

/** False where the store has no room: then nothing may be answered. */
export function saveVote(
  store: Store,
  base: number,
  { promised, accepted }: Acceptor<RingState>,
  isForgetful: boolean,
): boolean {
  store.requireSync();
  const vote: PlainVote = { base, promised, accepted: acceptedToPlain(accepted), isForgetful };
  return putPrivate(store, VOTE_KEY, encodeBody(vote));
}

export function acceptedToPlain(accepted: Accepted<RingState> | undefined): PlainAccepted | undefined {
  return accepted === undefined ? undefined : { ballot: accepted.ballot, value: packRing(accepted.value) };
}

/** @throws StoreError KV_PROTOCOL, KV_FORMAT_TOO_NEW */
export function acceptedFrom(plain: PlainAccepted | undefined): Accepted<RingState> | undefined {
  return plain === undefined ? undefined : { ballot: plain.ballot, value: readRing(plain.value) };
}
