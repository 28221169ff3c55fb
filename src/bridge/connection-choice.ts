/**
 * Which of two connections to one host stays, decided alike on both sides: where both dialed at once, the one that the host
 * with the smaller id dialed; where the peer has plainly lost the old connection, the new one. Where the new one comes from
 * another process, the old one, as long as its process is heard of: two processes with one id would take it from each other
 * in turn. A process that has ended is heard of no more within two pings.
 */
import { HANDSHAKE_MS, PING_MS } from './limits.js';

export interface Candidate {
  /** Id of the host that dialed. */
  readonly dialer: string;
  /** Of the peer's process. */
  readonly incarnation: number;
}

/** A connection older than this was not made by a dial that crossed ours. */
const CROSSING_MS = 2 * HANDSHAKE_MS;
/** A peer that is alive sends a ping in less than this. */
const ALIVE_MS = 2.5 * PING_MS;

export interface Standing extends Candidate {
  /** How long it has stood, and how long nothing has come by it. */
  readonly ageMs: number;
  readonly silentMs: number;
}

/** Why `added` does not take the place of `existing`; undefined where it does. `self`, `peer`: ids of the two hosts. */
export function objectionTo(
  added: Candidate,
  existing: Standing,
  { self, peer }: { readonly self: string; readonly peer: string },
): 'duplicate' | 'id-in-use' | undefined {
  if (existing.incarnation !== added.incarnation) return existing.silentMs > ALIVE_MS ? undefined : 'id-in-use';
  if (existing.dialer === added.dialer || existing.ageMs > CROSSING_MS) return undefined;
  return added.dialer === (self < peer ? self : peer) ? undefined : 'duplicate';
}
