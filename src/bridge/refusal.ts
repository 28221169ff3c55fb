/**
 * Why a connection is refused or closed, as a closed list: what is counted, what the refused side is told, and what an
 * operator sees. A violation is thrown as the one error class, with the reason in its details.
 */
import { StoreError } from '../core/errors.js';

export const REFUSAL_REASONS = [
  // the frame
  'length',
  'checksum',
  'frame-type',
  'lane',
  'sequence',
  'order',
  // the greeting
  'malformed',
  'version',
  'cluster',
  'options',
  'other-cluster',
  'clock',
  'self',
  'range',
  'not-admitted',
  'duplicate',
  'id-in-use',
  'authentication',
  'proof',
  'replay',
  'certificate',
  'timeout',
  'busy',
  // what an authenticated peer sends
  'chunk',
  'credit',
  'message-size',
  'message-kind',
  'sender',
  'receiver',
  'not-exported',
  // the connection
  'refused',
  'silence',
  'closed',
  'internal',
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** The error that closes a connection for this reason. */
export const violation = (reason: RefusalReason, message: string): StoreError =>
  new StoreError('KV_PROTOCOL', message, { reason });

/** What a peer that turned us away, or that we turned away, makes of a call. */
export const refused = (address: string, reason: string): StoreError =>
  new StoreError('KV_PEER_REFUSED', `${address} and this host do not connect: ${explained(reason)}`, {
    address,
    reason,
  });

/** What to do about reasons that do not say so themselves. */
const ADVICE: Readonly<Record<string, string>> = {
  'id-in-use': 'another process with this host id is connected; stop one of the two, or give it an id of its own',
  'not-admitted': 'the cluster knows no such host, or has forgotten it; started with an empty directory it may join',
  options: 'the cluster options differ',
};

export const explained = (reason: string): string => (reason in ADVICE ? `${reason} (${ADVICE[reason]})` : reason);

/** The reason that a violation carries; `internal` for any other error. */
export function reasonOf(thrown: unknown): RefusalReason {
  const reason = thrown instanceof StoreError ? thrown.details.reason : undefined;
  if (isReason(reason)) return reason;
  return thrown instanceof StoreError && thrown.code === 'KV_PROTOCOL' ? 'malformed' : 'internal';
}

export const isReason = (value: unknown): value is RefusalReason =>
  (REFUSAL_REASONS as readonly unknown[]).includes(value);
