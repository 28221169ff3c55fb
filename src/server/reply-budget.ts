/**
 * Bytes of replies that are being gathered, or wait for replies before them or for their clients, over all connections of a
 * server. A reply takes its share as its values come, and gives it back when it is written or its client has gone. One value that is
 * written at once takes none: whoever asks for one at a time is answered whatever others keep.
 */
import { StoreError } from '../core/errors.js';

export class ReplyBudget {
  used = 0;

  constructor(readonly bytesMax: number) {}

  share(): ReplyShare {
    return new ReplyShare(this);
  }
}

/** A reply's part of the budget. */
export class ReplyShare {
  bytes = 0;

  constructor(private readonly budget: ReplyBudget) {}

  /** Takes more. @throws StoreError KV_OVERLOADED where all replies together would hold too much; the share is given back */
  take(bytes: number): void {
    this.bytes += bytes;
    this.budget.used += bytes;
    if (this.budget.used <= this.budget.bytesMax) return;
    this.release();
    const limit = this.budget.bytesMax;
    throw new StoreError(
      'KV_OVERLOADED',
      `replies of more than ${limit} bytes are under way; wait for some, or ask for fewer keys`,
    );
  }

  /** Idempotent. */
  release(): void {
    this.budget.used -= this.bytes;
    this.bytes = 0;
  }
}
