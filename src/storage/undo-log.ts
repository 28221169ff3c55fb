/**
 * What the handler under way has reserved and staged, so that it can be taken back when the handler throws: two numbers a
 * record, its word index and the position that it was staged over.
 */
import { assert } from '../core/errors.js';

/** No position: reserved, not staged. */
export const NOT_STAGED = -1;

export class UndoLog {
  readonly #entries: number[] = [];

  reserved(at: number): void {
    this.#entries.push(at, NOT_STAGED);
  }

  /** What undoing this record has to bring back: `before`, or 0 for nothing. */
  staged(at: number, before: number): void {
    const entries = this.#entries;
    let i = entries.length - 2;
    while (i >= 0 && entries[i] !== at) i -= 2;
    assert(i >= 0, 'what is staged was reserved by the same handler');
    entries[i + 1] = before;
  }

  clear(): void {
    if (this.#entries.length > 0) this.#entries.length = 0;
  }

  /** Everything, newest first; the log is empty then. */
  backwards(undo: (at: number, before: number) => void): void {
    for (let i = this.#entries.length - 2; i >= 0; i -= 2) undo(this.#entries[i], this.#entries[i + 1]);
    this.#entries.length = 0;
  }
}
