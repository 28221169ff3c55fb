/**
 * Hosts that have asked for the cluster in order to join it and have not been met yet: each takes another range of node
 * indices than those before it, though none of them is known to be taken.
 */

/** How long an asker is remembered that never shows up. */
const REMEMBER_MS = 120_000;
const ASKERS_MAX = 256;

export class Askers {
  /** When each asked first, in that order. */
  readonly #since = new Map<string, number>();

  /** How many others asked before this host, of those that are not known to the cluster. */
  before(host: string, isKnown: (host: string) => boolean, nowMs: number): number {
    for (const [asker, sinceMs] of this.#since) {
      if (isKnown(asker) || nowMs - sinceMs > REMEMBER_MS) this.#since.delete(asker);
    }
    if (!this.#since.has(host) && this.#since.size < ASKERS_MAX) this.#since.set(host, nowMs);
    const order = [...this.#since.keys()].indexOf(host);
    return order < 0 ? this.#since.size : order;
  }
}
