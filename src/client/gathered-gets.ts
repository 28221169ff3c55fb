/**
 * The gets that a thread begins in one turn of its promises, answered as groups: their keys wait for memory together, as
 * those of a getMany do (plain-reads.ts). One get alone has nothing to wait with, so it is answered at once; one in
 * `PROBE_EVERY` looks whether others come with it, and where some do, those that follow are gathered until they don't.
 *
 *   get -> at once                                                    while gets come one at a time
 *   get, get, ... -> group of up to GROUP_KEYS -> all are answered    behind the last get of the turn, or when it is full
 */
import { asStoreError } from '../core/errors.js';
import { GROUP_KEYS, NOT_PLAIN } from './plain-reads.js';
import type { Key, Value } from './types.js';

/** Fewer keys than this gain nothing by waiting for each other. */
const GROUP_KEYS_MIN = 4;
const PROBE_EVERY = 64;

type Answer = Value | undefined | Promise<Value | undefined>;
type Settle = (answer: Answer) => void;

/** What answers gets. */
export interface GetReader {
  /** Answers one get. @throws StoreError */
  getOne(key: Key): Answer;
  /** Takes a key into the group. @throws StoreError KV_INVALID_KEY, KV_CLOSED: it is not in the group */
  gather(index: number, key: Key): void;
  /** Answers the first `count` keys of the group into `values`: each its value, or NOT_PLAIN. */
  getGathered(count: number, values: unknown[]): void;
}

export class GatheredGets {
  readonly #reader: GetReader;
  readonly #keys: Key[] = [];
  readonly #settles: Settle[] = [];
  readonly #values: unknown[] = [];
  #count = 0;
  /** Gets gathered in this turn. */
  #turnGets = 0;
  /** Gets until the next probe; 0 while gets are gathered. */
  #untilProbe = PROBE_EVERY;
  #isArmed = false;
  #isAnswering = false;
  #settle: Settle = () => undefined;
  readonly #keepSettle = (settle: Settle): void => {
    this.#settle = settle;
  };
  readonly #endTurn = (): void => {
    this.#isArmed = false;
    this.#untilProbe = this.#turnGets < GROUP_KEYS_MIN ? PROBE_EVERY : 0;
    this.#turnGets = 0;
    this.answer();
  };

  constructor(reader: GetReader) {
    this.#reader = reader;
  }

  get(key: Key): Promise<Value | undefined> {
    try {
      return this.#isAlone() ? Promise.resolve(this.#reader.getOne(key)) : this.#add(key);
    } catch (error) {
      return Promise.reject(asStoreError(error));
    }
  }

  #isAlone(): boolean {
    // a caller's function that resolves siblings may get something, too
    if (this.#isAnswering) return true;
    return this.#untilProbe > 0 && --this.#untilProbe > 0;
  }

  #add(key: Key): Promise<Value | undefined> {
    this.#reader.gather(this.#count, key);
    const promise = new Promise<Value | undefined>(this.#keepSettle);
    this.#keys[this.#count] = key;
    this.#settles[this.#count] = this.#settle;
    this.#count++;
    this.#turnGets++;
    if (!this.#isArmed) {
      this.#isArmed = true;
      queueMicrotask(this.#endTurn);
    }
    if (this.#count === GROUP_KEYS) this.answer();
    return promise;
  }

  /** Answers what has been gathered so far. */
  answer(): void {
    const count = this.#count;
    if (count === 0) return;
    this.#count = 0;
    this.#isAnswering = true;
    this.#reader.getGathered(count, this.#values);
    for (let i = 0; i < count; i++) {
      const value = this.#values[i];
      this.#settles[i](value === NOT_PLAIN ? this.#getOne(this.#keys[i]) : (value as Value | undefined));
      this.#values[i] = undefined;
    }
    this.#isAnswering = false;
  }

  #getOne(key: Key): Answer {
    try {
      return this.#reader.getOne(key);
    } catch (error) {
      return Promise.reject(asStoreError(error));
    }
  }
}
