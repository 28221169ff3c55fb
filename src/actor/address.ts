/**
 * Addresses are computed, never looked up: role (4 bits) | node (12 bits) | partition or seat (16 bits).
 * The node decides the thread, the role and the partition decide the actor.
 */
import type { NodeIndex } from '../core/ids.js';

export type Address = number & { readonly address: unique symbol };

export const enum Role {
  vnode = 1,
  coordinator = 2,
  gossip = 3,
  /** A thread that only asks: `instance` is its seat, `node` the tenancy of it. */
  client = 4,
  hintKeeper = 5,
  antiEntropy = 6,
  ringKeeper = 7,
  rebalancer = 8,
  collector = 9,
}

export const ROLE_NAMES: readonly string[] = [
  'none',
  'vnode',
  'coordinator',
  'gossip-agent',
  'client',
  'hint-keeper',
  'anti-entropy',
  'ring-keeper',
  'rebalancer',
  'collector',
];

export function addressOf(role: Role, node: number, instance: number): Address {
  return ((role << 28) | (node << 16) | instance) as Address;
}

export const roleOf = (address: number): Role => address >>> 28;
export const nodeOf = (address: number): NodeIndex => ((address >>> 16) & 0xfff) as NodeIndex;
export const instanceOf = (address: number): number => address & 0xffff;
