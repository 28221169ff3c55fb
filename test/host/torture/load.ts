/**
 * A mixed load on a store: lanes that put, delete and read numbered operations on keys of their own, lanes that do so in
 * mode `available`, and lanes that fill carts together. What each call promised goes into the ledger; what each strict
 * read shows is checked at once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mode, Store } from '../../../src/index.js';
import type { Random } from '../../../src/sim/random.js';
import { Carts } from './carts.js';
import type { Latencies } from './latencies.js';
import { isDelete, Ledger } from './ledger.js';

export const DEADLINE_MS = 3_000;
const STRICT_LANES = 10;
const AVAILABLE_LANES = 3;
const CART_LANES = 4;
const CARTS = 2;
const KEYS_PER_LANE = 60;
const BATCH = 4;
const PAUSE_MS_MAX = 4;
/** Larger values make a node flush and evict while it is tortured. */
const VALUE_BYTES_MAX = 3_000;

export interface LoadParts {
  readonly store: Store;
  readonly random: Random;
  readonly latencies: Latencies;
}

export class Load {
  readonly ledger = new Ledger();
  readonly carts = new Carts(CARTS, this.ledger);
  readonly #parts: LoadParts;
  #running: Promise<unknown> = Promise.resolve();
  #isOver = true;

  constructor(parts: LoadParts) {
    this.#parts = parts;
  }

  /** In mode `available` all lanes use it; else some do. */
  start(mode: Mode = 'strict'): void {
    this.#isOver = false;
    const lanes = [
      ...range(STRICT_LANES).map((lane) => this.#lane(() => this.#step(`${mode}-${lane}`, mode))),
      ...range(AVAILABLE_LANES).map((lane) => this.#lane(() => this.#step(`spare-${lane}`, 'available'))),
      ...range(CART_LANES).map((lane) => this.#lane(() => this.#addToCart(lane % CARTS))),
    ];
    this.#running = Promise.all(lanes);
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  /** Runs something while no request is under way. */
  async quietly(during: () => Promise<void>): Promise<void> {
    await this.stop();
    await during();
    this.start();
  }

  /** Every key of the ledger is read. */
  async check(store: Store, when: string): Promise<void> {
    const { ledger } = this;
    for (const key of ledger.keys) ledger.check(key, numberOf(await store.get(key)), ledger.settled(key), when);
    await this.carts.check(store, when);
  }

  async #lane(step: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await step();
      await sleep(this.#parts.random.below(PAUSE_MS_MAX + 1));
    }
  }

  async #step(lane: string, mode: Mode): Promise<void> {
    const { random } = this.#parts;
    const index = random.below(KEYS_PER_LANE);
    const dice = random.below(100);
    if (dice < 55) await this.#write(`${lane}-${index}`, mode);
    else if (dice < 60)
      await this.#writeMany(
        range(BATCH).map((i) => `${lane}-${(index + i) % KEYS_PER_LANE}`),
        mode,
      );
    else await this.#read(`${mode}-${random.below(STRICT_LANES)}-${index}`, mode, dice >= 95);
  }

  async #write(key: string, mode: Mode): Promise<void> {
    const { store, latencies } = this.#parts;
    const number = this.ledger.begin(key);
    const options = { mode, deadlineMs: DEADLINE_MS };
    try {
      await latencies.time('write', DEADLINE_MS, () =>
        isDelete(number) ? store.delete(key, options) : store.put(key, this.#value(number), options),
      );
      this.ledger.acknowledge(key, number);
    } catch (error) {
      this.ledger.fail(key, number, error);
    }
  }

  async #writeMany(keys: readonly string[], mode: Mode): Promise<void> {
    const { store, latencies } = this.#parts;
    const writes = keys.map((key) => {
      let number = this.ledger.begin(key);
      while (isDelete(number)) number = this.ledger.begin(key);
      return { key, number };
    });
    const pairs = writes.map(({ key, number }) => [key, this.#value(number)] as const);
    try {
      await latencies.time('write', DEADLINE_MS, () => store.putMany(pairs, { mode, deadlineMs: DEADLINE_MS }));
      for (const { key, number } of writes) this.ledger.acknowledge(key, number);
    } catch (error) {
      for (const { key, number } of writes) this.ledger.fail(key, number, error, { alone: false });
    }
  }

  async #read(key: string, mode: Mode, monotonic: boolean): Promise<void> {
    const { store, latencies } = this.#parts;
    const since = this.ledger.settled(key);
    const options = { mode, monotonic, deadlineMs: DEADLINE_MS };
    try {
      const value = await latencies.time('read', DEADLINE_MS, () => store.get(key, options));
      // a sloppy read promises nothing as long as some nodes are away
      if (mode === 'strict') this.ledger.check(key, numberOf(value), since, 'during the load');
    } catch (error) {
      this.ledger.count(error);
    }
  }

  async #addToCart(cart: number): Promise<void> {
    const { store } = this.#parts;
    await this.carts.add(store, cart).catch((error: unknown) => this.ledger.count(error));
  }

  #value(number: number): string {
    return `${number} `.padEnd(this.#parts.random.below(VALUE_BYTES_MAX), '.');
  }
}

/** The number of the operation that wrote the value. */
function numberOf(value: unknown): number | undefined {
  return value === undefined ? undefined : Number.parseInt(String(value), 10);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
