/** What a write without options settles. */
import { asStoreError, type StoreError } from '../core/errors.js';
import type { MessageView } from '../protocol/header.js';
import type { Waiter } from './requests.js';
import type { Key, Value, WriteResult } from './types.js';
import type { WriteOrder } from './writes.js';

/** What sends writes and reads their results. */
export interface WriteSender {
  readonly decodeResult: (message: MessageView) => WriteResult;
  sendWrite(key: Key, value: Value, order: WriteOrder, waiter: Waiter): number;
}

/** Settles the common write like a PromiseWaiter; what it would be sent again from stands in fields, so that it takes no closure. */
export class WriteWaiter implements Waiter {
  readonly #sender: WriteSender;
  readonly #key: Key;
  readonly #value: Value;
  #order: WriteOrder | undefined;
  readonly #resolve: (result: WriteResult) => void;
  readonly #reject: (error: StoreError) => void;

  constructor(
    sender: WriteSender,
    key: Key,
    value: Value,
    order: WriteOrder,
    resolve: (result: WriteResult) => void,
    reject: (error: StoreError) => void,
  ) {
    this.#sender = sender;
    this.#key = key;
    this.#value = value;
    this.#order = order;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  settle(message: MessageView): void {
    let result: WriteResult;
    try {
      result = this.#sender.decodeResult(message);
    } catch (error) {
      this.#failed(asStoreError(error));
      return;
    }
    this.#resolve(result);
  }

  #failed(error: StoreError): void {
    const order = this.#order;
    this.#order = undefined;
    if (order === undefined || error.code !== 'KV_STALE_EPOCH') {
      this.#reject(error);
      return;
    }
    try {
      this.#sender.sendWrite(this.#key, this.#value, order, this);
    } catch (thrown) {
      this.#reject(asStoreError(thrown));
    }
  }

  fail(error: StoreError): void {
    this.#reject(error);
  }
}
