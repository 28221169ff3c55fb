/**
 * The sustained suite: data four times the memory, what a pair in memory costs, and how long a store takes to open from
 * a long log. Each figure that is promised stands beside its bound.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import type { OpenOptions } from '../../src/core/options.js';
import { allocateNodeMemory } from '../../src/storage/node-memory.js';
import { figure, formatCount, type Result } from '../harness/report.js';
import { KEY_BYTES, keyAt, VALUE_BYTES } from '../harness/workload.js';
import type { OpenStore } from '../store/suite.js';
import type { FillSample } from './fill.js';
import type { Job, JobMessage, JobOutcome } from './jobs.js';

export interface SustainedOptions {
  readonly openStore: OpenStore;
  readonly folder: string;
  readonly sustainedPairs: number;
  readonly hotPairs: number;
  readonly recoveryRecords: number;
  readonly wants: (id: string) => boolean;
  readonly progress: (line: string) => void;
}

const MiB = 1024 * 1024;
const MEMORY_MIN_BYTES = 8 * MiB;
/** What the process may hold above memoryBytes: the runtime, its threads, mailboxes, filters and the bench. */
const RESIDENT_ALLOWANCE_BYTES = 300_000_000;
const ENTRY_OVERHEAD_MAX_BYTES = 64;
const OPEN_MAX_SECONDS = 3;
const NODES: OpenOptions = { nodes: 2, n: 1, r: 1, w: 1, durability: 'interval' };

const MEASUREMENTS: Readonly<Record<string, (options: SustainedOptions) => Promise<Result[]>>> = {
  'sustained.fill': measureFill,
  'sustained.hot-entry': measureHotEntry,
  'sustained.open': measureOpen,
};

/** Runs the wanted measurements, each in a child process of its own. */
export async function runSustainedSuite(options: SustainedOptions): Promise<Result[]> {
  const results: Result[] = [];
  for (const [id, measure] of Object.entries(MEASUREMENTS)) {
    if (options.wants(id)) results.push(...(await measure(options)));
  }
  return results;
}

async function measureFill(options: SustainedOptions): Promise<Result[]> {
  const { sustainedPairs: pairs, progress } = options;
  const memoryBytes = Math.max(MEMORY_MIN_BYTES, Math.ceil((pairs * (KEY_BYTES + VALUE_BYTES)) / 4));
  const bound = memoryBytes + RESIDENT_ALLOWANCE_BYTES;
  const path = await folderOf(options, 'fill');
  let slowest = Number.POSITIVE_INFINITY;
  const job: Job = { kind: 'fill', open: { ...NODES, memoryBytes, path }, pairs, stay: false };
  const outcome = await runJob(job, (sample) => {
    if (sample.written < pairs) slowest = Math.min(slowest, sample.rate);
    progress(describeSample(sample, bound));
  });
  const rate = pairs / outcome.seconds;
  return [
    figure('sustained.fill.rate', rate, 'ops/s'),
    figure('sustained.fill.slowest-second', Math.min(slowest, rate), 'ops/s'),
    figure('sustained.fill.refused', outcome.refused, 'writes'),
    bounded('sustained.fill.resident', outcome.residentPeakBytes, 'bytes', bound),
  ];
}

async function measureHotEntry(options: SustainedOptions): Promise<Result[]> {
  const { hotPairs: pairs } = options;
  const path = await folderOf(options, 'hot-entry');
  const job: Job = { kind: 'hot-entries', open: { ...NODES, memoryBytes: 512 * MiB, path }, pairs, stay: false };
  const { hotBytes, hotEntries } = await runJob(job);
  // each node keeps a few records for itself, such as its ring
  if (hotEntries < pairs || hotEntries > pairs + OWN_RECORDS_MAX)
    throw new Error(`${pairs} pairs were written, the hot tables hold ${hotEntries}`);
  const overhead = (hotBytes / hotEntries) * (1 + indexShare()) - KEY_BYTES - VALUE_BYTES;
  return [bounded('sustained.hot-entry.overhead', overhead, 'bytes', ENTRY_OVERHEAD_MAX_BYTES)];
}

const OWN_RECORDS_MAX = 32;

/** Bytes of index for each byte of records: hotBytes counts the records only, the index is sized along with them. */
function indexShare(): number {
  const { index, marks, arena } = allocateNodeMemory(64 * MiB, 256);
  return (index.byteLength + marks.byteLength) / arena.byteLength;
}

async function measureOpen(options: SustainedOptions): Promise<Result[]> {
  const { recoveryRecords: pairs, openStore, progress } = options;
  const path = await folderOf(options, 'open');
  const open = { ...NODES, memoryBytes: 2048 * MiB, logBytesMax: 4096 * MiB, path };
  const { logBytes } = await runJob({ kind: 'fill', open, pairs, stay: true });
  const startMs = performance.now();
  const store = await openStore(open);
  const seconds = (performance.now() - startMs) / 1000;
  try {
    const last = await store.get(keyAt(pairs - 1));
    if (last === undefined) throw new Error('the reopened store has lost a pair');
  } finally {
    await store.close();
  }
  const logged = logBytes / pairs;
  progress(`opened ${formatCount(pairs)} records, ${logged.toFixed(0)} bytes of log each, in ${seconds.toFixed(2)} s`);
  if (logged < VALUE_BYTES) throw new Error(`the log held only ${logBytes} bytes for ${pairs} records`);
  return [
    bounded('sustained.open.seconds', seconds, 's', OPEN_MAX_SECONDS),
    figure('sustained.open.log', logBytes, 'bytes'),
  ];
}

async function folderOf(options: SustainedOptions, name: string): Promise<string> {
  const path = join(options.folder, `sustained-${name}`);
  await mkdir(path, { recursive: true });
  return path;
}

/** Runs the job in a child; one that stays is killed with its store open. Rejects when it failed or died. */
async function runJob(job: Job, onSample: (sample: FillSample) => void = () => {}): Promise<JobOutcome> {
  const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [JSON.stringify(job)]);
  const exited = once(child, 'exit');
  try {
    const outcome = await outcomeOf(child, onSample);
    if (!job.stay) await exited;
    return outcome;
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  }
}

function outcomeOf(child: ChildProcess, onSample: (sample: FillSample) => void): Promise<JobOutcome> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: JobMessage) => {
      if (message.type === 'sample') onSample(message.sample);
      else if (message.type === 'done') resolve(message.outcome);
      else reject(new Error(message.message));
    });
    child.once('error', reject);
    child.once('exit', (code, signal) => reject(new Error(`the job ended early: ${signal ?? `exit status ${code}`}`)));
  });
}

function describeSample({ seconds, written, rate, residentBytes, refused }: FillSample, bound: number): string {
  const memory = `${(residentBytes / 1e6).toFixed(0)} of ${(bound / 1e6).toFixed(0)} MB resident`;
  return `${seconds.toFixed(0)} s  ${formatCount(written)} pairs  ${formatCount(rate)}/s  ${memory}  ${refused} refused`;
}

const bounded = (id: string, ours: number, unit: string, bound: number): Result => ({
  ...figure(id, ours, unit),
  bound,
  held: ours <= bound,
});
