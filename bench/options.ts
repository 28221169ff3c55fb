/**
 * The command line of the bench, and the sizes behind `--quick` and `--once`: how many rounds of which length over how
 * many keys. A quick run ends within two minutes on two cores; a once run only proves that everything still runs.
 */
import { parseArgs } from 'node:util';
import type { GossipScale } from './gossip/suite.js';

export const SUITES = ['store', 'micro', 'sustained', 'gossip', 'bridge', 'repair'] as const;
export type SuiteName = (typeof SUITES)[number];

export interface Sizes {
  readonly keyCount: number;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly pauseMs: number;
  readonly warmUpMs: number;
  /** Time for each micro-bench; 0 runs one iteration. */
  readonly microMs: number;
  readonly sustainedPairs: number;
  readonly hotPairs: number;
  readonly recoveryRecords: number;
  /** Messages of one round between two bridges. */
  readonly bridgeMessages: number;
  /** Pairs of a store that is repaired, and how long its puts are timed before. */
  readonly repairPairs: number;
  readonly repairAloneMs: number;
  /** Worlds of gossip agents, smallest first. */
  readonly gossip: readonly GossipScale[];
}

export interface BenchOptions {
  readonly help: boolean;
  readonly suites: readonly SuiteName[];
  readonly sizes: Sizes;
  readonly json: string | undefined;
  readonly only: readonly string[];
}

const FULL: Sizes = {
  keyCount: 100_000,
  rounds: 7,
  sliceMs: 1_000,
  pauseMs: 50,
  warmUpMs: 2_000,
  microMs: 500,
  sustainedPairs: 3_000_000,
  hotPairs: 200_000,
  recoveryRecords: 1_000_000,
  bridgeMessages: 1_000_000,
  repairPairs: 1_000_000,
  repairAloneMs: 5_000,
  gossip: [
    { nodes: 3, nodeSeconds: 300_000, deaths: 100 },
    { nodes: 30, nodeSeconds: 300_000, deaths: 100 },
    { nodes: 300, nodeSeconds: 60_000, deaths: 60 },
    { nodes: 1_000, nodeSeconds: 60_000, deaths: 40 },
  ],
};
const QUICK: Sizes = {
  keyCount: 100_000,
  rounds: 5,
  sliceMs: 150,
  pauseMs: 10,
  warmUpMs: 1_000,
  microMs: 50,
  sustainedPairs: 300_000,
  hotPairs: 50_000,
  recoveryRecords: 100_000,
  bridgeMessages: 200_000,
  repairPairs: 100_000,
  repairAloneMs: 2_000,
  gossip: [
    { nodes: 3, nodeSeconds: 30_000, deaths: 20 },
    { nodes: 30, nodeSeconds: 30_000, deaths: 20 },
  ],
};
const ONCE: Sizes = {
  keyCount: 2_000,
  rounds: 1,
  sliceMs: 5,
  pauseMs: 0,
  warmUpMs: 5,
  microMs: 0,
  sustainedPairs: 20_000,
  hotPairs: 5_000,
  recoveryRecords: 5_000,
  bridgeMessages: 500,
  repairPairs: 2_000,
  repairAloneMs: 20,
  gossip: [{ nodes: 3, nodeSeconds: 60, deaths: 1 }],
};

export const HELP = `Usage: npm run bench -- [options]

  --suite NAME   store (default), micro, sustained, gossip, bridge, repair or all
  --only TEXT    just the ids that contain TEXT; may be given several times (sustained: fill, hot-entry, open)
  --quick        short slices and fewer pairs: within two minutes
  --once         every measurement once, as short as can be: proves that it runs, measures nothing
  --pairs N      pairs of the sustained suite, and records of its recovery (default 3000000 and 1000000)
  --json FILE    write the results as JSON too
  --help         this text

Progress goes to stderr, the table to stdout. Exit status: 0 done, 1 a result was wrong or a bound broken, 2 usage.`;

/** Reads the command line. Throws a TypeError or RangeError that says what is wrong with it. */
export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      suite: { type: 'string', default: 'store' },
      only: { type: 'string', multiple: true, default: [] },
      quick: { type: 'boolean', default: false },
      once: { type: 'boolean', default: false },
      pairs: { type: 'string' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const suites = SUITES.filter((name) => values.suite === 'all' || values.suite === name);
  if (suites.length === 0)
    throw new RangeError(`--suite must be one of ${SUITES.join(', ')} and all, not ${values.suite}`);
  const sizes = values.once ? ONCE : values.quick ? QUICK : FULL;
  return {
    help: values.help,
    suites,
    sizes: values.pairs === undefined ? sizes : scaled(sizes, values.pairs),
    json: values.json,
    only: values.only,
  };
}

function scaled(sizes: Sizes, text: string): Sizes {
  const pairs = Number(text);
  if (!Number.isSafeInteger(pairs) || pairs < 1_000)
    throw new RangeError(`--pairs must be a whole number of at least 1000, not ${text}`);
  return { ...sizes, sustainedPairs: pairs, recoveryRecords: Math.min(pairs, sizes.recoveryRecords) };
}
