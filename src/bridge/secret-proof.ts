/**
 * The proof that a side knows the cluster's secret: HMAC-SHA256 (RFC 2104) over its part in the connection and both hellos.
 * Either hello has a fresh nonce, so a proof heard once proves nothing again, and no proof serves the other side.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export type Part = 'dialer' | 'listener';

export interface Transcript {
  /** The hellos' bytes, as they were sent. */
  readonly dialer: Uint8Array;
  readonly listener: Uint8Array;
}

const LABEL = 'kvorum bridge proof 1';

export function proofOf(secret: string, part: Part, { dialer, listener }: Transcript): Uint8Array {
  const hmac = createHmac('sha256', secret);
  hmac.update(`${LABEL}|${part}|${dialer.length}|${listener.length}|`);
  return hmac.update(dialer).update(listener).digest();
}

/** Takes the same time for every proof of the right length. */
export function isProof(proof: Uint8Array, secret: string, part: Part, transcript: Transcript): boolean {
  const expected = proofOf(secret, part, transcript);
  return proof.length === expected.length && timingSafeEqual(proof, expected);
}
