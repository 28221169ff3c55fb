/**
 * Everything that a handler may do to the world. The runtime implements it over mailboxes and storage, the simulated world
 * over arrays and a virtual clock; the actors cannot tell.
 */
import type { NodeIndex } from '../core/ids.js';
import type { MessageView } from '../protocol/header.js';
import type { Address } from './address.js';
import type { Placement, Store } from './ports.js';

/** Where an opened message is to be filled in: fields and body go to `words[at + offset]`. */
export interface Outbound {
  words: Int32Array;
  bytes: Buffer;
  /** Word index of the message's header, which is already written. */
  at: number;
}

export interface Env {
  /** The actor's own address. */
  readonly self: Address;
  readonly node: NodeIndex;
  readonly store: Store;
  readonly placement: Placement;
  /** Milliseconds of the host's monotonic clock, as 32 bits; the same throughout a turn. */
  nowMs(): number;
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** A random unsigned 32-bit number. */
  random(): number;
  /**
   * Opens a message of `bytes` in all (header included, a multiple of 8) and returns where to fill it in; the result is
   * reused by the next call. It leaves with the turn, after the turn's log write.
   * Undefined when the receiver's mailbox and the outbox are full: the message is refused.
   */
  open(tag: number, to: number, request: number, bytes: number): Outbound | undefined;
  /** Hands the message being handled to another actor of this node, under another tag and request id, uncopied. */
  forward(message: MessageView, tag: number, to: number, request: number): void;
  /** Calls `onTimer` with this token, not earlier than after `delayMs`. */
  timer(delayMs: number, token: number): void;
}
