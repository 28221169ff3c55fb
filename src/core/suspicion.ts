/**
 * When a silent node is suspected, and when enough reporters agree that it is down.
 *
 * A node is suspect when its heartbeat counter has not moved for the suspicion time, which grows with the ring, and with
 * the reporter's own lag: who was not scheduled must not blame others. Down needs two distinct reporters: distinct hosts
 * where the others are on several hosts, distinct nodes where they share one; a single one where fewer than two others
 * are up.
 * Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection", DSN-W 2018.
 */
import type { GossipTuning } from './gossip-tuning.js';
import type { NodeIndex } from './ids.js';
import type { Liveness, Members } from './membership.js';
import type { HostOf } from './reporters.js';

/** When the heartbeat of each entry of a table last moved, by the observer's clock, in the table's order. */
export type Watch = readonly number[];

/** Most that lag stretches the suspicion time. */
export const LAG_FACTOR_MAX = 8;
/** Up to so many nodes the suspicion time is as the tuning says: each round reaches about everybody. */
const SMALL_RING = 4;

/** Follows a table from one state to the next: a counter that is greater has moved now, and so has a new entry's. */
export function observeMembers(watch: Watch, before: Members, after: Members, nowMs: number): Watch {
  let at = 0;
  return after.map((entry) => {
    if (entry === before[at]) return watch[at++];
    while (at < before.length && before[at].node < entry.node) at++;
    const last = before[at];
    if (last?.node !== entry.node) return nowMs;
    const isSame = last.incarnation === entry.incarnation && last.heartbeat >= entry.heartbeat;
    const movedAtMs = isSame ? watch[at] : nowMs;
    at++;
    return movedAtMs;
  });
}

/** Entries, but for that of `self`, that have been silent for `silenceMs` at `nowMs`. */
export function findSilent(
  watch: Watch,
  members: Members,
  { self, nowMs, silenceMs }: { readonly self: NodeIndex; readonly nowMs: number; readonly silenceMs: number },
): Members {
  return members.filter((entry, index) => nowMs - watch[index] >= silenceMs && entry.node !== self);
}

/**
 * The suspicion time in a ring of `nodes`. Silence gets rarer by a constant factor a round, but the chances to be wrong
 * grow with the nodes: one heartbeat more for each doubling; and a message that holds a part of the table brings less.
 */
export function suspicionTimeMs(tuning: GossipTuning, nodes: number): number {
  const { heartbeatMs, suspicionMs, entriesMax } = tuning;
  const doublings = Math.max(0, Math.log2(nodes / SMALL_RING));
  return suspicionMs + heartbeatMs * doublings * Math.max(1, nodes / entriesMax);
}

/** How much longer a reporter waits that runs `lagMs` late: once more the time for each heartbeat of lag, up to 8. */
export function lagFactor({ heartbeatMs }: GossipTuning, lagMs: number): number {
  return Math.min(LAG_FACTOR_MAX, 1 + Math.max(0, lagMs) / heartbeatMs);
}

/** Suspects whose reporters suffice to call them down. */
export function findDown(members: Members, hostOf: HostOf): ReadonlySet<NodeIndex> {
  const suspects = members.filter(({ state }) => state === 'suspect');
  if (suspects.length === 0) return new Set();
  const others = members.filter(({ state }) => state === 'up').map(({ node }) => node);
  const needed = others.length < 2 ? 1 : 2;
  const isSpread = new Set(others.map(hostOf)).size > 1;
  const isLost = (accused: Liveness) => distinct(accused, isSpread ? hostOf : undefined) >= needed;
  return new Set(suspects.filter(isLost).map(({ node }) => node));
}

function distinct({ node, reporters }: Liveness, hostOf: HostOf | undefined): number {
  const others = reporters.filter((reporter) => reporter !== node);
  return hostOf === undefined ? others.length : new Set(others.map(hostOf)).size;
}
