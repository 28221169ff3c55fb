/**
 * Many seeds, on several threads of the bulk pool, and their sum: virtual time, operations checked, faults by kind, rare
 * paths reached and never reached, and the seeds that failed.
 */
import { RARE_PATHS } from '../core/rare-path.js';
import { BulkPool } from '../runtime/bulk-pool.js';
import { FAULTS } from './faults.js';
import type { Problem } from './observer.js';
import type { SeedsTask } from './seeds-task.js';
import type { RunOptions, RunReport } from './simulation.js';
import { Trace } from './trace.js';

export interface CampaignOptions {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly threads: number;
  readonly run: RunOptions;
  /** Name of a fault to plant; none where left out. */
  readonly plant?: string | undefined;
  readonly onProgress?: (seedsDone: number) => void;
}

export interface FailedSeed {
  readonly seed: number;
  readonly problems: readonly Problem[];
}

export interface CampaignReport {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly virtualHours: number;
  readonly operations: number;
  readonly acknowledged: number;
  /** How often each kind of fault fired; 0 for those that never did. */
  readonly faults: Readonly<Record<string, number>>;
  readonly rarePaths: { readonly reached: Readonly<Record<string, number>>; readonly never: readonly string[] };
  readonly failed: readonly FailedSeed[];
  /** Of the traces of all seeds, in their order. */
  readonly hash: string;
}

/** What a task hands back of each of its seeds. */
export type SeedReport = Pick<
  RunReport,
  'seed' | 'hash' | 'problems' | 'virtualMs' | 'counts' | 'checked' | 'faults' | 'rare'
>;

/** Seeds that one task runs. */
const TASK_SEEDS = 10;

export async function runCampaign(options: CampaignOptions): Promise<CampaignReport> {
  const { firstSeed, seeds, threads, run, plant, onProgress = () => undefined } = options;
  const module = new URL(import.meta.resolve('#seeds-task'));
  const pool = new BulkPool<SeedsTask, SeedReport[]>({ module, threads });
  const reports: SeedReport[] = [];
  let next = firstSeed;
  const work = async () => {
    while (next < firstSeed + seeds) {
      const from = next;
      next = Math.min(firstSeed + seeds, from + TASK_SEEDS);
      reports.push(...(await pool.run({ from, to: next, run, ...(plant !== undefined && { plant }) })));
      onProgress(reports.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: threads }, work));
  } finally {
    await pool.close();
  }
  reports.sort((a, b) => a.seed - b.seed);
  return summed(options, reports);
}

function summed({ firstSeed, seeds }: CampaignOptions, reports: readonly SeedReport[]): CampaignReport {
  const sum = (of: (report: SeedReport) => number) => reports.reduce((total, report) => total + of(report), 0);
  const reached = sumByName(reports.map(({ rare }) => rare));
  const trace = new Trace();
  for (const { hash } of reports) trace.addWords(Int32Array.from([...hash].map((digit) => digit.charCodeAt(0))));
  return {
    firstSeed,
    seeds,
    virtualHours: sum(({ virtualMs }) => virtualMs) / 3_600_000,
    operations: sum(({ checked }) => checked),
    acknowledged: sum(({ counts }) => counts.acked),
    faults: sumByName([
      Object.fromEntries(Object.keys(FAULTS).map((name) => [name, 0])),
      ...reports.map(({ faults }) => faults),
    ]),
    rarePaths: { reached, never: RARE_PATHS.filter((path) => reached[path] === undefined) },
    failed: reports.filter(({ problems }) => problems.length > 0).map(({ seed, problems }) => ({ seed, problems })),
    hash: trace.hash,
  };
}

function sumByName(parts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const part of parts) {
    for (const [name, count] of Object.entries(part)) total[name] = (total[name] ?? 0) + count;
  }
  return total;
}
