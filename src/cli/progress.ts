/**
 * How far a long command is: a bar on a terminal, a plain line every few seconds elsewhere, nothing with `--json`.
 * Standard error carries it, so that a pipe stays clean. The rate is over the whole run, as the totals are.
 */
import type { SingleBar } from 'cli-progress';
import { formatBytes, formatCount } from './quantities.js';

/** Time between two plain lines, ms. */
const PLAIN_INTERVAL_MS = 5_000;
const BAR_STYLE = { hideCursor: true, clearOnComplete: true, fps: 8, etaBuffer: 50 };

export interface Progress {
  /** @param bytes of the input so far; @param count pairs, or whatever is counted, so far */
  update(bytes: number, count: number): void;
  stop(): void;
}

export interface ProgressOptions {
  readonly label: string;
  /** Bytes of the input, or undefined where nobody knows (standard input). */
  readonly totalBytes?: number | undefined;
  /** How many will be counted, where that is what tells how far it is. */
  readonly totalCount?: number;
  /** What is counted; pairs where left out. */
  readonly noun?: string;
  readonly quiet: boolean;
  readonly stream?: NodeJS.WriteStream;
}

/** The progress that suits the stream. */
export async function startProgress(options: ProgressOptions): Promise<Progress> {
  const stream = options.stream ?? process.stderr;
  if (options.quiet) return { update() {}, stop() {} };
  if (!stream.isTTY) return new PlainProgress(options, stream);
  // only here: a command line that shows no bar need not wait for its code
  const { SingleBar } = await import('cli-progress');
  return new BarProgress(options, (format) => new SingleBar({ ...BAR_STYLE, format, stream }));
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #startedAt = performance.now();

  constructor(
    private readonly options: ProgressOptions,
    makeBar: (format: string) => SingleBar,
  ) {
    const { label, totalBytes, totalCount, noun = 'pairs' } = options;
    const counts = `{count} ${noun} | {rate}/s`;
    const total = totalCount ?? totalBytes;
    const format = total ? `${label} [{bar}] {percentage}% | ${counts} | {eta_formatted} left` : `${label} ${counts}`;
    this.#bar = makeBar(format);
    this.#bar.start(total ?? 1, 0, { count: '0', rate: '0' });
  }

  update(bytes: number, count: number): void {
    const position = this.options.totalCount === undefined ? bytes : count;
    this.#bar.update(position, { count: formatCount(count), rate: formatCount(rateOf(count, this.#startedAt)) });
  }

  stop(): void {
    this.#bar.stop();
  }
}

class PlainProgress implements Progress {
  readonly #startedAt = performance.now();
  #lastLineAt = performance.now();

  constructor(
    private readonly options: ProgressOptions,
    private readonly stream: NodeJS.WriteStream,
  ) {}

  update(bytes: number, count: number): void {
    const now = performance.now();
    if (now - this.#lastLineAt < PLAIN_INTERVAL_MS) return;
    this.#lastLineAt = now;
    const { label, totalBytes, totalCount, noun = 'pairs' } = this.options;
    const rate = formatCount(rateOf(count, this.#startedAt));
    if (totalCount !== undefined) {
      this.stream.write(`${label}: ${formatCount(count)} of ${formatCount(totalCount)} ${noun}, ${rate}/s\n`);
      return;
    }
    const of = totalBytes ? ` of ${formatBytes(totalBytes)}` : '';
    this.stream.write(`${label}: ${formatCount(count)} ${noun}, ${formatBytes(bytes)}${of}, ${rate}/s\n`);
  }

  stop(): void {}
}

/** Per second since a time of `performance.now()`. */
export function rateOf(count: number, startedAtMs: number): number {
  return count / Math.max(0.001, (performance.now() - startedAtMs) / 1_000);
}
