/**
 * The whole-store suite: each case runs ours, ours again (the control) and every peer in interleaved rounds.
 *
 * Stores are opened one after the other, peers once. What each contestant does first is thrown away: longer for an action
 * that it has not done yet, since code is compiled meanwhile, in each thread of it anew.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../src/client/types.js';
import type { OpenOptions } from '../../src/core/options.js';
import { Bout } from '../harness/bout.js';
import { type Contestant, compare, interleave, median } from '../harness/interleave.js';
import { formatCount, type Result } from '../harness/report.js';
import { storeTarget } from '../harness/target.js';
import { buildWorkload } from '../harness/workload.js';
import { STORE_CASES, STORE_OPTIONS, type StoreCase, type StoreKind } from './cases.js';
import { PeerSet } from './peer-set.js';

export type OpenStore = (options: OpenOptions) => Promise<Store>;

export interface StoreSuiteOptions {
  readonly openStore: OpenStore;
  /** Data of ours and of the peers; removed by the caller. */
  readonly folder: string;
  readonly keyCount: number;
  readonly rounds: number;
  readonly sliceMs: number;
  readonly pauseMs: number;
  /** How long a contestant does what it has not done before, ahead of the first slice that counts. */
  readonly warmUpMs: number;
  /** Which ids to run. */
  readonly wants: (id: string) => boolean;
  readonly progress: (line: string) => void;
}

const BATCHES = 1_000;
const BATCH_SIZE = 100;
const CONTROL = 'ours again';

/** Runs the wanted cases; answers their results and what was skipped, with the reason. */
export async function runStoreSuite(options: StoreSuiteOptions): Promise<{ results: Result[]; skipped: string[] }> {
  const workload = buildWorkload(options.keyCount, BATCHES, BATCH_SIZE);
  const peers = new PeerSet(options.folder, workload);
  const results: Result[] = [];
  try {
    for (const kind of Object.keys(STORE_OPTIONS) as StoreKind[]) {
      const cases = STORE_CASES.filter((one) => one.store === kind && options.wants(one.id));
      if (cases.length === 0) continue;
      const path = join(options.folder, `ours-${kind}`);
      await mkdir(path, { recursive: true });
      const store = await options.openStore({ ...STORE_OPTIONS[kind], path });
      try {
        const ours = new Bout(storeTarget('ours', store), workload);
        await ours.fill();
        for (const one of cases) results.push(await runCase(one, ours, peers, options));
      } finally {
        await store.close();
        await rm(path, { recursive: true, force: true });
      }
    }
  } finally {
    await peers.close();
  }
  return { results, skipped: peers.skipped };
}

async function runCase(one: StoreCase, ours: Bout, peers: PeerSet, options: StoreSuiteOptions): Promise<Result> {
  const bouts = new Map<string, Bout>([['ours', ours]]);
  for (const [index, name] of one.peers.entries()) {
    // The control runs among the peers: next to ours it would share whatever ours finds warm.
    if (index === Math.floor(one.peers.length / 2)) bouts.set(CONTROL, ours);
    const bout = await peers.bout(name);
    if (bout !== undefined) bouts.set(bout.target.name, bout);
  }
  const slice = (bout: Bout, durationMs: number, round: number): Promise<number> =>
    bout.slice({ action: one.action, depth: one.depth, durationMs, seed: round + 1 });
  const pause = (): Promise<void> => sleep(options.pauseMs);

  for (const bout of new Set(bouts.values())) {
    await slice(bout, bout.hasDone(one.action) ? options.sliceMs / 2 : options.warmUpMs, 0);
  }
  await pause();
  const contestants = [...bouts].map(
    ([name, bout]): Contestant => ({ name, slice: (round) => slice(bout, options.sliceMs, round) }),
  );
  const rates = await interleave(contestants, options.rounds, pause);
  const result = resultOf(one.id, rates);
  options.progress(`${one.id}  ${formatCount(result.ours)}/s  ${ratiosOf(result)}`);
  return result;
}

function resultOf(id: string, rates: ReadonlyMap<string, readonly number[]>): Result {
  const ours = rates.get('ours') ?? [];
  const peers: Record<string, number> = {};
  const ratio: Record<string, number> = {};
  const spread: Record<string, readonly [number, number]> = {};
  for (const [name, theirs] of rates) {
    if (name === 'ours' || name === CONTROL) continue;
    const compared = compare(ours, theirs);
    peers[name] = median(theirs);
    ratio[name] = compared.ratio;
    spread[name] = [compared.low, compared.high];
  }
  return { id, ours: median(ours), peers, ratio, spread, control: compare(ours, rates.get(CONTROL) ?? []) };
}

function ratiosOf(result: Result): string {
  return Object.entries(result.ratio)
    .map(([peer, ratio]) => `${peer} ${ratio.toFixed(2)}x`)
    .join('  ');
}
