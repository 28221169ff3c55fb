/** What the bridge counts, for people and tests to read. */
import { REFUSAL_REASONS, type RefusalReason } from './refusal.js';

export interface PeerStats {
  readonly host: string;
  readonly link: number;
  /** Protocol version that both speak. */
  readonly version: number;
  readonly roundTripMs: number;
  /** The peer's monotonic clock is this far behind this host's. */
  readonly clockOffsetMs: number;
  /** Bytes of messages that wait, and that are under way without being taken, by lane. */
  readonly queuedBytes: readonly number[];
  readonly underWayBytes: readonly number[];
}

export interface BridgeStats {
  readonly peers: readonly PeerStats[];
  readonly hostsKnown: number;
  /** Connections that have not authenticated themselves yet; the most at a time. */
  readonly strangers: number;
  readonly strangersMost: number;
  readonly accepted: number;
  readonly dialed: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly framesIn: number;
  readonly framesOut: number;
  readonly messagesIn: number;
  readonly messagesOut: number;
  /** Messages that were not passed on, by lane: its queue was full. */
  readonly messagesRefused: readonly number[];
  /** Messages for a host that is not connected, and those that a lost connection took along. */
  readonly messagesLost: number;
  /** Messages from peers for which no local mailbox had room. */
  readonly deliveriesRefused: number;
  /** Connections refused or closed, by reason. */
  readonly closed: Readonly<Record<RefusalReason, number>>;
}

/** The counts that grow, shared by all parts of one bridge. */
export class Tally {
  accepted = 0;
  dialed = 0;
  bytesIn = 0;
  bytesOut = 0;
  framesIn = 0;
  framesOut = 0;
  messagesIn = 0;
  messagesOut = 0;
  messagesLost = 0;
  deliveriesRefused = 0;
  readonly messagesRefused = [0, 0, 0];
  readonly closed = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<RefusalReason, number>;
}
