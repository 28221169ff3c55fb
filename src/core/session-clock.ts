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
 * it (`driftMaxMs`); nor may callers drive each other, whose clocks meet in those of nodes. So a caller takes no node's clock
 * further than half of that ahead of the walls of hosts: what would need a later one is refused, and sent again until the
 * wall has caught up. A node whose clock is ahead all the same, by no caller's doing, still gets its time.
 */
import { packClock, wallMsOf } from './hybrid-clock.js';
import type { Clock } from './ids.js';

/**
 * Share of a write's time within which it must be minted, or not at all; half, so that it can still be sent again. The less,
 * the sooner a write is told that its connection broke; the more, the longer it may wait in mailboxes of busy nodes.
 */
const MINT_SHARE = 0.5;
/** Share of `driftMaxMs` that a caller may take clocks ahead of the walls. */
const AHEAD_SHARE = 0.5;
/** Time to be minted behind a clock that is further ahead than that. */
const FAR_MS = 500;

export class SessionClock {
  callerClock = 0 as Clock;
  /** The latest millisecond of a clock that a write did get. */
  #heardMs = 0;
  /** The latest millisecond of the clock of a node that refused a write for being behind it. */
  #reachedMs = 0;
  /** How far the walls of such nodes' hosts are ahead of this one's, in milliseconds, at most. */
  #skewMs = 0;
  readonly #driftMaxMs: number;

  /** For nodes that refuse callers' clocks which are more than `driftMaxMs` ahead of their wall clocks. */
  constructor(driftMaxMs: number) {
    this.#driftMaxMs = driftMaxMs;
  }

  /** The `latest` of a write that begins now: milliseconds since 1970. */
  latest(wallMs: number, deadlineMs: number): number {
    const driftMaxMs = this.#driftMaxMs;
    const boundMs = Math.ceil(driftMaxMs * AHEAD_SHARE);
    const ownMs = wallMs + Math.min(this.#skewMs + boundMs, driftMaxMs);
    const limitMs = Math.max(ownMs, this.#heardMs);
    // walls go on; what callers took ahead waits for them
    const aheadMs = Math.max(this.#skewMs, this.#reachedMs - wallMs);
    const shareMs = Math.min(Math.ceil(deadlineMs * MINT_SHARE), boundMs);
    // what was given up may have taken the whole of its last millisecond
    const nextMs = wallMsOf((this.callerClock + 1) as Clock);
    const near = Math.min(wallMs + aheadMs + shareMs, ownMs);
    const isFar = wallMs + aheadMs > ownMs && nextMs <= limitMs;
    const far = isFar ? wallMs + Math.min(aheadMs + Math.min(shareMs, FAR_MS), driftMaxMs) : 0;
    return Math.max(near, far, Math.min(nextMs, limitMs));
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

  /**
   * A write was refused at a node whose own clock was this, behind its `latest`; 0 where it came too late for other reasons.
   * `nodeWallMs`: what the wall there said, as 32 bits.
   */
  refused(clock: Clock, nodeWallMs: number, wallMs: number): void {
    if (clock === 0) return;
    this.#reachedMs = Math.max(this.#reachedMs, wallMsOf(clock));
    this.#skewMs = Math.max(this.#skewMs, (nodeWallMs - wallMs) | 0);
  }

  #reach(clock: Clock): void {
    if (clock > this.callerClock) this.callerClock = clock;
  }
}
