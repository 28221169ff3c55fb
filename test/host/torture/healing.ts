/** Brings a store's replicas together again: hints are handed over, then repair runs until nothing differs any more. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../../src/index.js';
import { until } from '../../client/store-fixture.js';

export interface Healing {
  readonly rounds: number;
  readonly moved: number;
}

const HEALING_MS_MAX = 60_000;
/** Hints that are left by then were not handed over: the target is up, and nothing else is to do. */
const HINTS_MS_MAX = 60_000;

/** @throws Error where replicas still differ after a minute */
export async function repairFully(store: Store): Promise<Healing> {
  let rounds = 0;
  let moved = 0;
  const endMs = performance.now() + HEALING_MS_MAX;
  for (;;) {
    const result = await store.repair();
    rounds++;
    moved += result.moved;
    if (result.differing === 0 && result.failed.length === 0) return { rounds, moved };
    if (performance.now() > endMs)
      throw new Error(`replicas differ after ${rounds} repairs: ${JSON.stringify(result)}`);
    await sleep(50);
  }
}

/** With every node up and no load. */
export async function heal(store: Store): Promise<Healing & { readonly hintsLeft: readonly string[] }> {
  await until(() => store.members().every(({ state }) => state === 'up'));
  await until(() => store.ring().change === undefined);
  const left = await waitForHints(store);
  return { ...(await repairFully(store)), hintsLeft: left };
}

/** Nodes that still have hints when there was time enough to hand them over. */
async function waitForHints(store: Store): Promise<string[]> {
  const endMs = performance.now() + HINTS_MS_MAX;
  for (;;) {
    const keepers = (await store.stats()).nodes.filter(({ hints }) => hints > 0);
    if (keepers.length === 0 || performance.now() > endMs) {
      return keepers.map(
        ({ node, hints, hintsHandedOver, notes }) =>
          `node ${node}: ${hints} left, ${hintsHandedOver} handed over, ${notes} notes`,
      );
    }
    await sleep(50);
  }
}
