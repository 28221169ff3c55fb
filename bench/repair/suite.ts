/**
 * The repair suite: what comparing all replicas costs those who write meanwhile. Puts are timed one by one at a steady
 * depth: during a first `repair`, for which every node builds its trees, during another one, and alone.
 */
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import type { Store } from '../../src/client/types.js';
import type { OpenOptions } from '../../src/core/options.js';
import { driveLanes } from '../harness/driver.js';
import { xorshift32 } from '../harness/random.js';
import { figure, type Result } from '../harness/report.js';
import { keyAt, valueAt } from '../harness/workload.js';
import type { OpenStore } from '../store/suite.js';

export interface RepairSuiteOptions {
  readonly openStore: OpenStore;
  readonly folder: string;
  readonly repairPairs: number;
  /** How long puts are timed with no repair under way. */
  readonly repairAloneMs: number;
  readonly wants: (id: string) => boolean;
  readonly progress: (line: string) => void;
}

const MiB = 1024 * 1024;
const STORE: OpenOptions = { nodes: 3, n: 3, r: 2, w: 2, durability: 'interval', memoryBytes: 1_536 * MiB };
const DEPTH = 16;
/** A comparison of a partition under writes takes a fifth of a second, however small it is. */
const SMALL_PAIRS = 10_000;
const FILL_BATCH = 100;
const KEYS_WRITTEN = 10_000;

/** Runs all of it where any of its ids is wanted. */
export async function runRepairSuite(options: RepairSuiteOptions): Promise<Result[]> {
  const { openStore, folder, repairPairs: pairs, repairAloneMs, wants, progress } = options;
  if (!['alone', 'first', 'again'].some((part) => wants(`repair.${part}`))) return [];
  const store = await openStore({ ...STORE, partitions: pairs < SMALL_PAIRS ? 16 : 256, path: join(folder, 'repair') });
  try {
    progress(`repair: ${pairs} pairs are written`);
    await fill(store, pairs);
    await timePuts(store, pairs, within(repairAloneMs / 4));
    const results: Result[] = [];
    for (const name of ['first', 'again']) {
      progress(`repair.${name}`);
      results.push(...(await duringRepair(store, pairs, name)));
    }
    // last: what filling the store has left to do is done by then
    progress('repair.alone');
    return [...figures('alone', await timePuts(store, pairs, within(repairAloneMs))), ...results];
  } finally {
    await store.close();
  }
}

function within(ms: number): () => number {
  const untilMs = performance.now() + ms;
  return () => untilMs;
}

async function duringRepair(store: Store, pairs: number, name: string): Promise<Result[]> {
  let untilMs = Number.POSITIVE_INFINITY;
  const fromMs = performance.now();
  const repairing = store.repair().finally(() => {
    untilMs = performance.now();
  });
  const puts = await timePuts(store, pairs, () => untilMs);
  const { failed, differing } = await repairing;
  if (failed.length > 0) throw new Error(`${failed.length} partitions could not be compared`);
  // a write on its way may look like a difference, hardly ever twice
  if (differing > pairs / 100) throw new Error(`${differing} of ${pairs} keys differed on a healthy store`);
  return [...figures(name, puts), figure(`repair.${name}.took`, (untilMs - fromMs) / 1_000, 's')];
}

async function fill(store: Store, pairs: number): Promise<void> {
  let next = 0;
  const send = (): Promise<void> => {
    const from = next;
    next += FILL_BATCH;
    const count = Math.min(FILL_BATCH, pairs - from);
    return store.putMany(Array.from({ length: count }, (_, i) => [keyAt(from + i), valueAt(from + i, 0)]));
  };
  const requestsMax = Math.ceil(pairs / FILL_BATCH);
  await driveLanes({ depth: 8, durationMs: Number.POSITIVE_INFINITY, requestsMax }, () => ({ send, check: () => {} }));
}

interface Timed {
  /** Milliseconds, ascending. */
  readonly latencies: Float64Array;
  readonly seconds: number;
}

/** Times every put until the time that `until` says. */
async function timePuts(store: Store, pairs: number, until: () => number): Promise<Timed> {
  const draw = xorshift32(pairs);
  const written = Math.min(pairs, KEYS_WRITTEN);
  const keys = Array.from({ length: written }, (_, i) => keyAt(Math.floor((i * pairs) / written)));
  const value = valueAt(0, 1);
  const latencies: number[] = [];
  const beganMs = performance.now();
  const loop = async (): Promise<void> => {
    for (let nowMs = performance.now(); nowMs < until(); ) {
      const sentMs = nowMs;
      await store.put(keys[draw() % written], value);
      nowMs = performance.now();
      latencies.push(nowMs - sentMs);
    }
  };
  await Promise.all(Array.from({ length: DEPTH }, loop));
  const seconds = (performance.now() - beganMs) / 1_000;
  return { latencies: Float64Array.from(latencies).sort(), seconds };
}

function figures(name: string, { latencies, seconds }: Timed): Result[] {
  const at = (share: number): number => (latencies[Math.floor((latencies.length - 1) * share)] ?? 0) * 1_000;
  return [
    figure(`repair.${name}.put.rate`, latencies.length / seconds, 'ops/s'),
    figure(`repair.${name}.put.p50`, at(0.5), 'µs'),
    figure(`repair.${name}.put.p99`, at(0.99), 'µs'),
    figure(`repair.${name}.put.p99.9`, at(0.999), 'µs'),
    figure(`repair.${name}.put.max`, at(1), 'µs'),
  ];
}
