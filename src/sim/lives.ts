/**
 * Checks what readers are shown of values that expire: nothing whose time is over by the reader's own clock, and everything
 * whose time is not over by any. (That nobody buries them before is what src/sim/observer.ts looks at.)
 */
import type { ReadCall } from './calls.js';
import type { Observer } from './observer.js';
import type { World } from './world.js';

export class Lives {
  readonly #observer: Observer;
  readonly #world: World;

  constructor(observer: Observer, world: World) {
    this.#observer = observer;
    this.#world = world;
  }

  check({ order: { key }, set, shown, shownAtMs }: ReadCall): void {
    const observer = this.#observer;
    for (const sibling of shown) {
      const lateMs = shownAtMs - sibling.expiresAtMs;
      if (sibling.expiresAtMs === 0 || lateMs < 0) continue;
      observer.problem(`a read of ${key} shows ${observer.nameOf(sibling)}, which expired ${lateMs} ms before`, key);
    }
    const { latestWallMs } = this.#world;
    for (const sibling of set.siblings) {
      const isOver = sibling.tombstone || (sibling.expiresAtMs > 0 && sibling.expiresAtMs <= latestWallMs);
      if (isOver || shown.includes(sibling)) continue;
      observer.problem(`a read of ${key} does not show ${observer.nameOf(sibling)}, which has not expired`, key);
    }
  }
}
