/**
 * The hybrid clock of one caller, by which its later write is newer than its earlier ones, those of unknown outcome too.
 *
 *   callerClock   what it knows of: clocks that replies carried, and those that writes which it gave up may have got
 *   latest        the last millisecond that a write's clock may say: whoever mints it later refuses it instead
 *
 * So a write that was given up loses to whatever the caller writes next, wherever it comes up, and however wrong the clocks
 * of the machines are. A caller that is told of the loss behind `latest`, by its own wall clock, runs ahead of no time.
 *
 * Who gives up one write after another, each with a long deadline, must not run further and further ahead, or nodes refuse
 * it (`driftMaxMs`). So `latest` is at most half of that ahead of the wall, further only behind clocks that are: a write that
 * would need a later clock is refused, and sent again until the wall has caught up.
 */
import { packClock, wallMsOf } from './hybrid-clock.js';
import type { Clock } from './ids.js';

/**
 * Share of a write's time within which it must be minted, or not at all; half, so that it can still be sent again. The less,
 * the sooner a write is told that its connection broke; the more, the longer it may wait in mailboxes of busy nodes.
 */
const MINT_SHARE = 0.5;
/** Share of `driftMaxMs` that a caller may be ahead by its own doing. */
const AHEAD_SHARE = 0.5;

export class SessionClock {
  callerClock = 0 as Clock;
  /** The latest millisecond of a clock that a write did get. */
  #heardMs = 0;
  /** How far clocks that writes had to reach were ahead of this host's, in milliseconds, at most. */
  #aheadMs = 0;
  readonly #driftMaxMs: number;

  /** For nodes that refuse callers' clocks which are more than `driftMaxMs` ahead of their wall clocks. */
  constructor(driftMaxMs: number) {
    this.#driftMaxMs = driftMaxMs;
  }

  /** The `latest` of a write that begins now: milliseconds since 1970. */
  latest(wallMs: number, deadlineMs: number): number {
    const boundMs = Math.ceil(this.#driftMaxMs * AHEAD_SHARE);
    const fresh = Math.min(this.#aheadMs + Math.min(Math.ceil(deadlineMs * MINT_SHARE), boundMs), this.#driftMaxMs);
    // what was given up may have taken the whole of its last millisecond
    const behindAll = Math.min(wallMsOf(this.callerClock) + 1, Math.max(wallMs + boundMs, this.#heardMs));
    return Math.max(wallMs + fresh, behindAll);
  }

  /** A write got this clock. */
  heard(clock: Clock): void {
    this.#heardMs = Math.max(this.#heardMs, wallMsOf(clock));
    this.#reach(clock);
  }

  /** A write that was given up may have got any clock up to its `latest`. */
  gaveUp(latest: number): void {
    this.#reach((packClock(latest + 1, 0) - 1) as Clock);
  }

  /** A write was refused at a node whose own clock was this, behind its `latest`. */
  refused(clock: Clock, wallMs: number): void {
    this.#aheadMs = Math.max(this.#aheadMs, wallMsOf(clock) - wallMs);
  }

  #reach(clock: Clock): void {
    if (clock > this.callerClock) this.callerClock = clock;
  }
}
