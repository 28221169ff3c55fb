/**
 * What a killed process has acknowledged, and what its directory must therefore hold. A lane writes its own keys one
 * operation at a time, so behind the last acknowledged number at most one more can have happened.
 */
import type { OpenStoreOptions, Store } from '../../src/index.js';
import { patiently } from '../client/store-fixture.js';

export const SETTINGS: OpenStoreOptions = {
  nodes: 3,
  partitions: 16,
  memoryBytes: 9 * 2 ** 20,
  logBytesMax: 16 * 2 ** 20,
};
export const LANES = 16;
export const BATCH = 20;
const KEYS = 25;

export const isDelete = (number: number): boolean => number % 7 === 0;
export const keyOf = (lane: number, number: number): string => `lane-${lane}-${number % KEYS}`;
/** From a few bytes to some KB, so that blocks tear in every place. */
export const textOf = (key: string, number: number): string => `${number} ${key} `.padEnd((number * 37) % 3_000, '.');

/** What a node says that is slow on a loaded machine: nothing was decided, ask again. */
const SLOW: ReadonlySet<string> = new Set(['KV_READ_QUORUM_UNMET', 'KV_DEADLINE_EXCEEDED']);

/** Marks a deleted key, or one that was never there. */
const ABSENT = 'absent';

export class Ledger {
  acknowledged = 0;
  readonly #states = new Map<string, string>();
  /** The one operation of each lane that may have happened too. */
  readonly #maybe = new Map<string, string>();
  readonly #batches = new Set<number>();

  /** Reads what the killed process has printed; a torn last line was not acknowledged. */
  take(text: string, first: number): void {
    const last = new Map<number, number>();
    for (const line of text.split('\n').slice(0, -1)) {
      const [lane, number] = line.split(' ').map(Number);
      this.acknowledged++;
      if (line.startsWith('batch')) {
        this.#batches.add(number);
        continue;
      }
      this.#states.set(keyOf(lane, number), stateOf(lane, number));
      last.set(lane, number);
    }
    this.#maybe.clear();
    for (let lane = 0; lane < LANES; lane++) {
      const next = (last.get(lane) ?? first - 1) + 1;
      this.#maybe.set(keyOf(lane, next), stateOf(lane, next));
    }
  }

  /** Acknowledged writes that the store does not show; what it shows is the state from here on. */
  async lost(store: Store): Promise<string[]> {
    const lost: string[] = [];
    for (const key of new Set([...this.#states.keys(), ...this.#maybe.keys()])) {
      const seen = String((await patiently(() => store.get(key), SLOW)) ?? ABSENT);
      const held = this.#states.get(key) ?? ABSENT;
      if (seen !== held && seen !== this.#maybe.get(key))
        lost.push(`${key}: ${seen.slice(0, 40)}, not ${held.slice(0, 40)}`);
      this.#states.set(key, seen);
    }
    for (const number of this.#batches) {
      const keys = Array.from({ length: BATCH }, (_, index) => `batch-${number}-${index}`);
      const values = await patiently(() => store.getMany(keys), SLOW);
      for (const [index, key] of keys.entries()) if (values[index] !== textOf(key, number)) lost.push(key);
    }
    return lost;
  }
}

function stateOf(lane: number, number: number): string {
  return isDelete(number) ? ABSENT : textOf(keyOf(lane, number), number);
}
