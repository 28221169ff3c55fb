/** How long calls took, reads and writes apart, by the phase of the run in which they ended. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export type CallKind = 'read' | 'write';

export interface LatencyRow {
  readonly phase: string;
  readonly kind: CallKind;
  readonly calls: number;
  readonly failed: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

interface Entry {
  readonly phase: string;
  readonly kind: CallKind;
  readonly histogram: RecordableHistogram;
  failed: number;
}

export class Latencies {
  phase = 'start';
  /** The longest call of all, beyond its own deadline; negative where none reached it. */
  longestBeyondDeadlineMs = Number.NEGATIVE_INFINITY;
  readonly #entries = new Map<string, Entry>();

  /** Runs a call and notes how long it took; its failure is passed on. */
  async time<Result>(kind: CallKind, deadlineMs: number, call: () => Promise<Result>): Promise<Result> {
    const beganMs = performance.now();
    let isFailed = true;
    try {
      const result = await call();
      isFailed = false;
      return result;
    } finally {
      const tookMs = performance.now() - beganMs;
      const entry = this.#entry(kind);
      entry.histogram.record(Math.max(1, Math.round(tookMs * 1e6)));
      if (isFailed) entry.failed++;
      this.longestBeyondDeadlineMs = Math.max(this.longestBeyondDeadlineMs, tookMs - deadlineMs);
    }
  }

  #entry(kind: CallKind): Entry {
    const name = `${this.phase}/${kind}`;
    let entry = this.#entries.get(name);
    if (entry === undefined) {
      entry = { phase: this.phase, kind, histogram: createHistogram(), failed: 0 };
      this.#entries.set(name, entry);
    }
    return entry;
  }

  rows(): LatencyRow[] {
    return [...this.#entries.values()].map(({ phase, kind, histogram, failed }) => ({
      phase,
      kind,
      calls: histogram.count,
      failed,
      p50Ms: histogram.percentile(50) / 1e6,
      p99Ms: histogram.percentile(99) / 1e6,
      maxMs: histogram.max / 1e6,
    }));
  }
}

/** The rows as a table in Markdown. */
export function latencyTable(rows: readonly LatencyRow[]): string {
  const cells = rows.map(({ phase, kind, calls, failed, p50Ms, p99Ms, maxMs }) =>
    [phase, kind, calls, failed, p50Ms.toFixed(2), p99Ms.toFixed(2), maxMs.toFixed(1)].join(' | '),
  );
  const head = ['phase | call | number | failed | p50 ms | p99 ms | max ms', '--- | --- | --- | --- | --- | --- | ---'];
  return [...head, ...cells].map((line) => `| ${line} |`).join('\n');
}
