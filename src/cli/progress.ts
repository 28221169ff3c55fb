/**
 * How far a long command is: a bar on a terminal, a plain line every few seconds elsewhere, nothing with `--json`.
 * Standard error carries it, so that a pipe stays clean. The rate is over the whole run, as the totals are.
 */
import { SingleBar } from 'cli-progress';
import { formatBytes, formatCount } from './quantities.js';

/** Time between two plain lines, ms. */
const PLAIN_INTERVAL_MS = 5_000;

export interface Progress {
  /** @param bytes of the input so far; @param count pairs so far */
  update(bytes: number, count: number): void;
  stop(): void;
}

export interface ProgressOptions {
  readonly label: string;
  /** Bytes of the input, or undefined where nobody knows (standard input). */
  readonly totalBytes: number | undefined;
  readonly quiet: boolean;
  readonly stream?: NodeJS.WriteStream;
}

/** The progress that suits the stream. */
export function startProgress(options: ProgressOptions): Progress {
  const stream = options.stream ?? process.stderr;
  if (options.quiet) return { update() {}, stop() {} };
  return stream.isTTY ? new BarProgress(options, stream) : new PlainProgress(options, stream);
}

class BarProgress implements Progress {
  readonly #bar: SingleBar;
  readonly #startedAt = performance.now();

  constructor({ label, totalBytes }: ProgressOptions, stream: NodeJS.WriteStream) {
    const counts = '{pairs} pairs | {rate}/s';
    const format = totalBytes
      ? `${label} [{bar}] {percentage}% | ${counts} | {eta_formatted} left`
      : `${label} ${counts}`;
    this.#bar = new SingleBar({ format, stream, hideCursor: true, clearOnComplete: true, fps: 8, etaBuffer: 50 });
    this.#bar.start(totalBytes ?? 1, 0, { pairs: '0', rate: '0' });
  }

  update(bytes: number, count: number): void {
    this.#bar.update(bytes, { pairs: formatCount(count), rate: formatCount(rateOf(count, this.#startedAt)) });
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
    const { label, totalBytes } = this.options;
    const of = totalBytes ? ` of ${formatBytes(totalBytes)}` : '';
    const rate = formatCount(rateOf(count, this.#startedAt));
    this.stream.write(`${label}: ${formatCount(count)} pairs, ${formatBytes(bytes)}${of}, ${rate}/s\n`);
  }

  stop(): void {}
}

/** Per second since a time of `performance.now()`. */
export function rateOf(count: number, startedAtMs: number): number {
  return count / Math.max(0.001, (performance.now() - startedAtMs) / 1_000);
}
