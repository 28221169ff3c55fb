/**
 * Checks updates from without, by what values say and not by their versions. A tally's value is a list of tokens, and every
 * update adds one to all that it was shown. So an acknowledged update whose token is in no sibling was overwritten by one
 * that had not seen it.
 */
import type { ReadCall, WriteCall } from './calls.js';
import type { Observer } from './observer.js';

/** The tokens that a read shows, in any sibling. */
export function tokensOf({ shown }: ReadCall): string[] {
  return shown.flatMap(({ value }) => Buffer.from(value).toString().split('+'));
}

export class Tallies {
  readonly #observer: Observer;
  /** Acknowledged updates, by key. */
  readonly #updates: Map<string, WriteCall[]>;

  constructor(observer: Observer, keys: readonly string[]) {
    this.#observer = observer;
    this.#updates = new Map(keys.map((key) => [key, []]));
  }

  /** A delete takes all of the tally with it. */
  add(call: WriteCall): void {
    const { key, tombstone = false } = call.order;
    if (tombstone) this.#updates.delete(key);
    else this.#updates.get(key)?.push(call);
  }

  /** `mustSee`: whether the read must have seen this write. */
  check(call: ReadCall, mustSee: (write: WriteCall) => boolean): void {
    const { key } = call.order;
    const updates = this.#updates.get(key);
    if (updates === undefined) return;
    const shown = new Set(tokensOf(call));
    for (const update of updates) {
      const lost = mustSee(update) ? update.order.value.split('+').filter((token) => !shown.has(token)) : [];
      if (lost.length > 0) this.#observer.problem(`a read of ${key} lacks ${lost} of an acknowledged update`, key);
    }
  }
}
