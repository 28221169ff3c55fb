/**
 * Makes a failing run easier to read: the fewest faults under which its seed still fails, and of its trace only what
 * concerns the key in question, up to the moment of the failure.
 */

import type { Problem } from './observer.js';
import { PLANTS } from './plants.js';
import { type RunOptions, type RunReport, runSeed } from './simulation.js';

export interface ShortTrace {
  readonly problem: Problem;
  /** Options that replay it. */
  readonly run: RunOptions;
  readonly lines: readonly string[];
  /** Lines left out before the first. */
  readonly leftOut: number;
}

const LINES_MAX = 60;
/** Runs that the search may take. */
const TRIES_MAX = 200;

/** @param plant name of a planted fault, where there is one */
export function shortTrace(seed: number, run: RunOptions, plant?: string): ShortTrace | undefined {
  const planted = plant === undefined ? {} : PLANTS[plant];
  const fails = (options: RunOptions) => runSeed(seed, planted, options).problems.length > 0;
  let shortest = run;
  for (let faultsMax = 0; faultsMax < Math.min(TRIES_MAX, run.faultsMax ?? TRIES_MAX); faultsMax++) {
    if (!fails({ ...run, faultsMax })) continue;
    shortest = { ...run, faultsMax };
    break;
  }
  const report = runSeed(seed, planted, { ...shortest, keepsLines: true });
  const [problem] = report.problems;
  return problem === undefined ? undefined : { problem, run: shortest, ...linesOf(report, problem) };
}

function linesOf({ lines }: RunReport, problem: Problem): Pick<ShortTrace, 'lines' | 'leftOut'> {
  const before = lines.filter(
    ({ atMs, key }) => atMs <= problem.atMs && (key === undefined || problem.key === undefined || key === problem.key),
  );
  const kept = before.slice(-LINES_MAX);
  return {
    lines: kept.map(({ atMs, text }) => `${atMs.toFixed(2).padStart(10)}  ${text}`),
    leftOut: before.length - kept.length,
  };
}
