/**
 * Liveness as gossip spreads it: one entry per node, joined entry by entry, so that order and repetition do not matter.
 *
 * An entry is ordered by incarnation, then by refutation: the greater one wins as a whole. At equal ones the heartbeat
 * is the greater, the state the worse, the reporters the union. Only the node itself raises incarnation (restart),
 * refutation (a rumour about it is wrong) and heartbeat; so nobody can bring back what it has refuted.
 * Das, Gupta, Motivala, "SWIM", DSN 2002, section 4.2; van Renesse, Minsky, Hayden, "A Gossip-Style Failure Detection
 * Service", 1998. Liveness never moves data: the ring map does.
 */
import type { NodeIndex } from './ids.js';

export type NodeState = 'up' | 'suspect' | 'down';

/** What is known of one node. */
export interface Liveness {
  readonly node: NodeIndex;
  /** Raised at every restart. */
  readonly incarnation: number;
  /** Raised by the node to refute a suspicion within an incarnation. */
  readonly refutation: number;
  /** Raised by the node every heartbeat interval. */
  readonly heartbeat: number;
  readonly state: NodeState;
  /** Nodes that suspect it, ascending. */
  readonly reporters: readonly NodeIndex[];
}

/** One entry per node, ascending by node; never changed in place. */
export type Members = readonly Liveness[];

/** An entry in short: enough to tell who is behind. */
export interface MembersDigest {
  readonly node: NodeIndex;
  readonly incarnation: number;
  readonly refutation: number;
  readonly heartbeat: number;
  /** State and reporters, exactly: a dead node beats no more, so a hash that collides would hide a reporter for good. */
  readonly mark: string;
}

const RANK: Readonly<Record<NodeState, number>> = { up: 0, suspect: 1, down: 2 };

/** The join of two tables: commutative, associative, idempotent. */
export function mergeMembers(a: Members, b: Members): Members {
  const merged = new Map(a.map((entry) => [entry.node, entry]));
  for (const entry of b) {
    const known = merged.get(entry.node);
    merged.set(entry.node, known === undefined ? entry : mergeLiveness(known, entry));
  }
  return [...merged.values()].sort((x, y) => x.node - y.node);
}

/** The join of two entries of one node. */
export function mergeLiveness(a: Liveness, b: Liveness): Liveness {
  const order = a.incarnation - b.incarnation || a.refutation - b.refutation;
  if (order !== 0) return order > 0 ? a : b;
  return {
    ...a,
    heartbeat: Math.max(a.heartbeat, b.heartbeat),
    state: RANK[a.state] >= RANK[b.state] ? a.state : b.state,
    reporters: [...new Set([...a.reporters, ...b.reporters])].sort((x, y) => x - y),
  };
}

/** The entry of a node that has just started. */
export function startLiveness(node: NodeIndex, incarnation: number): Liveness {
  return { node, incarnation, refutation: 0, heartbeat: 0, state: 'up', reporters: [] };
}

/** The node's own heartbeat; where the table suspects it, it also refutes. Its entry must be in the table. */
export function beat(members: Members, self: NodeIndex): Members {
  return change(members, self, (entry) => {
    const heartbeat = entry.heartbeat + 1;
    if (entry.state === 'up') return { ...entry, heartbeat };
    return { ...entry, heartbeat, refutation: entry.refutation + 1, state: 'up', reporters: [] };
  });
}

/** Adds a reporter's suspicion of a node; the state becomes at least `suspect`. */
export function report(members: Members, node: NodeIndex, reporter: NodeIndex): Members {
  return change(members, node, (entry) => mergeLiveness(entry, { ...entry, state: 'suspect', reporters: [reporter] }));
}

/** Records that enough reporters agree (suspicion.ts decides that). */
export function markDown(members: Members, node: NodeIndex): Members {
  return change(members, node, (entry) => ({ ...entry, state: 'down' }));
}

/** The table in short, to send to a peer. */
export function digestMembers(members: Members): readonly MembersDigest[] {
  return members.map(({ node, incarnation, refutation, heartbeat, state, reporters }) => {
    const mark = state === 'up' && reporters.length === 0 ? '' : `${state}:${reporters.join(',')}`;
    return { node, incarnation, refutation, heartbeat, mark };
  });
}

/** The entries that the sender of the digest lacks, or holds in another form. */
export function deltaMembers(members: Members, digest: readonly MembersDigest[]): Members {
  const theirs = new Map(digest.map((entry) => [entry.node, entry]));
  const mine = digestMembers(members);
  return members.filter((entry, index) => {
    const known = theirs.get(entry.node);
    if (known === undefined) return true;
    const order = entry.incarnation - known.incarnation || entry.refutation - known.refutation;
    return order > 0 || (order === 0 && (entry.heartbeat > known.heartbeat || mine[index].mark !== known.mark));
  });
}

function change(members: Members, node: NodeIndex, edit: (entry: Liveness) => Liveness): Members {
  return members.map((entry) => (entry.node === node ? edit(entry) : entry));
}
