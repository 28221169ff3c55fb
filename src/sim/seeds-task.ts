/** A task of the bulk pool: runs some seeds one after the other. */
import type { SeedReport } from './campaign.js';
import { PLANTS } from './plants.js';
import { type RunOptions, runSeed } from './simulation.js';

export interface SeedsTask {
  readonly from: number;
  /** Behind the last. */
  readonly to: number;
  readonly run: RunOptions;
  readonly plant?: string;
}

export function runTask({ from, to, run, plant }: SeedsTask): SeedReport[] {
  return Array.from({ length: to - from }, (_, index) => {
    const { seed, hash, problems, virtualMs, counts, checked, faults, rare } = runSeed(
      from + index,
      plant === undefined ? {} : PLANTS[plant],
      run,
    );
    return { seed, hash, problems, virtualMs, counts, checked, faults, rare };
  });
}
