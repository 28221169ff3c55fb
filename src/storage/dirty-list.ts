/**
 * Which records of a partition the base table lacks: positions in the order of writing, superseded ones included, and
 * the same in key order for flushes and scans.
 */
import { RECORD_HEADER_BYTES, Rec, slotOfRecord } from '../protocol/record.js';
import { type Arena, wordOf } from './arena.js';
import type { HotIndex } from './hot-index.js';

const NONE = new Int32Array(0);

/** A growing list of positions; 4 bytes each. */
export class DirtyList {
  #items = NONE;
  length = 0;
  /** How often positions have gone from it, but to another list. */
  shrinks = 0;

  push(position: number): void {
    if (this.length === this.#items.length) {
      const grown = new Int32Array(Math.max(16, this.length * 2));
      grown.set(this.#items);
      this.#items = grown;
    }
    this.#items[this.length++] = position;
  }

  pop(): void {
    this.length--;
    this.shrinks++;
  }

  at(index: number): number {
    return this.#items[index] >>> 0;
  }

  /** Forgets those before a position; the others keep their order. */
  dropBefore(position: number): void {
    const count = this.#countBefore(position);
    if (count === 0) return;
    this.#items = this.#items.slice(count, this.length);
    this.length -= count;
    this.shrinks++;
  }

  /** Positions grow along the list: how many are before this one. */
  #countBefore(position: number): number {
    let from = 0;
    let to = this.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (((this.at(middle) - position) | 0) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  clear(): void {
    if (this.length > 0) this.shrinks++;
    this.#empty();
  }

  #empty(): void {
    this.length = 0;
    this.#items = NONE;
  }

  /** Moves everything to `other`, behind what it holds, and is empty then. */
  moveTo(other: DirtyList): void {
    if (other.length === 0) {
      other.#items = this.#items;
      other.length = this.length;
    } else {
      for (let i = 0; i < this.length; i++) other.push(this.#items[i]);
    }
    this.#empty();
  }
}

/** Positions that wait to be sorted into their partitions' lists. */
const RECENT_MAX = 1_024;

/**
 * The lists of all partitions. What is staged waits in one short list first: entering a thousand records at once waits for
 * the memory of many partitions' lists together, instead of for that of one with each write.
 */
export class DirtyLists {
  readonly partitions: number;
  readonly #lists: readonly DirtyList[];
  readonly #recent = new Int32Array(RECENT_MAX);
  readonly #recentPartitions = new Uint16Array(RECENT_MAX);
  #recentLength = 0;
  readonly #arena: Arena;
  readonly #slotShift: number;

  constructor(arena: Arena, partitions: number, slotShift: number) {
    this.partitions = partitions;
    this.#lists = Array.from({ length: partitions }, () => new DirtyList());
    this.#arena = arena;
    this.#slotShift = slotShift;
  }

  /** The record at this position was staged. */
  push(position: number): void {
    if (this.#recentLength === RECENT_MAX) this.#distribute();
    this.#recent[this.#recentLength] = position;
    this.#recentPartitions[this.#recentLength++] = this.#partitionOf(wordOf(position));
  }

  /** Takes back the record that was staged last: it stands at word `at`. */
  pop(at: number): void {
    if (this.#recentLength > 0) this.#recentLength--;
    else this.#lists[this.#partitionOf(at)].pop();
  }

  /** The list of a partition, with everything staged by now. */
  of(partition: number): DirtyList {
    if (this.#recentLength > 0) this.#distribute();
    return this.#lists[partition];
  }

  #distribute(): void {
    for (let i = 0; i < this.#recentLength; i++) {
      this.#lists[this.#recentPartitions[i]].push(this.#recent[i]);
    }
    this.#recentLength = 0;
  }

  #partitionOf(at: number): number {
    return slotOfRecord(this.#arena.words, at) >>> this.#slotShift;
  }
}

/** The live ones of a partition's dirty records as word indices, in byte order of their keys; as of some time. */
export interface DirtySort {
  readonly sorted: Int32Array;
  /** Positions of the lists that it has seen, and how often these had shrunk by then. */
  readonly seen: number;
  readonly shrinks: number;
}

/**
 * Sorts what the lists hold, one behind the other. An earlier sort takes in what came since, so that a page of a partition
 * that is being written costs what was written, not what is dirty; it is used up.
 */
export function sortDirty(lists: readonly DirtyList[], arena: Arena, index: HotIndex, earlier?: DirtySort): DirtySort {
  const seen = lists.reduce((sum, { length }) => sum + length, 0);
  const shrinks = lists.reduce((sum, list) => sum + list.shrinks, 0);
  if (earlier?.shrinks !== shrinks) return { sorted: sortedLive(lists, arena, index, 0), seen, shrinks };
  if (earlier.seen === seen) return earlier;
  const sorted = merged(earlier.sorted, sortedLive(lists, arena, index, earlier.seen), arena);
  return { sorted, seen, shrinks };
}

/** The live positions of these lists as word indices, in byte order of their keys; without the first `seen` of them. */
export function sortedLive(lists: readonly DirtyList[], arena: Arena, index: HotIndex, seen: number): Int32Array {
  const { words, bytes } = arena;
  const live: number[] = [];
  let skipped = seen;
  for (const list of lists) {
    for (let i = Math.min(skipped, list.length); i < list.length; i++) {
      const position = list.at(i);
      const at = wordOf(position);
      if (index.slotOf(words[at + Rec.keyHash], position) >= 0) live.push(at);
    }
    skipped = Math.max(0, skipped - list.length);
  }
  const prefixes = new Float64Array(live.length);
  for (let i = 0; i < live.length; i++) prefixes[i] = keyPrefix(bytes, words, live[i]);
  const order = Array.from(live.keys());
  order.sort((a, b) => prefixes[a] - prefixes[b] || compareKeys(words, bytes, live[a], live[b]));
  return Int32Array.from(order, (at) => live[at]);
}

/** `newer` takes the place of what it supersedes in `sorted`, and stands between the rest. */
function merged(sorted: Int32Array, newer: Int32Array, { words, bytes }: Arena): Int32Array {
  const added: number[] = [];
  const places: number[] = [];
  let place = 0;
  for (const at of newer) {
    place = placeOf(sorted, at, place, (a, b) => compareKeys(words, bytes, a, b));
    if (place < sorted.length && compareKeys(words, bytes, sorted[place], at) === 0) {
      sorted[place] = at;
    } else {
      added.push(at);
      places.push(place);
    }
  }
  if (added.length === 0) return sorted;
  const grown = new Int32Array(sorted.length + added.length);
  let from = 0;
  for (let i = 0; i < added.length; i++) {
    grown.set(sorted.subarray(from, places[i]), from + i);
    from = places[i];
    grown[from + i] = added[i];
  }
  grown.set(sorted.subarray(from), from + added.length);
  return grown;
}

/** Index of the first from `low` on that is not before `at`. */
function placeOf(sorted: Int32Array, at: number, low: number, compare: (a: number, b: number) => number): number {
  let from = low;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (compare(sorted[middle], at) < 0) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The first six bytes of a key as a number; shorter keys are padded with zeros. */
function keyPrefix(bytes: Buffer, words: Int32Array, at: number): number {
  const start = at * 4 + RECORD_HEADER_BYTES;
  const length = words[at + Rec.keySlot] & 0xffff;
  let prefix = 0;
  for (let i = 0; i < 6; i++) prefix = prefix * 256 + (i < length ? bytes[start + i] : 0);
  return prefix;
}

function compareKeys(words: Int32Array, bytes: Buffer, a: number, b: number): number {
  const aStart = a * 4 + RECORD_HEADER_BYTES;
  const bStart = b * 4 + RECORD_HEADER_BYTES;
  const aEnd = aStart + (words[a + Rec.keySlot] & 0xffff);
  const bEnd = bStart + (words[b + Rec.keySlot] & 0xffff);
  return bytes.compare(bytes, bStart, bEnd, aStart, aEnd);
}
