/**
 * The fast way of a read: `store.getSync`, from shared memory, without a promise.
 *
 * Where the store answers KV_NOT_LOCAL the caller falls back to messages. An exception costs as much as several reads,
 * so after some in a row the next reads skip the attempt, twice as many each time, up to a bound.
 */
import type { Store, Value } from '../client/types.js';
import { StoreError } from '../core/errors.js';

/** Most reads in a row that skip the attempt after one that failed. */
const SKIPPED_MAX = 256;
/** Stands for "only messages can tell". */
export const NOT_LOCAL: unique symbol = Symbol('not local');

export class LocalReads {
  private toSkip = 0;
  private penalty = 0;

  constructor(private readonly store: Store) {}

  /** The value, undefined when absent, or NOT_LOCAL. @throws StoreError what `getSync` throws otherwise */
  get(key: Buffer): Value | undefined | typeof NOT_LOCAL {
    if (this.toSkip > 0) {
      this.toSkip -= 1;
      return NOT_LOCAL;
    }
    try {
      const value = this.store.getSync(key);
      this.penalty = 0;
      return value;
    } catch (thrown) {
      if (!(thrown instanceof StoreError) || thrown.code !== 'KV_NOT_LOCAL') throw thrown;
      this.toSkip = this.penalty;
      this.penalty = Math.min(SKIPPED_MAX, this.penalty * 2 + 1);
      return NOT_LOCAL;
    }
  }
}
