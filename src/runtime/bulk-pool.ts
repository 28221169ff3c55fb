/**
 * A pool of threads for bulk work that must not hold up a node or the event loop: load generators now, tree rebuilds,
 * scrubs and backups later. Never on the way of a get or a put.
 *
 * Piscina, with its atomics off: a pool thread keeps its event loop, so that it may use timers, ports and a store.
 */
import type { MessagePort } from 'node:worker_threads';
import type { Piscina } from 'piscina';
import { StoreError } from '../core/errors.js';

export interface BulkPoolOptions {
  /** Module whose export `runTask` takes a task and returns its result. */
  readonly module: URL;
  readonly threads: number;
  /** Tasks that may wait for a thread; one more is refused. */
  readonly waitingMax?: number;
}

const WAITING_MAX = 1_024;

export class BulkPool<Task, Result> {
  readonly #options: BulkPoolOptions;
  #pool: Promise<Piscina<Task, Result>> | undefined;

  constructor(options: BulkPoolOptions) {
    this.#options = options;
  }

  /** Runs one task on a thread of the pool. @throws StoreError KV_OVERLOADED when too many wait, or what the task threw */
  async run(task: Task, transferList: readonly MessagePort[] = []): Promise<Result> {
    this.#pool ??= makePool(this.#options);
    const pool = await this.#pool;
    if (pool.queueSize >= pool.options.maxQueue) {
      throw new StoreError('KV_OVERLOADED', `${pool.queueSize} bulk tasks wait for a thread; try again later`);
    }
    return pool.run(task, { transferList: [...transferList] });
  }

  /** Waits for the tasks under way, then ends the threads. */
  async close(): Promise<void> {
    await (await this.#pool)?.close();
  }
}

/** Piscina is loaded with the first task: most programs never have one. */
async function makePool<Task, Result>(options: BulkPoolOptions): Promise<Piscina<Task, Result>> {
  const { module, threads, waitingMax = WAITING_MAX } = options;
  const { Piscina } = await import('piscina');
  return new Piscina({
    filename: module.href,
    name: 'runTask',
    minThreads: 0,
    maxThreads: threads,
    maxQueue: waitingMax,
    atomics: 'disabled',
  });
}
