/**
 * How long a node pauses before it takes more writes while a flush is under way, so that the room which is left lasts until
 * the flush ends: writes come evenly then, instead of fast, and not at all. What a write adds to the log is a debt of time,
 * paid by pauses.
 *
 *   debt += bytes * (time that the flush still takes / room that is left) - time that has passed
 */

/** Longest pause: messages of other kinds wait for it too. */
const PAUSE_MS_MAX = 10;
/** Until a flush has been seen to its end: bytes that go to the base table in a millisecond. */
const FLUSH_BYTES_PER_MS_FIRST = 10_000;
/** A flush that has done less tells little about the rest. */
const TOLD_SHARE = 0.05;

/** How far a flush is. */
export interface FlushState {
  /** 0..1 */
  readonly progress: number;
  /** Bytes that the flush is to write. */
  readonly bytes: number;
}

export class Pacing {
  #beganMs = 0;
  #bytesPerMs = FLUSH_BYTES_PER_MS_FIRST;
  #owedMs = 0;
  #atMs = 0;

  /** Whole milliseconds to pause now. */
  get pauseMs(): number {
    return this.#owedMs < 1 ? 0 : Math.min(PAUSE_MS_MAX, Math.floor(this.#owedMs));
  }

  begin(nowMs: number): void {
    this.#beganMs = nowMs;
  }

  /** A flush of so many bytes is on disk. */
  end(nowMs: number, bytes: number): void {
    this.#owedMs = 0;
    if (bytes > 0) this.#bytesPerMs = bytes / Math.max(1, nowMs - this.#beganMs);
  }

  /** So many bytes were written since the last call; there is room for `room` more before writes are refused. */
  write(nowMs: number, bytes: number, room: number, flush: FlushState): void {
    const passedMs = nowMs - this.#atMs;
    this.#atMs = nowMs;
    const costMs = room <= 0 ? PAUSE_MS_MAX : (bytes * this.#leftMs(nowMs, flush)) / room;
    this.#owedMs = Math.min(2 * PAUSE_MS_MAX, Math.max(0, this.#owedMs - passedMs) + costMs);
  }

  #leftMs(nowMs: number, { progress, bytes }: FlushState): number {
    const leftShare = 1 - progress;
    if (progress < TOLD_SHARE) return (leftShare * bytes) / this.#bytesPerMs;
    return ((nowMs - this.#beganMs) * leftShare) / progress;
  }
}
