/**
 * How long nothing has come from a peer. Two pings that fail to appear make it quiet: others are asked first, and its next
 * frame ends that. Several seconds more, and the connection counts as dead.
 */
import { QUIET_MS, ROUND_TRIP_MS_MAX, SILENCE_MS } from './limits.js';

export class Silence {
  isQuiet = false;
  #heardAtMs: number;

  constructor(nowMs: number) {
    this.#heardAtMs = nowMs;
  }

  lasts(nowMs: number): number {
    return nowMs - this.#heardAtMs;
  }

  /** A frame came; whether the peer was quiet before it. */
  heard(nowMs: number): boolean {
    const wasQuiet = this.isQuiet;
    this.#heardAtMs = nowMs;
    this.isQuiet = false;
    return wasQuiet;
  }

  /** Looks again: whether the peer has just become quiet, or is dead. A peer far away gets the time of a round trip besides. */
  look(nowMs: number, roundTripMs: number): 'dead' | 'quiet' | undefined {
    const ms = this.lasts(nowMs);
    if (ms > SILENCE_MS) return 'dead';
    if (this.isQuiet || ms <= QUIET_MS + Math.min(roundTripMs, ROUND_TRIP_MS_MAX)) return undefined;
    this.isQuiet = true;
    return 'quiet';
  }
}
