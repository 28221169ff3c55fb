/**
 * What a measurement drives: one shape for ours and for every peer, so that the driver's code is the same for all.
 *
 * Calls return a promise or, where the library is synchronous (a Map, lmdb's reads), the result itself; the driver
 * awaits both. Keys and values are strings.
 */
import type { Store } from '../../src/client/types.js';

export type KeyValue = readonly [key: string, value: string];

export interface Target {
  readonly name: string;
  get(key: string): unknown;
  put(key: string, value: string): unknown;
  /** Values in the order of the keys. */
  getMany(keys: readonly string[]): unknown;
  putMany(pairs: readonly KeyValue[]): unknown;
  close(): Promise<void>;
}

/** A store of ours as a target. */
export function storeTarget(name: string, store: Store): Target {
  return {
    name,
    get: (key) => store.get(key),
    put: (key, value) => store.put(key, value),
    getMany: (keys) => store.getMany(keys),
    putMany: (pairs) => store.putMany(pairs),
    close: () => store.close(),
  };
}
