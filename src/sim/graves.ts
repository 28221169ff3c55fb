/**
 * Looks for the dead that come back: what a delete has replaced must not be read once that delete was acknowledged by so
 * many that the read meets one of them, and nobody may show what was collected.
 */
import type { ReadCall, WriteCall } from './calls.js';
import { nameOf } from './judge.js';
import type { Observer } from './observer.js';

export class Graves {
  /** Acknowledged deletes, by key. */
  readonly #deletes = new Map<string, WriteCall[]>();
  readonly #observer: Observer;

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  add(call: WriteCall): void {
    const { key } = call.order;
    const ofKey = this.#deletes.get(key) ?? [];
    ofKey.push(call);
    this.#deletes.set(key, ofKey);
  }

  /** `mustSee`: whether the read must have seen this delete. */
  check({ order: { key }, set, startMs }: ReadCall, mustSee: (write: WriteCall) => boolean): void {
    const observer = this.#observer;
    for (const sibling of set.siblings) {
      if (!observer.isRisen(key, sibling, startMs)) continue;
      observer.problem(`a read of ${key} shows ${observer.nameOf(sibling)} again, which had been collected`, key);
    }
    for (const call of this.#deletes.get(key) ?? []) {
      if (!mustSee(call)) continue;
      const replaced = observer.replacedBy(nameOf(call));
      for (const sibling of set.siblings) {
        if (!observer.isCovered(replaced, sibling)) continue;
        observer.problem(`a read of ${key} shows ${observer.nameOf(sibling)} again, behind ${nameOf(call)}`, key);
      }
    }
  }
}
