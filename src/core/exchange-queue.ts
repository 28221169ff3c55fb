/**
 * Which partitions a node is to compare with whom, in what order: what somebody waits for first, then what the node needs
 * to count again, what is known to differ, and last what is compared just because it is time.
 */
import type { NodeIndex, PartitionId } from './ids.js';

export type Urgency = 'asked' | 'doubt' | 'known' | 'periodic';

const ORDER: readonly Urgency[] = ['asked', 'doubt', 'known', 'periodic'];

export interface Pair {
  readonly partition: PartitionId;
  readonly peer: NodeIndex;
}

export class ExchangeQueue<Job extends Pair> {
  readonly #jobs: Readonly<Record<Urgency, Job[]>> = { asked: [], doubt: [], known: [], periodic: [] };
  readonly #waiting = new Set<string>();

  get size(): number {
    return ORDER.reduce((sum, urgency) => sum + this.#jobs[urgency].length, 0);
  }

  sizeOf(urgency: Urgency): number {
    return this.#jobs[urgency].length;
  }

  /** Adds a job; where nobody waits for it, only if the same pair does not wait already with the same urgency. */
  add(job: Job, urgency: Urgency): void {
    const name = nameOf(job, urgency);
    if (urgency !== 'asked' && this.#waiting.has(name)) return;
    this.#waiting.add(name);
    this.#jobs[urgency].push(job);
  }

  /** Takes the next job out, with its urgency. */
  take(): { readonly job: Job; readonly urgency: Urgency } | undefined {
    for (const urgency of ORDER) {
      const job = this.#jobs[urgency].shift();
      if (job === undefined) continue;
      this.#waiting.delete(nameOf(job, urgency));
      return { job, urgency };
    }
    return undefined;
  }
}

const nameOf = ({ partition, peer }: Pair, urgency: Urgency): string => `${urgency} ${partition} ${peer}`;
