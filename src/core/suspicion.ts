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

/** When each node's counter last moved, by the observer's clock; ascending by node. */
export type Watch = readonly {
  readonly node: NodeIndex;
  readonly incarnation: number;
  readonly heartbeat: number;
  readonly movedAtMs: number;
}[];

/** Most that lag stretches the suspicion time. */
export const LAG_FACTOR_MAX = 8;
/** Up to so many nodes the suspicion time is as the tuning says: each round reaches about everybody. */
const SMALL_RING = 4;

/** Notes which counters moved. A node seen for the first time counts as having moved now. One pass over both. */
export function observeMembers(watch: Watch, members: Members, nowMs: number): Watch {
  let at = 0;
  return members.map(({ node, incarnation, heartbeat }) => {
    while (at < watch.length && watch[at].node < node) at++;
    const last = watch[at]?.node === node ? watch[at] : undefined;
    const isSame = last?.incarnation === incarnation && last.heartbeat >= heartbeat;
    return isSame ? last : { node, incarnation, heartbeat, movedAtMs: nowMs };
  });
}

/** Nodes other than `self` that have been silent for `silenceMs` at `nowMs`, ascending. */
export function findSilent(watch: Watch, self: NodeIndex, nowMs: number, silenceMs: number): readonly NodeIndex[] {
  return watch.filter(({ node, movedAtMs }) => node !== self && nowMs - movedAtMs >= silenceMs).map(({ node }) => node);
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
