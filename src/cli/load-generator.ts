/**
 * A task of the bulk pool: one more thread that attaches to the store and keeps calls in flight, so that `kvorum bench`
 * can load a store from more than one thread.
 */
import { attach } from '../client/attach.js';
import type { StoreHandle } from '../client/types.js';
import { type Measurement, measure } from './latency.js';

export interface LoadTask {
  readonly handle: StoreHandle;
  readonly kind: 'put' | 'get';
  readonly durationMs: number;
  readonly inFlight: number;
  readonly keys: number;
  readonly prefix: string;
  readonly value: string;
}

/** Measures one kind of call from this thread. */
export async function runTask(task: LoadTask): Promise<Measurement> {
  const store = attach(task.handle);
  try {
    const keyOf = (number: number) => `${task.prefix}${number % task.keys}`;
    const call =
      task.kind === 'put'
        ? (number: number) => store.put(keyOf(number), task.value)
        : (number: number) => store.get(keyOf(number));
    return await measure(call, task);
  } finally {
    await store.close();
  }
}
