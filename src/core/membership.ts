/**
 * Liveness as gossip spreads it: one entry per node, joined entry by entry, so that order and repetition do not matter.
 *
 * An entry is ordered by incarnation, then by heartbeat: the greater one wins as a whole. At equal ones the state is the
 * worse, the reporters the union. A suspicion thus speaks of one heartbeat, and the next one refutes it wherever it is
 * heard; only the node itself raises either, so nobody can bring back what it has refuted, and a node that is deaf or was
 * cut off convinces nobody who has heard of the others since.
 * Van Renesse, Minsky, Hayden, "A Gossip-Style Failure Detection Service", 1998; reports and their refutation as in Das,
 * Gupta, Motivala, "SWIM", DSN 2002, section 4.2. Liveness never moves data: the ring map does.
 */
import type { NodeIndex } from './ids.js';
import { type HostOf, joinReporters, type Reporters } from './reporters.js';

export type NodeState = 'up' | 'suspect' | 'down';

/** What is known of one node. */
export interface Liveness {
  readonly node: NodeIndex;
  /** Raised at every restart; 0 until the node is heard of. */
  readonly incarnation: number;
  /** Raised by the node every heartbeat interval. */
  readonly heartbeat: number;
  readonly state: NodeState;
  /** Nodes that suspect it at this heartbeat, ascending. */
  readonly reporters: Reporters;
}

/** One entry per node, ascending by node; never changed in place. */
export type Members = readonly Liveness[];

const RANK: Readonly<Record<NodeState, number>> = { up: 0, suspect: 1, down: 2 };

/** The join of two tables: commutative, associative, idempotent. One pass over both. */
export function mergeMembers(a: Members, b: Members, hostOf: HostOf): Members {
  const merged: Liveness[] = [];
  let at = 0;
  for (const entry of b) {
    while (at < a.length && a[at].node < entry.node) merged.push(a[at++]);
    if (at < a.length && a[at].node === entry.node) merged.push(mergeLiveness(a[at++], entry, hostOf));
    else merged.push(entry);
  }
  while (at < a.length) merged.push(a[at++]);
  return merged;
}

/** The join of two entries of one node. */
export function mergeLiveness(a: Liveness, b: Liveness, hostOf: HostOf): Liveness {
  const order = a.incarnation - b.incarnation || a.heartbeat - b.heartbeat;
  if (order !== 0) return order > 0 ? a : b;
  const state = RANK[a.state] >= RANK[b.state] ? a.state : b.state;
  const reporters = joinReporters(a.reporters, b.reporters, hostOf);
  return state === a.state && reporters === a.reporters ? a : { ...a, state, reporters };
}

/** The entry of a node that has just started. */
export function startLiveness(node: NodeIndex, incarnation: number): Liveness {
  return { node, incarnation, heartbeat: 0, state: 'up', reporters: [] };
}

/** The table of exactly these nodes: what is known of them, and of the others that they have yet to be heard of. */
export function membersOf(nodes: Iterable<NodeIndex>, known: Members): Members {
  const entries = new Map(known.map((entry) => [entry.node, entry]));
  return [...new Set(nodes)].sort((a, b) => a - b).map((node) => entries.get(node) ?? startLiveness(node, 0));
}

/** The node's own heartbeat, which refutes whatever is said of the last. Its entry must be in the table. */
export function beat(members: Members, self: NodeIndex): Members {
  const index = indexOf(members, self);
  const entry = members[index];
  return members.with(index, { ...entry, heartbeat: entry.heartbeat + 1, state: 'up', reporters: [] });
}

/** Adds a reporter's suspicion of these nodes; their state becomes at least `suspect`. */
export function report(members: Members, silent: ReadonlySet<NodeIndex>, reporter: NodeIndex, hostOf: HostOf): Members {
  return change(members, silent, (entry) =>
    mergeLiveness(entry, { ...entry, state: 'suspect', reporters: [reporter] }, hostOf),
  );
}

/** Records that enough reporters agree on these nodes (suspicion.ts decides that). */
export function markDown(members: Members, lost: ReadonlySet<NodeIndex>): Members {
  return change(members, lost, (entry) => ({ ...entry, state: 'down' }));
}

function change(members: Members, nodes: ReadonlySet<NodeIndex>, edit: (entry: Liveness) => Liveness): Members {
  if (nodes.size === 0) return members;
  return members.map((entry) => (nodes.has(entry.node) ? edit(entry) : entry));
}

/** Where a node's entry stands, or would stand. */
function indexOf(members: Members, node: NodeIndex): number {
  let low = 0;
  let high = members.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (members[middle].node < node) low = middle + 1;
    else high = middle;
  }
  return low;
}
