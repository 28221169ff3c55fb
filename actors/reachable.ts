/** Whom a node can give something: whoever is connected and not suspected. */
import type { Env } from '../src/actor/env.js';
import type { NodeIndex } from '../src/core/ids.js';

/** One that has left the ring hears no heartbeats any more: it knows who is connected, and its suspicions mean nothing. */
export function isReachable(other: NodeIndex, { placement, node }: Env): boolean {
  return placement.isUp(other) && (!placement.suspects(other) || !placement.members.includes(node));
}
