/** What is left of the one deadline of a call that asks several times. */
import { StoreError } from '../core/errors.js';

/** Whole milliseconds until `untilMs` of performance.now(), at least 1. @throws StoreError KV_DEADLINE_EXCEEDED */
export function timeLeft(untilMs: number): number {
  const left = untilMs - performance.now();
  if (left > 0) return Math.ceil(left);
  throw new StoreError('KV_DEADLINE_EXCEEDED', 'the deadline passed; a write may or may not have happened');
}
