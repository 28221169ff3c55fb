/**
 * Seeds under which the simulator found a bug of the store, with what it was. What a seed draws shifts when the simulator
 * grows, so each is kept with the options that bring its circumstances about again, and a few seeds around it.
 */
import type { PlanOptions } from '../../src/sim/plan.js';

export interface KeptSeed {
  readonly seed: number;
  readonly options: PlanOptions;
  /** What was found, and where. */
  readonly found: string;
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 4,
    options: {},
    found:
      'actors/hint-keeper.ts: a target that was never paused counted as paused while the clock of 32 bits was in its upper half: its hints were never handed over',
  },
  {
    seed: 2,
    options: {},
    found: 'actors/forgetting.ts: a record that cannot be read made the rebalancer throw and start again for ever',
  },
  {
    seed: 220,
    options: {},
    found:
      'actors/vnode.ts: a stand-in forgot a record with a dot of its own, and a later vector of the same id hid a concurrent write',
  },
  {
    seed: 137,
    options: {},
    found: 'actors/vnode-merge.ts: a record that took an unreadable one’s place left the old digest in the tree',
  },
];
