/**
 * What a request in flight settles: a promise of its own, or a share of a batch's. A batch sends at most a window of
 * writes at a time, and sends again what nodes refused because their memory waits for the disk.
 */
import { asStoreError, type ErrorCode, StoreError } from '../core/errors.js';
import type { MessageView } from '../protocol/header.js';
import { aborted } from './call-options.js';
import type { Waiter } from './requests.js';
import { isCurable, type Paused, Resending } from './resending.js';
import { timeLeft } from './time-left.js';
import type { Key } from './types.js';
import type { AskedWrite, Member } from './write-members.js';
import type { WriteOrder } from './writes.js';

/** How a request is sent again. */
export interface Repeater {
  /** Sends it, with so much time left; its id. @throws StoreError where it cannot be sent */
  readonly send: (waiter: Waiter, leftMs: number) => number;
  /** What is left of the time of the request that this answers. */
  readonly leftMs: (reply: MessageView) => number;
  readonly paused: Paused;
  /** Of a write. */
  readonly asked?: AskedWrite | undefined;
}

/** Settles one promise with what `decode` reads in the reply; a refusal that another try can cure is no reply yet. */
export class PromiseWaiter<Result> implements Waiter, Member {
  readonly #decode: (message: MessageView) => Result;
  readonly #resolve: (result: Result) => void;
  readonly #reject: (error: StoreError) => void;
  readonly #repeater: Repeater | undefined;
  #resending: Resending | undefined;

  constructor(
    decode: (message: MessageView) => Result,
    resolve: (result: Result) => void,
    reject: (error: StoreError) => void,
    repeater?: Repeater,
  ) {
    this.#decode = decode;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#repeater = repeater;
  }

  settle(message: MessageView): void {
    let result: Result;
    try {
      result = this.#decode(message);
    } catch (error) {
      this.#failed(asStoreError(error), message);
      return;
    }
    this.#resolve(result);
  }

  #failed(error: StoreError, message: MessageView): void {
    const repeater = this.#repeater;
    if (repeater === undefined || !isCurable(error)) {
      this.#reject(error);
      return;
    }
    this.#resending ??= new Resending(repeater.leftMs(message), repeater.paused, this);
    this.#resending.after(error, { send: (leftMs) => void repeater.send(this, leftMs), reject: this.#reject });
  }

  fail(error: StoreError): void {
    this.#resending?.stop();
    this.#reject(error);
  }

  get only(): { readonly member: Member; readonly index: number } {
    return { member: this, index: 0 };
  }

  asked(): AskedWrite | undefined {
    return this.#repeater?.asked;
  }

  settled(_index: number, message: MessageView): void {
    this.settle(message);
  }

  failed(_index: number, error: StoreError): void {
    this.fail(error);
  }

  rest(): void {
    this.#resending?.stop();
  }
}

/** Items between two publications, a power of two: fewer make the messages small, more leave the nodes idle meanwhile. */
const PUBLISH_ITEMS = 64;
const RETRY_MS_FIRST = 2;
const RETRY_MS_MAX = 100;

/** Sends one item, which has so long, and whose end the member is told under the index. @throws StoreError where it cannot be sent */
export type SendItem<Item> = (item: Item, member: Member, index: number, leftMs: number) => void;

/** A node refused the item, or a replica did while its memory waits for the disk: to write it again is safe. */
export const REPEATED: ReadonlySet<string> = new Set<ErrorCode>([
  'KV_OVERLOADED',
  'KV_WRITE_QUORUM_UNMET',
  'KV_STALE_EPOCH',
]);

export interface BatchOptions<Item> {
  /** Key of an item that was sent. */
  readonly keyOf: (item: Item) => Key;
  /** What every item asks for. */
  readonly order?: WriteOrder;
  /** Throws what a failed reply stands for. */
  readonly check: (message: MessageView) => unknown;
  /** Of all items together: those that are refused are sent again within it, and none is sent after it. */
  readonly deadlineMs: number;
  /** Items under way at the same time. */
  readonly window: number;
  readonly signal: AbortSignal | undefined;
  /** Lets what was sent leave before the tick ends. */
  readonly publish: () => void;
  /** What is under way is waited for no longer, and may still be done. */
  readonly onAbort: () => void;
}

export class Batch<Item> implements Member {
  readonly #send: SendItem<Item>;
  readonly #options: BatchOptions<Item>;
  readonly #untilMs: number;
  /** What was left of the time when the items under way began to be sent. */
  #leftMs: number;
  #pending = 0;
  #aborted = false;
  #error: StoreError | undefined;
  #wake: (() => void) | undefined;
  /** Items since all were last confirmed, at most a window, and which of them were refused. */
  #round: Item[] = [];
  #refused: number[] = [];

  constructor(send: SendItem<Item>, options: BatchOptions<Item>) {
    this.#send = send;
    this.#options = options;
    this.#leftMs = options.deadlineMs;
    this.#untilMs = performance.now() + options.deadlineMs;
  }

  /** Sends every item; resolves when all are confirmed. @throws StoreError the first one that an item failed with */
  async run(items: Iterable<Item>): Promise<void> {
    if (typeof items?.[Symbol.iterator] !== 'function' || typeof items === 'string') {
      throw new StoreError('KV_INVALID_OPTION', 'a batch takes an iterable of its items', { option: 'items' });
    }
    const { signal } = this.#options;
    if (signal === undefined) return this.#run(items);
    const onAbort = () => this.#abort(aborted(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await this.#run(items);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #run(items: Iterable<Item>): Promise<void> {
    const { window } = this.#options;
    try {
      for (const item of items) {
        if (this.#round.length === 0) this.#lookAtTime();
        if (this.#error !== undefined) break;
        this.#round.push(item);
        this.#try(this.#round.length - 1);
        // the nodes begin while the rest is still being encoded
        if ((this.#round.length & (PUBLISH_ITEMS - 1)) === 0) this.#options.publish();
        if (this.#round.length >= window) await this.#endRound();
        if (this.#error !== undefined) break;
      }
    } finally {
      // also where the iterable throws: what the caller writes next must not meet what is under way
      await this.#endRound();
    }
    if (this.#error !== undefined) throw this.#error;
  }

  /** Waits for the round, and sends again what was refused, in order, until all of it is confirmed. */
  async #endRound(): Promise<void> {
    await this.#settle();
    let pauseMs = RETRY_MS_FIRST;
    while (this.#refused.length > 0 && this.#error === undefined) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      if (this.#aborted) break;
      this.#lookAtTime();
      if (this.#error !== undefined) break;
      pauseMs = Math.min(RETRY_MS_MAX, pauseMs * 2);
      const again = this.#refused.sort((a, b) => a - b);
      this.#refused = [];
      const last = this.#lastOfEachKey();
      // a later item of the same key stands for this one, confirmed or refused itself
      for (const index of again) if (last.get(this.#keyAt(index)) === index) this.#try(index);
      await this.#settle();
    }
    this.#round = [];
  }

  /** Notes what is left of the time, or that it is over. */
  #lookAtTime(): void {
    try {
      this.#leftMs = timeLeft(this.#untilMs);
    } catch (error) {
      this.#error ??= asStoreError(error);
    }
  }

  #lastOfEachKey(): Map<string, number> {
    return new Map(this.#round.map((_, index) => [this.#keyAt(index), index]));
  }

  /** The key's bytes as text: a string and its UTF-8 are one key. */
  #keyAt(index: number): string {
    const key = this.#options.keyOf(this.#round[index]);
    return Buffer.from(key as string).toString('latin1');
  }

  /** Waits no longer for what is under way. */
  #abort(error: StoreError): void {
    this.#error ??= error;
    this.#aborted = true;
    this.#options.onAbort();
    this.#wake?.();
  }

  #try(index: number): void {
    this.#pending++;
    try {
      this.#send(this.#round[index], this, index, this.#leftMs);
    } catch (error) {
      this.failed(index, asStoreError(error));
    }
  }

  /** Resolves when nothing is under way. */
  async #settle(): Promise<void> {
    while (this.#pending > 0 && !this.#aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  asked(index: number): AskedWrite | undefined {
    const { keyOf, order } = this.#options;
    return order === undefined ? undefined : { key: keyOf(this.#round[index]), order };
  }

  settled(index: number, message: MessageView): void {
    try {
      this.#options.check(message);
    } catch (error) {
      const refusal = asStoreError(error);
      this.failed(index, refusal, isCurable(refusal));
      return;
    }
    this.#done();
  }

  failed(index: number, error: StoreError, isCurable = false): void {
    const mayRetry = (isCurable || REPEATED.has(error.code)) && performance.now() < this.#untilMs;
    if (mayRetry) this.#refused.push(index);
    else this.#error ??= error;
    this.#done();
  }

  #done(): void {
    this.#pending--;
    if (this.#pending > 0) return;
    this.#wake?.();
    this.#wake = undefined;
  }
}
