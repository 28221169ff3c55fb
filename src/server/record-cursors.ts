/**
 * Readings of partitions that `KVORUM RECORDS` goes on with page by page: the records of one instant are in this process's
 * memory and in files without names, so a page cannot be found again by its key. A few at a time; one that is not asked for within its life goes.
 */
import { randomInt } from 'node:crypto';
import type { StoredRecord } from '../client/types.js';

/** Each may take 64 MiB of memory. */
export const READINGS_MAX = 8;
/** Life of a reading since it was asked for: the answers to one client come in order, and one to come before may take long. */
export const READING_LIFE_MS = 600_000;
const FIRST_CURSOR_MAX = 2 ** 47;

interface Reading {
  readonly records: AsyncIterator<StoredRecord>;
  life: NodeJS.Timeout | undefined;
}

export class RecordCursors {
  readonly #readings = new Map<number, Reading>();
  #next = randomInt(1, FIRST_CURSOR_MAX);

  constructor(private readonly lifeMs = READING_LIFE_MS) {}

  get size(): number {
    return this.#readings.size;
  }

  /** Keeps a reading under a new cursor; undefined where there are too many. */
  add(records: AsyncIterator<StoredRecord>): number | undefined {
    if (this.#readings.size >= READINGS_MAX) return undefined;
    const cursor = this.#next++;
    this.#readings.set(cursor, { records, life: undefined });
    return cursor;
  }

  /** The reading, which does not end while it is in use; undefined where the cursor is unknown, too old, or in use. */
  take(cursor: number): AsyncIterator<StoredRecord> | undefined {
    const reading = this.#readings.get(cursor);
    if (reading?.life === undefined) return undefined;
    clearTimeout(reading.life);
    reading.life = undefined;
    return reading.records;
  }

  /** Nobody uses it until the next page is asked for. */
  rest(cursor: number): void {
    const reading = this.#readings.get(cursor);
    if (reading !== undefined) reading.life = setTimeout(() => this.end(cursor), this.lifeMs).unref();
  }

  end(cursor: number): void {
    const reading = this.#readings.get(cursor);
    this.#readings.delete(cursor);
    clearTimeout(reading?.life);
    reading?.records.return?.().catch(() => undefined);
  }

  close(): void {
    for (const cursor of [...this.#readings.keys()]) this.end(cursor);
  }
}
