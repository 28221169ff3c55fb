/**
 * What a hint keeper knows of its hints without reading them: how many there are for each target, and their bytes. After a
 * restart a census pages through the records; until it is done, what lies behind its place has not been counted yet.
 */
import type { Hint } from './hint-records.js';
import { hintBytes } from './hint-records.js';

/** The hints of one target, and where the pass over them stands. */
export interface TargetHints {
  readonly node: number;
  hints: number;
  bytes: number;
  /** No hint of the target is older than this; milliseconds since 1970. */
  oldestMs: number;
  /** The same over the hints that the pass under way has met and left. */
  passOldestMs: number;
  page: readonly Hint[];
  /** How many of the page were seen to. */
  seen: number;
  /** Behind which key the next page begins; undefined between two passes. */
  after: Uint8Array | undefined;
  /** Pause before the target is tried again, and until when, by the node's clock of 32 bits; undefined where it is over. */
  pauseMs: number;
  pausedUntilMs: number | undefined;
  /** How long its answer to a hint is waited for: longer behind one that came late, until it has been down. */
  patienceMs: number;
}

/** Without an answer for so long, or up to so long where answers were late, a hint is sent again. */
export const PATIENCE_MS_MIN = 2_000;
export const PATIENCE_MS_MAX = 60_000;

export class HintLedger {
  readonly targets = new Map<number, TargetHints>();
  hints = 0;
  bytes = 0;
  /** Key up to which the census has counted; undefined when it has counted all. */
  counted: Uint8Array | undefined = new Uint8Array(0);

  target(node: number): TargetHints {
    let target = this.targets.get(node);
    if (target === undefined) {
      target = {
        node,
        hints: 0,
        bytes: 0,
        oldestMs: Number.POSITIVE_INFINITY,
        passOldestMs: Number.POSITIVE_INFINITY,
        page: [],
        seen: 0,
        after: undefined,
        pauseMs: 0,
        pausedUntilMs: undefined,
        patienceMs: PATIENCE_MS_MIN,
      };
      this.targets.set(node, target);
    }
    return target;
  }

  /** A hint was kept. */
  add(hint: Hint): void {
    if (this.isCounted(hint.key)) this.#count(hint, 1);
  }

  /** A hint was removed. */
  remove(hint: Hint): void {
    if (this.isCounted(hint.key)) this.#count(hint, -1);
  }

  /** The census has met these hints, in order; none behind them where there are no more. */
  take(hints: readonly Hint[], more: boolean): void {
    for (const hint of hints) this.#count(hint, 1);
    this.counted = more ? hints.at(-1)?.key : undefined;
  }

  /** Whether the census is past this key. */
  isCounted(key: Uint8Array): boolean {
    return this.counted === undefined || Buffer.compare(key, this.counted) <= 0;
  }

  #count({ key, target, writtenAtMs }: Hint, by: 1 | -1): void {
    const bytes = hintBytes(key) * by;
    const entry = this.target(target);
    entry.hints += by;
    entry.bytes += bytes;
    this.hints += by;
    this.bytes += bytes;
    if (by === 1) {
      entry.oldestMs = Math.min(entry.oldestMs, writtenAtMs);
      entry.passOldestMs = Math.min(entry.passOldestMs, writtenAtMs);
    }
  }
}
