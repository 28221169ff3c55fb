/** The code of the error that a call throws. */
import type { ErrorCode, StoreError } from '../../src/core/errors.js';

export function codeOfThrown(call: () => unknown): ErrorCode | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return (error as StoreError).code;
  }
}
