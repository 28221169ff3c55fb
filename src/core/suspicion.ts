/**
 * When a silent node is suspected, and when enough reporters agree that it is down.
 *
 * A node is suspect when its heartbeat counter has not moved for the suspicion time, which grows with the reporter's own
 * lag: who was not scheduled must not blame others. Down needs two distinct reporters: distinct hosts where the others
 * are on several hosts, distinct nodes where they share one; a single one where fewer than two others are up.
 * Dadgar, Phillips, Currey, "Lifeguard: Local Health Awareness for More Accurate Failure Detection", DSN-W 2018.
 */
import type { NodeIndex } from './ids.js';
import type { Liveness, Members } from './membership.js';

export interface SuspicionOptions {
  /** Milliseconds between heartbeats. */
  readonly heartbeatMs: number;
  /** Milliseconds of silence that make a suspect, for a reporter without lag. */
  readonly suspicionMs: number;
}

/** When each node's counter last moved, by the observer's clock. */
export interface Watch {
  readonly options: SuspicionOptions;
  readonly seen: readonly {
    readonly node: NodeIndex;
    readonly incarnation: number;
    readonly heartbeat: number;
    readonly movedAtMs: number;
  }[];
}

/** Most that lag stretches the suspicion time. */
export const LAG_FACTOR_MAX = 8;

/** A watch that has seen nobody. */
export function startWatch(options: SuspicionOptions): Watch {
  return { options, seen: [] };
}

/** Notes which counters moved. A node seen for the first time counts as having moved now. */
export function observeMembers(watch: Watch, members: Members, nowMs: number): Watch {
  const known = new Map(watch.seen.map((entry) => [entry.node, entry]));
  const seen = members.map(({ node, incarnation, heartbeat }) => {
    const last = known.get(node);
    const isSame = last?.incarnation === incarnation && last.heartbeat >= heartbeat;
    return isSame ? last : { node, incarnation, heartbeat, movedAtMs: nowMs };
  });
  return { ...watch, seen };
}

/** Nodes other than `self` that have been silent for the suspicion time at `nowMs`; `lagMs`: how late `self` runs. */
export function findSilent(watch: Watch, self: NodeIndex, nowMs: number, lagMs: number): readonly NodeIndex[] {
  const limitMs = suspicionTimeMs(watch.options, lagMs);
  return watch.seen
    .filter((entry) => entry.node !== self && nowMs - entry.movedAtMs >= limitMs)
    .map(({ node }) => node);
}

/** The suspicion time of a reporter that runs `lagMs` late: one more of itself for each heartbeat of lag, up to 8. */
export function suspicionTimeMs({ heartbeatMs, suspicionMs }: SuspicionOptions, lagMs: number): number {
  return suspicionMs * Math.min(LAG_FACTOR_MAX, 1 + Math.max(0, lagMs) / heartbeatMs);
}

/** Whether the reporters of a node suffice to call it down. `hostOf` names the process that runs a node. */
export function isDown(accused: Liveness, members: Members, hostOf: (node: NodeIndex) => string): boolean {
  const others = members.filter(({ node, state }) => node !== accused.node && state === 'up').map(({ node }) => node);
  const reporters = accused.reporters.filter((node) => node !== accused.node);
  if (others.length < 2) return reporters.length >= 1;
  const isSpread = new Set(others.map(hostOf)).size > 1;
  return (isSpread ? new Set(reporters.map(hostOf)) : new Set(reporters)).size >= 2;
}
