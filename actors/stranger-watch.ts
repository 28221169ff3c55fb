/**
 * Whether a node runs that is no member of the ring, or did of late: it has left, promises nothing, and may still deliver
 * hints of what was deleted since. One that has ended may only be starting again, so it counts for a while longer.
 */
import type { Env } from '../src/actor/env.js';

const START_MS_MAX = 10_000;

export class StrangerWatch {
  /** By the node's clock of 32 bits; undefined where nobody is waited for. */
  #waitsUntilMs: number | undefined;

  /** To be asked often: a node that ran between two looks is not seen. */
  sees(env: Env): boolean {
    const nowMs = env.nowMs();
    if (env.placement.hasStrangers()) this.#waitsUntilMs = (nowMs + START_MS_MAX) | 0;
    else if (this.#waitsUntilMs !== undefined && ((nowMs - this.#waitsUntilMs) | 0) >= 0)
      this.#waitsUntilMs = undefined;
    return this.#waitsUntilMs !== undefined;
  }
}
