/**
 * One process of a simulated world on a machine of its own: its clocks, and what it believes of the nodes of others. The
 * end of one of its own threads it sees at once, that of another host's when it is told.
 */
import type { DamagedNodes } from '../core/damaged-nodes.js';
import type { RingState } from '../core/ring-state.js';
import type { SimClock } from './sim-clock.js';

export class SimHost {
  readonly index: number;
  readonly name: string;
  readonly clock: SimClock;
  /** What it has on disk of the ring: its nodes begin with it, and its threads route by it. */
  ring: RingState;
  /** Those of its nodes whose logs were found damaged. */
  readonly damaged: DamagedNodes;
  readonly #seen = new Map<number, boolean>();

  constructor(index: number, { clock, ring, damaged }: Pick<SimHost, 'clock' | 'ring' | 'damaged'>) {
    this.ring = ring;
    this.index = index;
    this.damaged = damaged;
    this.name = `host-${index}`;
    this.clock = clock;
  }

  /** Whether another host's node was there when this host last heard. */
  sees(node: number): boolean {
    return this.#seen.get(node) ?? true;
  }

  /** Shows a newer ring to all threads of the host. */
  adopt(ring: RingState): boolean {
    if (ring.epoch > this.ring.epoch) this.ring = ring;
    return true;
  }

  told(node: number, isUp: boolean): void {
    this.#seen.set(node, isUp);
  }
}
