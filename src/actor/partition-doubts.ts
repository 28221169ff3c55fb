/**
 * Which partitions of a node may lack acknowledged writes, because its storage was lost in part: it mints nothing for them
 * and answers no strict read of them until it has compared with enough others (core/doubt.ts). One for each node, shared by
 * its actors; kept on its disk as a whole until the last is settled.
 */

/**
 * `loss`: the end of the log, or all of it, is gone. `rollback`: the storage is as it was some time ago, or its log had holes,
 * so that older records may be there without those that came over them.
 */
export type DoubtCause = 'none' | 'loss' | 'rollback';

export interface DoubtHooks {
  /** The node counts again for this partition. */
  readonly onSettled: (partition: number) => void;
  /** ... and for all of them; in so many of them writes may be lost, because too few replicas counted. */
  readonly onAllSettled: (mayBeLost: number) => void;
}

export class PartitionDoubts {
  readonly cause: DoubtCause;
  readonly #open: Uint8Array;
  readonly #hooks: DoubtHooks;
  #openCount = 0;
  #mayBeLost = 0;
  #isHeld = false;

  constructor(partitions: number, cause: DoubtCause, hooks: DoubtHooks) {
    this.cause = cause;
    this.#hooks = hooks;
    this.#open = new Uint8Array(partitions);
    if (cause === 'none') return;
    this.#open.fill(1);
    this.#openCount = partitions;
  }

  has(partition: number): boolean {
    return this.#open[partition] === 1;
  }

  /** Whether what the node holds of this partition is as it was some time ago: it gives nothing of it to others. */
  isFromPast(partition: number): boolean {
    return this.cause === 'rollback' && this.has(partition);
  }

  /** Partitions in doubt. */
  get size(): number {
    return this.#openCount;
  }

  settle(partition: number, mayBeLost: boolean): void {
    if (!this.has(partition)) return;
    this.#open[partition] = 0;
    this.#openCount--;
    if (mayBeLost) this.#mayBeLost++;
    this.#hooks.onSettled(partition);
    if (this.#openCount === 0 && !this.#isHeld) this.#hooks.onAllSettled(this.#mayBeLost);
  }

  /** What the cause means besides is not on disk yet: until `release` the doubt as a whole does not end. */
  hold(): void {
    if (this.#openCount > 0) this.#isHeld = true;
  }

  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    if (this.#openCount === 0) this.#hooks.onAllSettled(this.#mayBeLost);
  }
}
