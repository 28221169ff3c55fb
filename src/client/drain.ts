/**
 * Before a store is closed on purpose, in a rolling restart for example: no new writes through it, then what is in flight
 * ends, then its nodes hand over the hints that they keep for others. Reads go on; its nodes stay replicas until `close`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { invalidOption } from '../core/option-check.js';
import type { NodeStats } from '../host/reports.js';
import { aborted, checkLongCall } from './call-options.js';
import type { DrainOptions, DrainProgress, DrainResult } from './types.js';

export interface DrainParts {
  /** Refuses writes from now on. */
  readonly refuseWrites: () => void;
  readonly inFlight: () => number;
  readonly stats: () => readonly NodeStats[];
  /** After this long, what was in flight when it began has been answered or has failed. */
  readonly deadlineMs: number;
}

const LOOK_MS = 20;
const WAIT_MS_DEFAULT = 60_000;
const NAMES = new Set(['waitMs', 'signal', 'onProgress']);

/** @throws StoreError KV_INVALID_OPTION: nothing has changed. KV_ABORTED: writes stay refused */
export async function drain(parts: DrainParts, options: DrainOptions = {}): Promise<DrainResult> {
  checkLongCall(options, NAMES);
  const { waitMs = WAIT_MS_DEFAULT, onProgress, signal } = options;
  if (!(typeof waitMs === 'number' && waitMs >= 0))
    throw invalidOption('waitMs', `waitMs must be a number from 0 (ms), not ${String(waitMs)}`);
  parts.refuseWrites();
  const startedAt = performance.now();
  for (;;) {
    const elapsedMs = performance.now() - startedAt;
    const progress = progressOf(parts);
    onProgress?.(progress);
    const isQuiet = progress.inFlight === 0 || elapsedMs > parts.deadlineMs;
    const drained = isQuiet && progress.hints === 0;
    if (drained || elapsedMs >= waitMs) return { drained, hints: progress.hints, notes: progress.notes };
    if (signal?.aborted === true) throw aborted(signal);
    await sleep(LOOK_MS);
  }
}

function progressOf({ inFlight, stats }: DrainParts): DrainProgress {
  const nodes = stats();
  const sum = (pick: (node: NodeStats) => number) => nodes.reduce((total, node) => total + pick(node), 0);
  return { inFlight: inFlight(), hints: sum(({ hints }) => hints), notes: sum(({ notes }) => notes) };
}
