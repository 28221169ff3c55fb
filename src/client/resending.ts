/**
 * A request that was refused with nothing done, and that another try can cure, is sent again within its one deadline: at
 * once, since the thread may know better by now, then after pauses that double.
 *
 *   KV_STALE_EPOCH         it was routed by a ring that has been replaced
 *   KV_DEADLINE_EXCEEDED   in a reply, with time left: a write came behind its `latest` (actors/late-write.ts)
 */
import { asStoreError, type ErrorCode, type StoreError } from '../core/errors.js';

const PAUSE_MS_FIRST = 2;
const PAUSE_MS_MAX = 100;

/** Whether a refusal in a reply is one that another try can cure. */
export const isCurable = ({ code }: StoreError): boolean => isCurableCode(code);
export const isCurableCode = (code: ErrorCode): boolean => code === 'KV_STALE_EPOCH' || code === 'KV_DEADLINE_EXCEEDED';

/** Requests of a thread that pause before they are sent again: they are in flight, and no node has them. */
export interface Paused {
  count: number;
  /** Whose request was refused does not send it again any more. */
  readonly dropped?: (waiter: object) => void;
}

export interface Resend {
  /** Sends again with so much time left. @throws StoreError where it cannot be sent */
  readonly send: (leftMs: number) => void;
  readonly reject: (error: StoreError) => void;
}

export class Resending {
  readonly #untilMs: number;
  readonly #paused: Paused;
  readonly #waiter: object;
  #pauseMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(leftMs: number, paused: Paused, waiter: object) {
    this.#untilMs = performance.now() + leftMs;
    this.#paused = paused;
    this.#waiter = waiter;
  }

  /** Sends again in a while, or ends the request with this error. */
  after(error: StoreError, resend: Resend): void {
    const pauseMs = this.#pauseMs;
    this.#pauseMs = Math.min(PAUSE_MS_MAX, pauseMs * 2 || PAUSE_MS_FIRST);
    if (performance.now() + pauseMs >= this.#untilMs) this.#reject(error, resend);
    else if (pauseMs === 0) this.#send(error, resend);
    else this.#pause(pauseMs, () => this.#send(error, resend));
  }

  #pause(pauseMs: number, go: () => void): void {
    this.#paused.count++;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#paused.count--;
      go();
    }, pauseMs);
  }

  #send(error: StoreError, resend: Resend): void {
    const leftMs = this.#untilMs - performance.now();
    try {
      if (leftMs > 0) resend.send(leftMs);
      else this.#reject(error, resend);
    } catch (thrown) {
      this.#reject(asStoreError(thrown), resend);
    }
  }

  #reject(error: StoreError, { reject }: Resend): void {
    this.#paused.dropped?.(this.#waiter);
    reject(error);
  }

  stop(): void {
    this.#paused.dropped?.(this.#waiter);
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#paused.count--;
  }
}
