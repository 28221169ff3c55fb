/**
 * Gives the nodes of a simulated world their turns: a while after something arrived or a timer came due, later where a
 * node is paused or slow, over all that waits or only a part of it.
 */
import type { Random } from './random.js';
import type { SimNode } from './sim-node.js';
import { NodeCrash } from './sim-store.js';

export interface SchedulerParts {
  readonly random: Random;
  readonly nowMs: () => number;
  readonly schedule: (atMs: number, run: () => void) => void;
  readonly onCrash: (node: SimNode) => void;
}

const TURN_DELAY_MS_MAX = 0.3;

export class Scheduler {
  readonly #parts: SchedulerParts;
  readonly #turnAtMs = new Map<SimNode, number>();

  constructor(parts: SchedulerParts) {
    this.#parts = parts;
  }

  /** Mail has arrived: the node takes a turn soon. */
  mailFor(node: SimNode): void {
    this.wake(node, this.#delayMs(node));
  }

  /** Has the node take a turn in a while, unless it is to take one before that. */
  wake(node: SimNode, inMs: number): void {
    if (!node.up) return;
    const { nowMs, schedule } = this.#parts;
    const atMs = Math.max(nowMs() + inMs, node.pausedUntilMs);
    if ((this.#turnAtMs.get(node) ?? Number.POSITIVE_INFINITY) <= atMs) return;
    this.#turnAtMs.set(node, atMs);
    const { life } = node;
    schedule(atMs, () => {
      if (this.#turnAtMs.get(node) !== atMs || node.life !== life || !node.up) return;
      this.#turnAtMs.delete(node);
      if (node.pausedUntilMs > nowMs()) this.wake(node, 0);
      else this.#turn(node);
    });
  }

  /** Forgets the turn that the node was to take. */
  cancel(node: SimNode): void {
    this.#turnAtMs.delete(node);
  }

  #turn(node: SimNode): void {
    const { random, onCrash } = this.#parts;
    const quota = random.chance(0.5) ? Number.POSITIVE_INFINITY : 1 + random.below(4);
    try {
      node.turn(quota);
    } catch (error) {
      if (!(error instanceof NodeCrash)) throw error;
      onCrash(node);
      return;
    }
    if (node.hasMail) this.mailFor(node);
    const untilMs = node.untilTimerMs;
    if (untilMs < Number.POSITIVE_INFINITY) this.wake(node, untilMs);
  }

  #delayMs(node: SimNode): number {
    const { random, nowMs } = this.#parts;
    const delayMs = random.between(0, TURN_DELAY_MS_MAX);
    return node.slowUntilMs > nowMs() ? delayMs * node.slowness : delayMs;
  }
}
