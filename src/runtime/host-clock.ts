/**
 * The host's monotonic clock: milliseconds since the host started, the same in every thread, as an unsigned 32-bit
 * number (49 days, then it wraps: compare with `isPast`).
 */
export class HostClock {
  readonly #startMs: number;

  /** `startMs` is `HostClock.start()` of the thread that made the host. */
  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  static start(): number {
    return monotonicMs();
  }

  nowMs(): number {
    return (monotonicMs() - this.#startMs) >>> 0;
  }
}

function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1000 + nanoseconds / 1e6;
}

/** Whether `deadlineMs` lies before `nowMs`, also across the wrap. */
export function isPast(deadlineMs: number, nowMs: number): boolean {
  return ((nowMs - deadlineMs) | 0) > 0;
}
