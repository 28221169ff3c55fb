/**
 * One process of a simulated world on a machine of its own: its clocks, and what it believes of the nodes of others. The
 * end of one of its own threads it sees at once, that of another host's when it is told.
 */
import type { SimClock } from './sim-clock.js';

export class SimHost {
  readonly index: number;
  readonly name: string;
  readonly clock: SimClock;
  readonly #seen = new Map<number, boolean>();

  constructor(index: number, clock: SimClock) {
    this.index = index;
    this.name = `host-${index}`;
    this.clock = clock;
  }

  /** Whether another host's node was there when this host last heard. */
  sees(node: number): boolean {
    return this.#seen.get(node) ?? true;
  }

  told(node: number, isUp: boolean): void {
    this.#seen.set(node, isUp);
  }
}
