/**
 * How far this host's monotonic clock is ahead of a peer's, from pings (Cristian, "Probabilistic Clock Synchronization",
 * Distributed Computing 3, 1989): the sample with the smallest round trip errs least. Clocks drift apart, so the best
 * sample's error is taken to grow with its age.
 */

/** Most that two clocks drift apart: 200 parts per million. */
const DRIFT = 0.0002;

export class ClockOffset {
  /** Own milliseconds minus the peer's, in 32 bits. */
  offsetMs: number;
  roundTripMs = Number.POSITIVE_INFINITY;
  #errorMs = Number.POSITIVE_INFINITY;
  #atMs: number;

  /** A first guess, from a clock that the peer has told once. */
  constructor(ownMs: number, peerMs: number) {
    this.offsetMs = (ownMs - peerMs) | 0;
    this.#atMs = ownMs;
  }

  /** A ping sent at `sentMs` was answered when the peer's clock said `peerMs`; the answer is here at `nowMs`. */
  sample(sentMs: number, peerMs: number, nowMs: number): void {
    const roundTripMs = (nowMs - sentMs) | 0;
    if (roundTripMs < 0) return;
    this.roundTripMs = roundTripMs;
    const errorMs = roundTripMs / 2;
    if (errorMs > this.#errorMs + ((nowMs - this.#atMs) >>> 0) * DRIFT) return;
    this.#errorMs = errorMs;
    this.#atMs = nowMs;
    this.offsetMs = (sentMs + (roundTripMs >>> 1) - peerMs) | 0;
  }

  /** The peer's time on this host's clock. */
  toOwn(peerMs: number): number {
    return (peerMs + this.offsetMs) | 0;
  }
}
