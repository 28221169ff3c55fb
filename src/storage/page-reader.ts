/**
 * Ordered pages of one partition: the sorted dirty records of the hot table merged with the base table's range, the hot
 * one winning where both hold a key. The sort is kept for the next page, which takes in what was written meanwhile.
 */
import type { PageRequest } from '../actor/ports.js';
import { StoreError } from '../core/errors.js';
import { RECORD_BYTES_MAX } from '../protocol/limits.js';
import { isForgotten, keyBytesOf, RECORD_HEADER_BYTES } from '../protocol/record.js';
import type { Arena } from './arena.js';
import type { BasePair, BaseRange, BaseTable } from './base-table.js';
import type { DirtySort } from './dirty-list.js';
import type { Flusher } from './flusher.js';

type Emit = (words: Int32Array, at: number) => boolean;

const SORTS_KEPT = 8;

export class PageReader {
  readonly #arena: Arena;
  readonly #flusher: Flusher;
  readonly #base: BaseTable;
  readonly #sorts = new Map<number, DirtySort>();
  #scratch = new Int32Array(4096);

  constructor(arena: Arena, flusher: Flusher, base: BaseTable) {
    this.#arena = arena;
    this.#flusher = flusher;
    this.#base = base;
  }

  /**
   * Emits records in key order until `emit` returns false or `request.limit` is reached.
   * @returns whether more may follow
   */
  read(partition: number, request: PageRequest, emit: Emit): boolean {
    const limit = request.limit ?? Number.POSITIVE_INFINITY;
    const hot = this.#sorted(partition);
    const step = request.reverse === true ? -1 : 1;
    let next = this.#start(hot, request, step);
    const onCorrupt = (key: Uint8Array) => this.#onCorrupt(key, hot, request);
    const disk = this.#base.range(partition, { ...rangeOf(request), onCorrupt });
    let pair = nextPair(disk);
    for (let emitted = 0; emitted < limit; emitted++) {
      const at = next >= 0 && next < hot.length && this.#within(hot[next], request) ? hot[next] : -1;
      if (at < 0 && pair === undefined) return false;
      const order = at < 0 ? 1 : pair === undefined ? -1 : this.#compare(at, pair.key) * step;
      if (order <= 0 && isForgotten(this.#arena.words, at)) {
        next += step;
        if (order === 0) pair = nextPair(disk);
        emitted--;
        continue;
      }
      if (order <= 0 ? !emit(this.#arena.words, at) : !this.#emitPair(pair as BasePair, emit)) return true;
      if (order <= 0) next += step;
      if (order >= 0) pair = nextPair(disk);
    }
    return true;
  }

  /** What has a newer record in memory is only damaged until the flush replaces it. @throws StoreError KV_CORRUPT */
  #onCorrupt(key: Uint8Array, hot: Int32Array, { onCorrupt }: PageRequest): void {
    const place = this.#place(hot, key);
    if (place < hot.length && this.#compare(hot[place], key) === 0) return;
    if (onCorrupt === undefined) throw new StoreError('KV_CORRUPT', 'a record of the page does not fit its checksum');
    onCorrupt(key);
  }

  #emitPair(pair: BasePair, emit: Emit): boolean {
    const bytes = Math.min(pair.record.length, RECORD_BYTES_MAX);
    if (this.#scratch.length * 4 < bytes) this.#scratch = new Int32Array(bytes / 4);
    new Uint8Array(this.#scratch.buffer).set(pair.record);
    return emit(this.#scratch, 0);
  }

  #sorted(partition: number): Int32Array {
    const sort = this.#flusher.dirtyOf(partition, this.#sorts.get(partition));
    this.#sorts.delete(partition);
    this.#sorts.set(partition, sort);
    for (const oldest of this.#sorts.keys()) {
      if (this.#sorts.size <= SORTS_KEPT) break;
      this.#sorts.delete(oldest);
    }
    return sort.sorted;
  }

  /** Index of the first sorted record within the bounds, in the direction of the page. */
  #start(hot: Int32Array, request: PageRequest, step: number): number {
    const bound = step > 0 ? (request.gt ?? request.gte) : (request.lt ?? request.lte);
    if (bound === undefined) return step > 0 ? 0 : hot.length - 1;
    const inclusive = (step > 0 ? request.gt : request.lt) === undefined;
    const low = this.#place(hot, bound, step > 0 ? !inclusive : inclusive);
    return step > 0 ? low : low - 1;
  }

  /** Index of the first sorted record that is not before the key; with `isBehind` not at it either. */
  #place(hot: Int32Array, key: Uint8Array, isBehind = false): number {
    let low = 0;
    let high = hot.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(hot[middle], key);
      if (order < 0 || (order === 0 && isBehind)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether a record lies before the far bound. */
  #within(at: number, request: PageRequest): boolean {
    const { gt, gte, lt, lte } = request;
    if (request.reverse === true) {
      if (gt !== undefined && this.#compare(at, gt) <= 0) return false;
      return gte === undefined || this.#compare(at, gte) >= 0;
    }
    if (lt !== undefined && this.#compare(at, lt) >= 0) return false;
    return lte === undefined || this.#compare(at, lte) <= 0;
  }

  #compare(at: number, key: Uint8Array): number {
    const start = at * 4 + RECORD_HEADER_BYTES;
    return this.#arena.bytes.compare(key, 0, key.length, start, start + keyBytesOf(this.#arena.words, at));
  }
}

function nextPair(range: Generator<BasePair, void, undefined>): BasePair | undefined {
  const { value } = range.next();
  return value ?? undefined;
}

function rangeOf(request: PageRequest): BaseRange {
  const { gt, gte, lt, lte, reverse } = request;
  return {
    ...(gt !== undefined && { gt }),
    ...(gte !== undefined && { gte }),
    ...(lt !== undefined && { lt }),
    ...(lte !== undefined && { lte }),
    ...(reverse !== undefined && { reverse }),
  };
}
