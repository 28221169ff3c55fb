/**
 * Ends a node's thread between two turns, before its heap is full: at the limit the runtime ends the thread itself, and on
 * Node.js 24 now and then the process instead, as it does with a worker of any program.
 */
import { getHeapStatistics } from 'node:v8';
import { resourceLimits } from 'node:worker_threads';
import { StoreError } from '../core/errors.js';

/** Share of the old generation's limit in use, garbage included, that only a leak comes to. */
const FULL_SHARE = 0.85;
const LOOK_MS = 100;

export class HeapWatch {
  #lookedAtMs: number | undefined;

  /** Call it now and then, with the host's monotonic milliseconds as 32 bits. @throws StoreError KV_INTERNAL: the node must end */
  look(nowMs: number): void {
    if (this.#lookedAtMs !== undefined && ((nowMs - this.#lookedAtMs) | 0) < LOOK_MS) return;
    this.#lookedAtMs = nowMs;
    // the limit that the runtime tells of counts room for young objects too, which is not what runs out
    const limit = (resourceLimits.maxOldGenerationSizeMb ?? Number.POSITIVE_INFINITY) * 2 ** 20;
    const { used_heap_size: used } = getHeapStatistics();
    if (used < limit * FULL_SHARE) return;
    const message = `the thread is running out of memory: ${used} bytes of heap in use, ${limit} are the limit`;
    throw new StoreError('KV_INTERNAL', message, { used, limit });
  }
}
