/**
 * The hybrid clock of one caller, by which its later write is newer than its earlier ones, those of unknown outcome too.
 *
 *   callerClock   what it knows of: clocks that replies carried, and those that writes which it gave up may have got
 *   latest        the last millisecond that a write's clock may say: whoever mints it later refuses it instead
 *
 * So a write that was given up loses to whatever the caller writes next, wherever it comes up, and however wrong the clocks
 * of the machines are. A caller that is told of the loss behind `latest`, by its own wall clock, runs ahead of no time.
 */
import { packClock, wallMsOf } from './hybrid-clock.js';
import type { Clock } from './ids.js';

/**
 * Share of a write's time within which it must be minted, or not at all; half, so that it can still be sent again. The less,
 * the sooner a write is told that its connection broke; the more, the longer it may wait in mailboxes of busy nodes.
 */
const MINT_SHARE = 0.5;

export class SessionClock {
  callerClock = 0 as Clock;
  /** How far clocks that writes had to reach were ahead of this host's, in milliseconds, at most. */
  #aheadMs = 0;

  /** The `latest` of a write that begins now: milliseconds since 1970. */
  latest(wallMs: number, deadlineMs: number): number {
    return Math.max(wallMs + this.#aheadMs, wallMsOf(this.callerClock)) + Math.ceil(deadlineMs * MINT_SHARE);
  }

  /** A write got this clock, or may have. */
  heard(clock: Clock): void {
    if (clock > this.callerClock) this.callerClock = clock;
  }

  /** A write that was given up may have got any clock up to its `latest`. */
  gaveUp(latest: number): void {
    this.heard((packClock(latest + 1, 0) - 1) as Clock);
  }

  /** A write was refused that would have got this clock, behind its `latest`. */
  refused(clock: Clock, wallMs: number): void {
    this.#aheadMs = Math.max(this.#aheadMs, wallMsOf(clock) - wallMs);
  }
}
