/**
 * Forces rare paths (core/rare-path.ts) by seed: each run picks some of the sites and takes them now and then, and counts
 * every path that was reached, forced or not.
 */
import { RARE_PATHS, type RarePath, setRareHook } from '../core/rare-path.js';
import type { Random } from './random.js';

const SITE_CHANCE = 0.25;
const FORCE_CHANCE = 0.03;

export class RarePaths {
  readonly reached: Partial<Record<RarePath, number>> = {};
  readonly #random: Random;
  readonly #forced: ReadonlySet<RarePath>;
  #calm = false;

  constructor(random: Random) {
    this.#random = random;
    this.#forced = new Set(RARE_PATHS.filter(() => random.chance(SITE_CHANCE)));
  }

  /** Runs with the hook installed. */
  within<Result>(run: () => Result): Result {
    setRareHook((path, condition) => this.decide(path, condition));
    try {
      return run();
    } finally {
      setRareHook(undefined);
    }
  }

  readonly decide = (path: RarePath, condition: boolean): boolean => {
    const taken = condition || (!this.#calm && this.#forced.has(path) && this.#random.chance(FORCE_CHANCE));
    if (taken) this.reached[path] = (this.reached[path] ?? 0) + 1;
    return taken;
  };

  /** From now on nothing is forced. */
  settle(): void {
    this.#calm = true;
  }
}
