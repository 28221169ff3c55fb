/** Makes the nodes of a host that has just met its cluster members of the ring: one change among others, tried until it is its turn. */
import { setTimeout as sleep } from 'node:timers/promises';
import { asStoreError } from '../core/errors.js';
import type { Host } from '../host/host.js';
import type { Store } from './types.js';

const PAUSE_MS = 500;
const PAUSE_MS_MAX = 5_000;
/** Another change is under way, or no majority of the members can be reached yet. */
const PASSES: readonly string[] = ['KV_RING_CHANGING', 'KV_UNAVAILABLE', 'KV_DEADLINE_EXCEEDED', 'KV_NODE_RESTARTED'];

/** Resolves when the cluster has decided that they join, which is before their data has moved; never rejects. */
export async function joinCluster(store: Store, host: Host): Promise<void> {
  const { nodes, weights } = host.options;
  for (let pauseMs = PAUSE_MS; host.others.isGuest && !host.isClosed; pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 1.5)) {
    try {
      await store.change({ kind: 'join', count: nodes, weight: weights[0] }, { wait: false });
      return;
    } catch (thrown) {
      const error = asStoreError(thrown);
      if (error.code === 'KV_CLOSED') return;
      if (!PASSES.includes(error.code)) host.report(host.map.first, error);
      await sleep(pauseMs * (0.5 + Math.random()), undefined, { ref: false });
      // it may have been decided all the same: then its nodes are members already
      await host.learnRing();
    }
  }
}
