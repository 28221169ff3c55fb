/**
 * The torture of a store, in three parts: the loss of one of three nodes in both modes, with latencies before, during and
 * after it; then faults and ring changes under the same load for as long as asked; then healing, and the verdict, once
 * more after the store was closed and opened again.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Mode, type OpenStoreOptions, open, type Store } from '../../../src/index.js';
import { Random } from '../../../src/sim/random.js';
import { Faults, holdDown } from './faults.js';
import { heal } from './healing.js';
import { Latencies, type LatencyRow } from './latencies.js';
import { DEADLINE_MS, Load } from './load.js';
import { compareReplicas } from './replicas.js';

export interface TortureOptions {
  readonly path: string;
  readonly seed: number;
  /** Of faults and ring changes. */
  readonly faultsMs: number;
  /** Each of before, during and after a loss. */
  readonly phaseMs: number;
  /** How far beyond its deadline a call may end. */
  readonly slackMs: number;
  /** Fewer make changes of the ring shorter. */
  readonly partitions?: number;
  readonly tell?: (what: string) => void;
}

export interface TortureReport {
  /** Must be empty. */
  readonly violations: readonly string[];
  readonly acknowledged: number;
  readonly indeterminate: number;
  readonly refused: number;
  readonly additions: number;
  readonly failures: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly latencies: readonly LatencyRow[];
  readonly longestBeyondDeadlineMs: number;
  /** Records that every replica holds alike. */
  readonly records: number;
  /** How the replicas came together; `hintsLeft` must be empty. */
  readonly repairs: { readonly rounds: number; readonly moved: number; readonly hintsLeft: readonly string[] };
}

const SETTINGS: OpenStoreOptions = {
  nodes: 3,
  // those that left run on for a while, and keep their room
  nodesMax: 16,
  n: 3,
  r: 2,
  w: 2,
  memoryBytes: 12 * 2 ** 20,
  logBytesMax: 8 * 2 ** 20,
  deadlineMs: DEADLINE_MS,
};

export async function torture(options: TortureOptions): Promise<TortureReport> {
  const { path, seed, faultsMs, phaseMs, slackMs, partitions = 32, tell = () => undefined } = options;
  const random = new Random(seed);
  const store = await open({ ...SETTINGS, partitions, path });
  const latencies = new Latencies();
  const load = new Load({ store, random, latencies });
  const { violations } = load.ledger;
  const faults = new Faults({
    store,
    random: new Random(seed + 1),
    tell,
    quietly: (during) => load.quietly(during),
  });
  const unhandled = (reason: unknown) => void violations.push(`unhandled rejection: ${String(reason)}`);
  process.on('unhandledRejection', unhandled);
  try {
    for (const mode of ['strict', 'available'] as const) {
      await loseOne({ store, load, latencies, mode, phaseMs, node: random.below(3) });
    }
    latencies.phase = 'faults and ring changes';
    load.start();
    await faults.run(performance.now() + faultsMs);
    await load.stop();
    const repairs = await heal(store);
    for (const left of repairs.hintsLeft) violations.push(`after healing: hints were not handed over: ${left}`);
    const { records } = await judge(store, load, 'after healing');
    await store.close();
    const again = await open({ ...SETTINGS, partitions, path });
    await judge(again, load, 'after reopening');
    await again.close();
    const beyond = latencies.longestBeyondDeadlineMs;
    if (beyond > slackMs) violations.push(`a call ended ${beyond.toFixed(0)} ms behind its deadline`);
    const { acknowledged, indeterminate, refused, failures } = load.ledger;
    const counts = { acknowledged, indeterminate, refused, additions: load.carts.additions, failures };
    const times = { latencies: latencies.rows(), longestBeyondDeadlineMs: beyond };
    return { violations, ...counts, ...times, faults: faults.counts, records, repairs };
  } catch (error) {
    tell(`${String(error)}; members: ${JSON.stringify(store.members())}`);
    throw error;
  } finally {
    process.off('unhandledRejection', unhandled);
    await load.stop();
    await store.close();
  }
}

interface Loss {
  readonly store: Store;
  readonly load: Load;
  readonly latencies: Latencies;
  readonly mode: Mode;
  readonly phaseMs: number;
  readonly node: number;
}

/** One of three nodes is kept down under load; the phases are told apart in the latencies. */
async function loseOne({ store, load, latencies, mode, phaseMs, node }: Loss): Promise<void> {
  load.start(mode);
  latencies.phase = `${mode}, before the loss`;
  await sleep(phaseMs);
  latencies.phase = `${mode}, one of three down`;
  await holdDown(store, node, async () => {
    await sleep(phaseMs);
    latencies.phase = `${mode}, after it`;
  });
  await sleep(phaseMs);
  await load.stop();
}

/** What is promised once the faults are over. */
async function judge(store: Store, load: Load, when: string): Promise<{ records: number }> {
  const { violations } = load.ledger;
  await load.check(store, when);
  const { records, differing } = await compareReplicas(store);
  for (const difference of differing) violations.push(`${when}: replicas differ: ${difference}`);
  for (const { node, missedWakeUps } of (await store.stats()).nodes) {
    if (missedWakeUps > 0) violations.push(`${when}: node ${node} missed ${missedWakeUps} wake-ups`);
  }
  return { records };
}
