/**
 * Writes more pairs than fit in memory, at a steady depth, and watches what a user would: the rate over time, the
 * resident memory over time, and how many writes were refused and had to be tried again.
 *
 * Keys come in a scattered order (a golden-ratio walk over 0..pairs-1); keys and values are built on the way, since
 * three million strings held by the bench would be counted as the store's memory.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../src/client/types.js';
import { StoreError } from '../../src/core/errors.js';
import { drive } from '../harness/driver.js';
import { residentBytes } from '../harness/machine.js';
import { keyAt, valueAt } from '../harness/workload.js';

export interface FillOptions {
  readonly pairs: number;
  readonly depth: number;
  readonly sampleMs: number;
  readonly onSample?: (sample: FillSample) => void;
}

export interface FillSample {
  readonly seconds: number;
  readonly written: number;
  /** Pairs per second since the sample before. */
  readonly rate: number;
  /** 0 where the system does not tell. */
  readonly residentBytes: number;
  readonly refused: number;
}

export interface Filled {
  readonly seconds: number;
  readonly refused: number;
  readonly residentPeakBytes: number;
  readonly samples: readonly FillSample[];
}

const VALUE_POOL = 1_024;
const CHECKED_PAIRS = 10_000;
const CHECK_BATCH = 100;
const BACKOFF_MAX_MS = 64;

/** Fills the store. Throws when a pair read back is not what was written. */
export async function fill(store: Store, options: FillOptions): Promise<Filled> {
  const { pairs, depth } = options;
  const step = walkStep(pairs);
  const pool = Array.from({ length: VALUE_POOL }, (_, index) => valueAt(index, 0));
  const watch = new Watch(options);
  let next = 0;
  const { seconds } = await drive({ depth, durationMs: Number.POSITIVE_INFINITY, requestsMax: pairs }, async () => {
    const index = (next++ * step) % pairs;
    const refused = await putUntilTaken(store, keyAt(index), pool[index % VALUE_POOL]);
    watch.refused += refused;
    watch.written++;
  });
  watch.stop();
  await readBack(store, pairs, pool);
  watch.look();
  return { seconds, refused: watch.refused, residentPeakBytes: watch.residentPeakBytes, samples: watch.samples };
}

/** Puts a pair, again and again while the store is overloaded; answers how often it was refused. */
async function putUntilTaken(store: Store, key: string, value: string): Promise<number> {
  for (let refused = 0; ; refused++) {
    try {
      await store.put(key, value);
      return refused;
    } catch (thrown) {
      if (!(thrown instanceof StoreError) || thrown.code !== 'KV_OVERLOADED') throw thrown;
      await sleep(Math.min(BACKOFF_MAX_MS, 2 ** refused));
    }
  }
}

async function readBack(store: Store, pairs: number, pool: readonly string[]): Promise<void> {
  const stride = Math.max(1, Math.floor(pairs / CHECKED_PAIRS));
  for (let start = 0; start < pairs; start += stride * CHECK_BATCH) {
    const indices: number[] = [];
    for (let index = start; index < Math.min(pairs, start + stride * CHECK_BATCH); index += stride) indices.push(index);
    const values = await store.getMany(indices.map(keyAt));
    indices.forEach((index, position) => {
      if (values[position] !== pool[index % VALUE_POOL])
        throw new Error(`${keyAt(index)} holds ${String(values[position])}, not ${pool[index % VALUE_POOL]}`);
    });
  }
}

/** Takes a sample every `sampleMs` until stopped. */
class Watch {
  written = 0;
  refused = 0;
  residentPeakBytes = 0;
  readonly samples: FillSample[] = [];
  readonly #options: FillOptions;
  readonly #startMs = performance.now();
  readonly #timer: NodeJS.Timeout;

  constructor(options: FillOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sample(), options.sampleMs);
  }

  /** Looks at the memory without taking a sample. */
  look(): number {
    const bytes = residentBytes() ?? 0;
    this.residentPeakBytes = Math.max(this.residentPeakBytes, bytes);
    return bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#sample();
  }

  #sample(): void {
    const before = this.samples.at(-1) ?? { seconds: 0, written: 0 };
    const seconds = (performance.now() - this.#startMs) / 1000;
    const rate = (this.written - before.written) / (seconds - before.seconds);
    const sample = { seconds, written: this.written, rate, residentBytes: this.look(), refused: this.refused };
    this.samples.push(sample);
    this.#options.onSample?.(sample);
  }
}

/** A step near the golden section of `pairs` that shares no divisor with it, so that the walk meets every index once. */
export function walkStep(pairs: number): number {
  let step = Math.max(1, Math.floor(pairs * 0.618_034));
  while (greatestCommonDivisor(step, pairs) !== 1) step++;
  return step;
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right);
}
