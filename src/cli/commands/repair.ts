/**
 * `kvorum repair`: compares the replicas of every partition, or of one, and has them exchange what differs. Partitions are
 * asked for one by one, so that it can say how far it is, and stop.
 */
import type { RepairResult } from '../../client/types.js';
import type { CommandSpec, Invocation } from '../command.js';
import { EXIT_CODES } from '../exit-codes.js';
import { withStore } from '../open-access.js';
import { formatCount, formatNumber, parseCount, parseFlag } from '../quantities.js';
import type { StoreAccess } from '../store-access.js';

/** Partitions under way at the same time. */
const AT_ONCE = 4;
const NOTE_EVERY_MS = 5_000;

type Failure = RepairResult['failed'][number];

interface Totals {
  done: number;
  readonly partitions: number;
  differing: number;
  moved: number;
  readonly failed: Failure[];
}

export const repairCommand: CommandSpec = {
  usage: 'repair',
  summary: 'compare the replicas and exchange what differs',
  description:
    'Compares the replicas of every partition by their hash trees, and copies records to those that lack them. The store ' +
    'goes on serving. It happens by itself now and then; this is for when nobody wants to wait.',
  flags: (command) => {
    command
      .option('--partition <number>', 'only this partition')
      .option('--dry-run', 'count what differs, and change nothing');
  },
  examples: [
    ['kvorum repair', 'all partitions'],
    ['kvorum repair --dry-run', 'how much differs'],
    ['kvorum repair --partition 17 --json', 'one of them, for a script'],
  ],
  run: (invocation) =>
    withStore(invocation, { create: false }, async (access) => {
      const totals = await repairAll(invocation, access);
      const { output } = invocation;
      output.result({ ...totals, dryRun: invocation.flags.dryRun === true }, () => describe(totals, invocation));
      return totals.failed.length === 0 ? EXIT_CODES.ok.code : EXIT_CODES.store.code;
    }),
};

async function repairAll(invocation: Invocation, access: StoreAccess): Promise<Totals> {
  const { flags } = invocation;
  const { partitions } = await access.ring();
  const parsePartition = (text: string) => parseCount(text, { max: partitions - 1 });
  const one = flags.partition === undefined ? undefined : parseFlag('--partition', flags.partition, parsePartition);
  const wanted = one === undefined ? Array.from({ length: partitions }, (_, partition) => partition) : [one];
  const totals: Totals = { done: 0, partitions: wanted.length, differing: 0, moved: 0, failed: [] };
  const progress = await startProgress(invocation, totals);
  const next = wanted.values();
  const work = async (): Promise<void> => {
    for (const partition of next) {
      const { differing, moved, failed } = await access.repair({ partition, dryRun: flags.dryRun === true });
      totals.done++;
      totals.differing += differing;
      totals.moved += moved;
      totals.failed.push(...failed);
      progress.update();
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  } finally {
    progress.stop();
  }
  return totals;
}

async function startProgress({ output }: Invocation, totals: Totals): Promise<{ update(): void; stop(): void }> {
  if (process.stderr.isTTY !== true || output.json) return plainProgress(output, totals);
  const format = 'repairing [{bar}] {value} of {total} partitions | {differing} keys differed';
  const { SingleBar } = await import('cli-progress');
  const bar = new SingleBar({ format, stream: process.stderr, hideCursor: true, clearOnComplete: true });
  bar.start(totals.partitions, 0, { differing: '0' });
  return {
    update: () => bar.update(totals.done, { differing: formatCount(totals.differing) }),
    stop: () => bar.stop(),
  };
}

function plainProgress(output: Invocation['output'], totals: Totals): { update(): void; stop(): void } {
  let noted = performance.now();
  return {
    update: () => {
      if (performance.now() - noted < NOTE_EVERY_MS) return;
      noted = performance.now();
      output.note(`repairing: ${totals.done} of ${totals.partitions} partitions, ${totals.differing} keys differed`);
    },
    stop: () => undefined,
  };
}

function describe({ partitions, differing, moved, failed }: Totals, { flags }: Invocation): string {
  const compared = `compared ${formatCount(partitions - failed.length)} of ${formatCount(partitions)} partitions`;
  const found = `${formatNumber(differing, 'key')} differed`;
  const done = flags.dryRun === true ? 'nothing was changed' : `${formatNumber(moved, 'record')} copied`;
  const failures = failed.map(({ partition, code }) => `\npartition ${partition} could not be compared: ${code}`);
  return `${compared}: ${found}, ${done}${failures.join('')}`;
}
