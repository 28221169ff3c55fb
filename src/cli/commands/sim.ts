/**
 * `kvorum sim`: the store's own actors in a simulated cluster, under faults drawn from seeds. It touches no store. A seed
 * that breaks a promise ends the command with exit code 6, the command that replays it and a shortened trace.
 */
import { availableParallelism } from 'node:os';
import { didYouMean } from '../../core/nearest-name.js';
import { type CampaignReport, runCampaign } from '../../sim/campaign.js';
import { PLANTS } from '../../sim/plants.js';
import { type ShortTrace, shortTrace } from '../../sim/shrink.js';
import type { RunOptions } from '../../sim/simulation.js';
import type { CommandSpec, Flags, Invocation } from '../command.js';
import { CliError, EXIT_CODES } from '../exit-codes.js';
import { table } from '../output.js';
import { startProgress } from '../progress.js';
import { formatCount, formatNumber, parseCount, parseFlag } from '../quantities.js';

/** Options of a run as flags: their names, ranges and help. */
const RUN_FLAGS = {
  nodes: { min: 1, max: 32, help: 'nodes of every cluster' },
  hosts: { min: 1, max: 32, help: 'hosts that they are spread over' },
  n: { min: 1, max: 7, help: 'replicas of a key' },
  w: { min: 1, max: 7, help: 'confirmations of a write' },
  r: { min: 1, max: 7, help: 'answers of a read' },
  calls: { min: 1, max: 100_000, help: 'calls of each client' },
  faults: { min: 0, max: 100_000, help: 'most faults of a run' },
} as const;

/** Flags whose number is at most that of another one. */
const BOUNDED_BY = [
  ['w', 'n'],
  ['r', 'n'],
  ['n', 'nodes'],
  ['hosts', 'nodes'],
] as const;

export const simCommand: CommandSpec = {
  usage: 'sim',
  summary: 'run the store in a simulated cluster under faults drawn from seeds',
  description:
    'Runs the actors of the store in one thread under virtual time: crashes, partitions, lost and repeated messages, ' +
    'disks that lose, clocks that jump, all drawn from a seed, and checks every promise. The same seed is the same run. ' +
    'What no flag fixes is drawn from the seed.',
  standalone: true,
  flags: (command) => {
    command
      .option('--seeds <count>', 'how many seeds', '100')
      .option('--seed <number>', 'the first seed; with it alone, only that one')
      .option('--threads <count>', 'threads that run seeds', String(Math.min(8, availableParallelism())));
    for (const [name, { help }] of Object.entries(RUN_FLAGS)) command.option(`--${name} <count>`, help);
    command
      .option('--moves', 'nodes join, leave and take the place of others')
      .option('--beyond', 'disks lose more than the guarantee covers; only false answers are looked for')
      .option('--plant <fault>', 'plant a bug by its name, to see it found; "list" names them');
  },
  examples: [
    ['kvorum sim --seeds 1000', 'seeds 1 to 1000'],
    ['kvorum sim --seed 42', 'one seed again'],
    ['kvorum sim --seeds 50 --nodes 7 --hosts 3', 'larger clusters'],
    ["kvorum sim --plant 'forgets tombstones'", 'can the checkers fail?'],
  ],
  run: async (invocation) => {
    const { flags, output } = invocation;
    if (flags.plant === 'list') {
      output.result(Object.keys(PLANTS), () => Object.keys(PLANTS).join('\n'));
      return undefined;
    }
    const run = runOptions(flags);
    const started = performance.now();
    const report = await campaign(invocation, run);
    const seconds = (performance.now() - started) / 1_000;
    const [first] = report.failed;
    const trace = first === undefined ? undefined : shortTrace(first.seed, run, plantOf(flags));
    const replays = report.failed.map(({ seed }) => replay(seed, run, flags));
    const replaysShort = first === undefined || trace === undefined ? undefined : replay(first.seed, trace.run, flags);
    output.result({ ...report, seconds, replays, replaysShort, trace }, () =>
      [describe(report, seconds), ...describeFailures(report, replays, replaysShort, trace)].join('\n\n'),
    );
    return first === undefined ? undefined : EXIT_CODES.simulation.code;
  },
};

const parseSeed = (text: string): number => parseCount(text, { max: 0xffff_ffff });
const parseSeeds = (text: string): number => parseCount(text, { min: 1, max: 10_000_000 });

async function campaign({ flags, output }: Invocation, run: RunOptions): Promise<CampaignReport> {
  const firstSeed = flags.seed === undefined ? 1 : parseFlag('--seed', flags.seed, parseSeed);
  const isOne = flags.seed !== undefined && flags.seeds === '100';
  const seeds = isOne ? 1 : parseFlag('--seeds', flags.seeds, parseSeeds);
  const threads = parseFlag('--threads', flags.threads, (text) => parseCount(text, { min: 1, max: 64 }));
  const progress = await startProgress({ label: 'sim', totalCount: seeds, noun: 'seeds', quiet: output.json });
  try {
    return await runCampaign({
      firstSeed,
      seeds,
      threads: Math.min(threads, seeds),
      run,
      plant: plantOf(flags),
      onProgress: (done) => progress.update(done, done),
    });
  } finally {
    progress.stop();
  }
}

function plantOf({ plant }: Flags): string | undefined {
  if (plant === undefined) return undefined;
  if (String(plant) in PLANTS) return String(plant);
  throw new CliError(
    'KV_USAGE',
    `there is no fault '${plant}' to plant${didYouMean(String(plant), Object.keys(PLANTS))}; --plant list names them`,
  );
}

function runOptions(flags: Flags): RunOptions {
  for (const [less, more] of BOUNDED_BY) refuseMore(flags, less, more);
  const numbers = Object.entries(RUN_FLAGS).flatMap(([name, { min, max }]) => {
    if (flags[name] === undefined) return [];
    const parse = (text: string) => parseCount(text, { min, max });
    return [[name === 'faults' ? 'faultsMax' : name, parseFlag(`--${name}`, flags[name], parse)]];
  });
  return {
    ...Object.fromEntries(numbers),
    ...(flags.moves === true && { moves: true }),
    ...(flags.beyond === true && { beyond: true }),
  };
}

function refuseMore(flags: Flags, less: string, more: string): void {
  if (flags[less] === undefined || flags[more] === undefined || Number(flags[less]) <= Number(flags[more])) return;
  throw new CliError('KV_USAGE', `--${less} ${flags[less]} is more than --${more} ${flags[more]}`);
}

/** The command line that runs one seed again. */
function replay(seed: number, run: RunOptions, flags: Flags): string {
  const numbers = Object.keys(RUN_FLAGS).flatMap((name) => {
    const value = run[(name === 'faults' ? 'faultsMax' : name) as keyof RunOptions];
    return value === undefined ? [] : [`--${name} ${value}`];
  });
  const plant = plantOf(flags);
  return [
    `kvorum sim --seed ${seed}`,
    ...numbers,
    ...(run.moves === true ? ['--moves'] : []),
    ...(run.beyond === true ? ['--beyond'] : []),
    ...(plant === undefined ? [] : [`--plant '${plant}'`]),
  ].join(' ');
}

function describe(report: CampaignReport, seconds: number): string {
  const { seeds, virtualHours, operations, acknowledged, failed, faults, rarePaths, hash } = report;
  const rate = `${formatNumber(seeds / seconds, 'seed')} a second`;
  const summary = [
    `${formatNumber(seeds, 'seed')} from ${report.firstSeed}, ${failed.length} failed (${seconds.toFixed(1)} s, ${rate})`,
    `${virtualTime(virtualHours)}, ${formatCount(operations)} operations checked, ${formatCount(acknowledged)} writes acknowledged`,
    `trace hash ${hash}`,
  ].join('\n');
  const rows = Object.entries(faults).map(([name, count]) => [name, formatCount(count)]);
  const reached = Object.entries(rarePaths.reached).map(([name, count]) => [name, formatCount(count)]);
  const never = rarePaths.never.map((name) => [name, 'never']);
  return [summary, table([['fault', 'fired'], ...rows]), table([['rare path', 'reached'], ...reached, ...never])].join(
    '\n\n',
  );
}

function virtualTime(hours: number): string {
  return hours < 1 ? `${(hours * 60).toFixed(1)} virtual minutes` : `${hours.toFixed(1)} virtual hours`;
}

const FAILURES_MAX = 10;

function describeFailures(
  { failed }: CampaignReport,
  replays: readonly string[],
  replaysShort: string | undefined,
  trace: ShortTrace | undefined,
): string[] {
  const sections = failed.slice(0, FAILURES_MAX).map(({ problems }, index) => {
    const found = problems.map(({ atMs, text }) => `  ${atMs.toFixed(2)} ms: ${text}`);
    return [`FAILED: ${replays[index]}`, ...found].join('\n');
  });
  if (failed.length > FAILURES_MAX) sections.push(`and ${failed.length - FAILURES_MAX} more`);
  if (trace === undefined) return sections;
  const { problem, lines, leftOut } = trace;
  const heading = `${replaysShort}\n${problem.text}`;
  return [...sections, [heading, `  ... ${leftOut} lines before`, ...lines].join('\n')];
}
