/** Keeps dialing one address while there is no connection to the host behind it, with pauses of random length. */
import { afterRefusalMs, redialDelayMs } from './backoff.js';
import { RARE_REDIAL_CAP_MS } from './limits.js';

/**
 * `unwelcome`: the other host does not know this one, or not yet, or is this one. `failed`: also where another host is there.
 * `never`: a host that is none of the cluster any more.
 */
export type DialOutcome = 'linked' | 'failed' | 'refused' | 'unwelcome' | 'never';

export interface DialerParts {
  /** Makes one attempt; the returned function gives it up. */
  readonly attempt: (dialer: Dialer, done: (outcome: DialOutcome) => void) => () => void;
  /** Whether there is a connection to this host already. */
  readonly isLinked: (host: string) => boolean;
  /** The longest pause before this address is dialed again. */
  readonly capMs: (dialer: Dialer) => number;
  /** In [0, 1). */
  readonly random: () => number;
}

export class Dialer {
  readonly address: string;
  /** Who is there; undefined until that is known. */
  host: string | undefined;
  readonly #parts: DialerParts;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;
  #giveUp: (() => void) | undefined;
  #isStopped = false;

  constructor(address: string, host: string | undefined, parts: DialerParts) {
    this.address = address;
    this.host = host;
    this.#parts = parts;
  }

  /** Dials soon, unless it is about to. */
  wake(delayMs = redialDelayMs(0, this.#parts.random())): void {
    if (this.#isStopped || this.#timer !== undefined || this.#giveUp !== undefined) return;
    this.#timer = setTimeout(() => this.#dial(), delayMs);
  }

  /** For good. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#giveUp?.();
    this.#giveUp = undefined;
  }

  #dial(): void {
    this.#timer = undefined;
    const { attempt, isLinked } = this.#parts;
    if (this.host !== undefined && isLinked(this.host)) return;
    let isOver = false;
    const giveUp = attempt(this, (outcome) => {
      isOver = true;
      this.#giveUp = undefined;
      if (outcome === 'never') this.stop();
      else if (outcome === 'linked') this.#failures = 0;
      else this.wake(this.#pauseMs(outcome));
    });
    if (!isOver) this.#giveUp = giveUp;
  }

  #pauseMs(outcome: DialOutcome): number {
    const { capMs, random } = this.#parts;
    if (outcome === 'refused') return afterRefusalMs(random(), capMs(this));
    return redialDelayMs(++this.#failures, random(), outcome === 'unwelcome' ? RARE_REDIAL_CAP_MS : capMs(this));
  }
}
