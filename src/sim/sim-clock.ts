/**
 * The clocks of one simulated machine: a monotonic one that runs a little fast or slow, and a wall clock that is off by
 * some time and may jump.
 */
export interface SimClockOptions {
  /** The monotonic clock when the world begins; it wraps at 32 bits. */
  readonly startMs: number;
  readonly wallStartMs: number;
}

export class SimClock {
  readonly #virtualMs: () => number;
  #rate = 1;
  /** Where the rate last changed: virtual time, and the monotonic clock then. */
  #sinceMs = 0;
  #reached: number;
  readonly #startMs: number;
  readonly #wallStartMs: number;
  /** The latest time that anybody has read from the wall clock. */
  latestWallMs = 0;
  #offsetMs = 0;
  #skewMs = 0;
  #isSetRight = false;
  #ownRate = 1;

  constructor(virtualMs: () => number, { startMs, wallStartMs }: SimClockOptions) {
    this.#virtualMs = virtualMs;
    this.#startMs = startMs;
    this.#reached = startMs;
    this.#wallStartMs = wallStartMs;
  }

  get #exactMs(): number {
    return this.#reached + (this.#virtualMs() - this.#sinceMs) * this.#rate;
  }

  /** Whole milliseconds of the monotonic clock, 32 bits. */
  get nowMs(): number {
    return Math.floor(this.#exactMs) >>> 0;
  }

  /** Milliseconds since 1970, as this machine believes. */
  get wallMs(): number {
    const ranMs = this.#isSetRight ? this.#virtualMs() : this.#exactMs - this.#startMs;
    const wallMs = this.#wallStartMs + this.#skewMs + this.#offsetMs + Math.floor(ranMs);
    if (wallMs > this.latestWallMs) this.latestWallMs = wallMs;
    return wallMs;
  }

  /** Virtual milliseconds until the monotonic clock shows this many more. */
  untilShown(ms: number): number {
    const exact = this.#exactMs;
    // a little later than exactly then, or the sum could round to just before
    return ms <= 0 ? 0 : (Math.floor(exact) + ms - exact) / this.#rate + 1e-6;
  }

  /** What the clock is off by, and its rate, where nothing disturbs it. */
  calibrate({ skewMs, rate }: { readonly skewMs: number; readonly rate: number }): void {
    this.#skewMs = skewMs;
    this.#ownRate = rate;
    this.run(1);
  }

  /** From now on this clock runs so many times as fast as it does by itself. */
  run(rate: number): void {
    this.#reached = this.#exactMs;
    this.#sinceMs = this.#virtualMs();
    this.#rate = rate * this.#ownRate;
  }

  /** From now on a time server keeps the wall clock right, up to what it was off by at first. */
  setRight(): void {
    this.#isSetRight = true;
  }

  /** The wall clock is set off by so much; 0 sets it back. */
  setOffset(ms: number): void {
    this.#offsetMs = ms;
  }
}
