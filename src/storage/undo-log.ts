/**
 * What the handler under way has reserved and staged, so that it can be taken back when the handler throws: two words a
 * record, its word index and the position that it was staged over. The words are kept from handler to handler: an array
 * that is truncated gives its memory back, and growing it anew costs a call into the runtime for each write.
 */
import { assert } from '../core/errors.js';

/** No position: reserved, not staged. */
export const NOT_STAGED = -1;
const WORDS_FIRST = 32;

export class UndoLog {
  #entries = new Int32Array(WORDS_FIRST);
  #length = 0;

  reserved(at: number): void {
    if (this.#length === this.#entries.length) {
      const grown = new Int32Array(this.#length * 2);
      grown.set(this.#entries);
      this.#entries = grown;
    }
    this.#entries[this.#length] = at;
    this.#entries[this.#length + 1] = NOT_STAGED;
    this.#length += 2;
  }

  /** What undoing this record has to bring back: `before`, or 0 for nothing. */
  staged(at: number, before: number): void {
    const entries = this.#entries;
    let i = this.#length - 2;
    while (i >= 0 && entries[i] !== at) i -= 2;
    assert(i >= 0, 'what is staged was reserved by the same handler');
    entries[i + 1] = before;
  }

  clear(): void {
    this.#length = 0;
  }

  /** Everything, newest first; the log is empty then. */
  backwards(undo: (at: number, before: number) => void): void {
    for (let i = this.#length - 2; i >= 0; i -= 2) {
      const before = this.#entries[i + 1];
      undo(this.#entries[i], before === NOT_STAGED ? before : before >>> 0);
    }
    this.#length = 0;
  }
}
