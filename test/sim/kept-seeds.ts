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

/** They were found before logs were damaged. */
const BEFORE: PlanOptions = { damages: false };

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 4,
    options: BEFORE,
    found:
      'actors/hint-keeper.ts: a target that was never paused counted as paused while the clock of 32 bits was in its upper half: its hints were never handed over',
  },
  {
    seed: 2,
    options: BEFORE,
    found: 'actors/forgetting.ts: a record that cannot be read made the rebalancer throw and start again for ever',
  },
  {
    seed: 220,
    options: BEFORE,
    found:
      'actors/vnode.ts: a stand-in forgot a record with a dot of its own, and a later vector of the same id hid a concurrent write',
  },
  {
    seed: 137,
    options: BEFORE,
    found: 'actors/vnode-merge.ts: a record that took an unreadable one’s place left the old digest in the tree',
  },
  {
    seed: 231,
    options: BEFORE,
    found:
      'actors/doubt-rounds.ts: a record that cannot be read made the anti-entropy of a rolled-back disk start again',
  },
  {
    seed: 916,
    options: BEFORE,
    found: 'actors/doubt-rounds.ts: the same, again and again while the node was in doubt',
  },
  {
    seed: 940,
    options: BEFORE,
    found:
      'actors/repair-rounds.ts: a node that only stood in, and whose hints had become notes, never gave what it had kept to anybody',
  },
  {
    seed: 963,
    options: BEFORE,
    found: 'actors/repair-rounds.ts: the same, for a target that had left the ring meanwhile',
  },
  {
    seed: 1576,
    options: BEFORE,
    found:
      'actors/hint-delivery.ts: while a partition moved, a hint went to the old holder, behind the pages that it had given',
  },
  {
    seed: 257,
    options: BEFORE,
    found:
      'actors/hint-delivery.ts, actors/repair-rounds.ts: a node that had left the ring suspected everybody, and kept what it owed to others',
  },
  {
    seed: 1501,
    options: BEFORE,
    found:
      'src/sim/observer.ts: took for forgotten what an unreadable record had held and nobody else, a write acknowledged to none',
  },
  { seed: 2632, options: BEFORE, found: 'src/sim/simulation.ts: looked before the notes were seen to' },
  {
    seed: 246,
    options: BEFORE,
    found:
      'src/sim/faults.ts: left hosts whose clocks differed by more than the drift bound, beyond which writes are refused, in a cluster that it called healed',
  },
  {
    seed: 278,
    options: { damages: true },
    found:
      'actors/key-polls.ts: a node that ended before it counted again for all partitions took what it had written meanwhile for a part of what it had lost',
  },
  {
    seed: 5838,
    options: {},
    found:
      'actors/hint-keeper.ts: kept more hints than its bound, while those from before a restart were not counted yet',
  },
];
