/**
 * What a host has others decide so that hosts are part of the cluster: that one which asks is let in (host/joining.ts), that
 * its own nodes become members, one change of the ring among others, tried until it is its turn; and that a host which has
 * left for good is forgotten.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { asStoreError } from '../core/errors.js';
import { isLeaving } from '../core/ring-hosts.js';
import { allMembers } from '../core/ring-state.js';
import type { Host } from '../host/host.js';
import type { RingChanges } from './ring-changes.js';

const PAUSE_MS = 500;
const PAUSE_MS_MAX = 2_000;
/** Another change is under way, or no majority of the members can be reached yet. */
const PASSES: readonly string[] = ['KV_RING_CHANGING', 'KV_UNAVAILABLE', 'KV_DEADLINE_EXCEEDED', 'KV_NODE_RESTARTED'];
/** A host is forgotten when it has been away for so long, with no node of its in the ring. */
const FORGET_MS = 60 * 60_000;
const FORGET_LOOK_MS = 60_000;

/** Resolves when the cluster has decided that they join, which is before their data has moved; never rejects. */
export async function joinCluster(changes: RingChanges, host: Host): Promise<void> {
  const { nodes, weights } = host.options;
  for (let pauseMs = PAUSE_MS; host.others.isGuest && !host.isClosed; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 1.5)) {
    try {
      await changes.change({ kind: 'join', count: nodes, weight: weights[0] }, { wait: false });
      return;
    } catch (thrown) {
      if (!reportUnlessPassing(host, thrown)) return;
      await sleep(pauseMs * (0.5 + Math.random()), undefined, { ref: false });
      // it may have been decided all the same: then its nodes are members already
      await host.learnRing();
    }
  }
}

/** Has every host that asks let in; it asks again until it is. */
export function admitHosts(changes: RingChanges, host: Host): void {
  const admitting = new Set<string>();
  host.others.onAsker = (asker, room) => {
    if (admitting.has(asker) || host.isClosed) return;
    admitting.add(asker);
    changes
      .admit(asker, room)
      .catch((thrown: unknown) => reportUnlessPassing(host, thrown))
      .finally(() => admitting.delete(asker));
  };
}

/** Has hosts forgotten that are none any more; any host may, for all of them see the same. */
export function forgetHosts(
  changes: Pick<RingChanges, 'change'>,
  host: Pick<Host, 'isClosed' | 'ring' | 'hosts' | 'report' | 'map'>,
  forgetMs = FORGET_MS,
  lookMs = FORGET_LOOK_MS,
): void {
  const awaySinceMs = new Map<string, number>();
  const timer = setInterval(() => {
    if (host.isClosed) {
      clearInterval(timer);
      return;
    }
    const nowMs = performance.now();
    const kept = new Set(allMembers(host.ring).map((member) => member.host));
    for (const report of host.hosts()) if (report.state === 'up') kept.add(report.host);
    for (const claim of host.ring.hosts) {
      const { host: other } = claim;
      if (kept.has(other) || isLeaving(host.ring, claim)) awaySinceMs.delete(other);
      else if (!awaySinceMs.has(other)) awaySinceMs.set(other, nowMs);
      else if (nowMs - (awaySinceMs.get(other) ?? nowMs) >= forgetMs) {
        changes.change({ kind: 'forget', host: other }).catch((thrown: unknown) => reportUnlessPassing(host, thrown));
      }
    }
  }, lookMs).unref();
}

/** False where the store is closed, and there is no use in trying again. */
function reportUnlessPassing(host: Pick<Host, 'report' | 'map'>, thrown: unknown): boolean {
  const error = asStoreError(thrown);
  if (error.code === 'KV_CLOSED') return false;
  if (!PASSES.includes(error.code)) host.report(host.map.first, error);
  return true;
}
