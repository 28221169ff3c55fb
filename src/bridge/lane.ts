/**
 * The three lanes of a connection, so that a handoff never delays a heartbeat. A lane is a function of the two roles: order
 * from one sender to one receiver is the order of sending.
 */
import { Role, roleOf } from '../actor/address.js';
import { Kind } from '../protocol/messages.js';

export const enum Lane {
  control = 0,
  requests = 1,
  bulk = 2,
}

export const LANES = 3;

const CONTROL = (1 << Role.gossip) | (1 << Role.ringKeeper);
const BULK = (1 << Role.hintKeeper) | (1 << Role.antiEntropy) | (1 << Role.rebalancer) | (1 << Role.collector);

/** The lane of what the actor at `from` sends to the one at `to`. */
export function laneOf(from: number, to: number): Lane {
  const roles = (1 << roleOf(from)) | (1 << roleOf(to));
  if ((roles & CONTROL) !== 0) return Lane.control;
  return (roles & BULK) !== 0 ? Lane.bulk : Lane.requests;
}

/**
 * Whether a message must not arrive before anything that its node sent earlier, on whichever lane: a barrier proves that
 * what was sent before it has arrived.
 */
export const isFence = (tag: number): boolean => tag === Kind.barrier;
