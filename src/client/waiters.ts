/**
 * What a request in flight settles: a promise of its own, or a share of a batch's. A batch sends at most a window of
 * writes at a time, and sends again what a node refused because its memory waits for the disk.
 */
import { asStoreError, type StoreError } from '../core/errors.js';
import type { MessageView } from '../protocol/header.js';
import type { Waiter } from './requests.js';

/** Settles one promise with what `decode` reads in the reply. */
export class PromiseWaiter<Result> implements Waiter {
  readonly #decode: (message: MessageView) => Result;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (error: StoreError) => void;

  constructor(
    decode: (message: MessageView) => Result,
    resolve: (result: Result) => void,
    reject: (error: StoreError) => void,
  ) {
    this.#decode = decode;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  settle(message: MessageView): void {
    let result: Result;
    try {
      result = this.#decode(message);
    } catch (error) {
      this.#reject(asStoreError(error));
      return;
    }
    this.#resolve(result);
  }

  fail(error: StoreError): void {
    this.#reject(error);
  }
}

/** Writes of one batch under way at the same time. */
const WINDOW = 4_096;
const RETRY_MS_FIRST = 2;
const RETRY_MS_MAX = 100;

/** Sends one item and lets its reply settle the waiter. @throws StoreError where it cannot be sent */
export type SendItem<Item> = (item: Item, waiter: Waiter) => void;

export class Batch<Item> {
  readonly #send: SendItem<Item>;
  readonly #check: (message: MessageView) => unknown;
  readonly #untilMs: number;
  #pending = 0;
  #error: StoreError | undefined;
  #wake: (() => void) | undefined;
  #retries: Item[] = [];

  /** `check` throws what a failed reply stands for; refused items are sent again until `deadlineMs` have passed. */
  constructor(send: SendItem<Item>, check: (message: MessageView) => unknown, deadlineMs: number) {
    this.#send = send;
    this.#check = check;
    this.#untilMs = performance.now() + deadlineMs;
  }

  /** Sends every item; resolves when all are confirmed. @throws StoreError the first one that an item failed with */
  async run(items: Iterable<Item>): Promise<void> {
    for (const item of items) {
      this.#try(item);
      if (this.#pending >= WINDOW) await this.#until(WINDOW / 2);
      if (this.#error !== undefined) break;
    }
    let pauseMs = RETRY_MS_FIRST;
    await this.#until(0);
    while (this.#retries.length > 0 && this.#error === undefined) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(RETRY_MS_MAX, pauseMs * 2);
      const again = this.#retries;
      this.#retries = [];
      for (const item of again) this.#try(item);
      await this.#until(0);
    }
    if (this.#error !== undefined) throw this.#error;
  }

  #try(item: Item): void {
    this.#pending++;
    try {
      this.#send(item, new ItemWaiter(this, item));
    } catch (error) {
      this.failed(item, asStoreError(error));
    }
  }

  /** Resolves when at most `pending` items are under way. */
  async #until(pending: number): Promise<void> {
    while (this.#pending > pending) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  settled(item: Item, message: MessageView): void {
    try {
      this.#check(message);
    } catch (error) {
      this.failed(item, asStoreError(error));
      return;
    }
    this.#done();
  }

  failed(item: Item, error: StoreError): void {
    if (error.code === 'KV_OVERLOADED' && performance.now() < this.#untilMs) this.#retries.push(item);
    else this.#error ??= error;
    this.#done();
  }

  #done(): void {
    this.#pending--;
    if (this.#pending > 0 && this.#pending !== WINDOW / 2) return;
    this.#wake?.();
    this.#wake = undefined;
  }
}

class ItemWaiter<Item> implements Waiter {
  readonly #batch: Batch<Item>;
  readonly #item: Item;

  constructor(batch: Batch<Item>, item: Item) {
    this.#batch = batch;
    this.#item = item;
  }

  settle(message: MessageView): void {
    this.#batch.settled(this.#item, message);
  }

  fail(error: StoreError): void {
    this.#batch.failed(this.#item, error);
  }
}
