/** A call that is made again while it fails for a reason that passes, after pauses that grow. For calls that repeat safely. */
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../core/errors.js';

const TRIES_MAX = 8;
const FIRST_PAUSE_MS = 25;

/** @throws whatever the last attempt throws */
export async function withRetries<Result>(attempt: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (thrown) {
      const retry = thrown instanceof StoreError && thrown.retryable && tries < TRIES_MAX;
      if (!retry) throw thrown;
      await sleep(FIRST_PAUSE_MS * 2 ** (tries - 1));
    }
  }
}
