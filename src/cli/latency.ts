/**
 * Latencies of a measurement: a histogram of nanoseconds with the percentiles that matter, as numbers and as text.
 */
import { createHistogram } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatCount, formatNanoseconds } from './quantities.js';

/** What one measurement came to; latencies in nanoseconds. */
export interface Measurement {
  readonly operations: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

/** Calls that are answered on this thread never let the event loop turn; once in so many ms it does, off the clock. */
const TURN_EVERY_MS = 20;

/**
 * Keeps `inFlight` calls of `operation` going for `durationMs`; each gets the next number from 0.
 * Rejects as soon as one call does.
 */
export async function measure(
  operation: (number: number) => Promise<unknown>,
  { durationMs, inFlight }: { readonly durationMs: number; readonly inFlight: number },
): Promise<Measurement> {
  const histogram = createHistogram();
  const startedAt = performance.now();
  const endAt = startedAt + durationMs;
  let next = 0;
  let turnedAt = startedAt;
  const lane = async (): Promise<void> => {
    for (let now = performance.now(); now < endAt; ) {
      await operation(next++);
      const after = performance.now();
      histogram.record(Math.max(1, Math.round((after - now) * 1e6)));
      now = after;
      if (now - turnedAt < TURN_EVERY_MS) continue;
      turnedAt = now;
      await nextTurn();
      now = performance.now();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const seconds = (performance.now() - startedAt) / 1_000;
  return {
    operations: histogram.count,
    seconds,
    perSecond: Math.round(histogram.count / seconds),
    p50Ns: histogram.percentile(50),
    p99Ns: histogram.percentile(99),
    p999Ns: histogram.percentile(99.9),
    maxNs: histogram.max,
  };
}

/** Measurements that ran side by side as one: rates add up, latencies are those of the slowest. */
export function joined(parts: readonly Measurement[]): Measurement {
  const sum = (pick: (part: Measurement) => number) => parts.reduce((total, part) => total + pick(part), 0);
  const worst = (pick: (part: Measurement) => number) => Math.max(...parts.map(pick));
  return {
    operations: sum((part) => part.operations),
    seconds: worst((part) => part.seconds),
    perSecond: sum((part) => part.perSecond),
    p50Ns: worst((part) => part.p50Ns),
    p99Ns: worst((part) => part.p99Ns),
    p999Ns: worst((part) => part.p999Ns),
    maxNs: worst((part) => part.maxNs),
  };
}

/** The measurement as a row of a table, after its label. */
export function measurementRow(label: string, measured: Measurement): (string | number)[] {
  const { perSecond, p50Ns, p99Ns, p999Ns, maxNs } = measured;
  return [label, formatCount(perSecond), ...[p50Ns, p99Ns, p999Ns, maxNs].map(formatNanoseconds)];
}
