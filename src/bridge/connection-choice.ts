/**
 * Which of two connections to one host stays, decided alike on both sides: where both dialed at once, the one that the host
 * with the smaller id dialed; where the peer is another process now, or has plainly lost the old connection, the new one.
 */
import { HANDSHAKE_MS } from './limits.js';

export interface Candidate {
  /** Id of the host that dialed. */
  readonly dialer: string;
  /** Of the peer's process. */
  readonly incarnation: number;
}

/** A connection older than this was not made by a dial that crossed ours. */
const CROSSING_MS = 2 * HANDSHAKE_MS;

/** Whether `added` takes the place of `existing`, which has stood for `ageMs`. `self`, `peer`: ids of the two hosts. */
export function takesOver(
  { existing, added, ageMs }: { existing: Candidate; added: Candidate; ageMs: number },
  self: string,
  peer: string,
): boolean {
  if (existing.incarnation !== added.incarnation) return true;
  if (existing.dialer === added.dialer || ageMs > CROSSING_MS) return true;
  return added.dialer === (self < peer ? self : peer);
}
