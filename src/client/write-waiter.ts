/** What a write without options settles. */
import { asStoreError, type StoreError } from '../core/errors.js';
import type { MessageView } from '../protocol/header.js';
import { isCurable, type Paused, Resending } from './resending.js';
import type { Key, Value, WriteResult } from './types.js';
import type { AskedWrite, Member } from './write-members.js';
import type { WriteOrder } from './writes.js';

/** What sends writes and reads their results. */
export interface WriteSender {
  readonly decodeResult: (message: MessageView) => WriteResult;
  /** What is left of the time of the request that this answers. */
  readonly leftMs: (reply: MessageView) => number;
  readonly paused: Paused;
  addWrite(key: Key, value: Value, order: WriteOrder, member: Member, index: number): void;
}

/** Settles the common write like a PromiseWaiter; what it would be sent again from stands in fields, so that it takes no closure. */
export class WriteWaiter implements Member {
  readonly #sender: WriteSender;
  readonly #key: Key;
  readonly #value: Value;
  readonly #order: WriteOrder;
  readonly #resolve: (result: WriteResult) => void;
  readonly #reject: (error: StoreError) => void;
  #resending: Resending | undefined;

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

  settled(_index: number, message: MessageView): void {
    let result: WriteResult;
    try {
      result = this.#sender.decodeResult(message);
    } catch (error) {
      this.#failed(asStoreError(error), message);
      return;
    }
    this.#resolve(result);
  }

  #failed(error: StoreError, message: MessageView): void {
    if (!isCurable(error)) {
      this.#reject(error);
      return;
    }
    this.#resending ??= new Resending(this.#sender.leftMs(message), this.#sender.paused, this);
    const send = (deadlineMs: number) => {
      this.#sender.addWrite(this.#key, this.#value, { ...this.#order, deadlineMs }, this, 0);
    };
    this.#resending.after(error, { send, reject: this.#reject });
  }

  failed(_index: number, error: StoreError): void {
    this.#reject(error);
  }

  asked(): AskedWrite {
    return { key: this.#key, order: this.#order };
  }

  rest(): void {
    this.#resending?.stop();
  }
}
