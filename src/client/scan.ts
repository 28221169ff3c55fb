/**
 * Ordered scans over all partitions: a heap merges one cursor for each partition, each of which pages through R replicas
 * and joins what they hold. Bounded in memory: two pages a cursor at most; not a snapshot.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { asStoreError, StoreError } from '../core/errors.js';
import { mergeSets, type SiblingSet } from '../core/siblings.js';
import type { RingTable } from '../host/ring-table.js';
import type { MessageView } from '../protocol/header.js';
import { Page } from '../protocol/messages.js';
import { errorOf, isSuccess } from '../protocol/outcome.js';
import { keyBytesOf, RECORD_HEADER_BYTES, sizeOf } from '../protocol/record.js';
import { decodeRecord } from '../protocol/record-set.js';
import { aborted, type ReadOrder } from './call-options.js';
import type { ScanBounds } from './scan-bounds.js';
import type { Seat } from './seat.js';
import { unlessAborted } from './unless-aborted.js';
import { askPage, type Replica } from './vnode-calls.js';

export interface Entry {
  readonly key: Buffer;
  readonly set: SiblingSet;
}

interface ReplicaPage {
  readonly entries: readonly Entry[];
  readonly more: boolean;
}

/** Pages asked for at the same time when a scan begins. */
const PARALLEL_PAGES = 32;
const STALE = Symbol('stale');
const STALE_PAUSE_MS = 20;

/** What a scan needs of its store. */
export interface ScanParts {
  readonly seat: Replica['seat'] & Pick<Seat, 'isUp' | 'isQuiet' | 'nodesUp'>;
  readonly requests: Replica['requests'];
  /** Who holds each partition. */
  readonly ring: Pick<RingTable, 'readList' | 'version' | 'epoch'>;
  readonly partitions: number;
  /** The one partition to scan, where not all are. */
  readonly only?: number;
}

/** Entries of the whole store in key order, tombstones and expired ones included. @throws StoreError KV_READ_QUORUM_UNMET */
export async function* scanEntries(
  parts: ScanParts,
  bounds: ScanBounds,
  order: ReadOrder,
): AsyncGenerator<Entry, void, undefined> {
  const sign = bounds.reverse ? -1 : 1;
  const heap: Cursor[] = [];
  const { only, partitions } = parts;
  const { signal } = order;
  const scanned = only === undefined ? Array.from({ length: partitions }, (_, partition) => partition) : [only];
  const cursors = scanned.map((partition) => new Cursor(parts, partition, bounds, order));
  for (let i = 0; i < cursors.length; i += PARALLEL_PAGES) {
    const group = cursors.slice(i, i + PARALLEL_PAGES);
    await unlessAborted(Promise.all(group.map((cursor) => cursor.fill())), signal);
    for (const cursor of group) if (cursor.head !== undefined) push(heap, cursor, sign);
  }
  while (heap.length > 0) {
    const cursor = heap[0];
    yield cursor.head as Entry;
    // the pages at hand may be the last ones: no other would notice it
    if (signal?.aborted === true) throw aborted(signal);
    cursor.advance();
    if (cursor.head === undefined) await unlessAborted(cursor.fill(), signal);
    if (cursor.head === undefined) {
      const last = heap.pop() as Cursor;
      if (heap.length === 0) return;
      if (last !== cursor) heap[0] = last;
    }
    sink(heap, sign);
  }
}

/** One partition's place in a scan. */
class Cursor {
  readonly #parts: ScanParts;
  readonly #partition: number;
  readonly #order: ReadOrder;
  #bounds: ScanBounds;
  /** Of the ring that the last page was asked by. */
  #epoch = 0;
  #entries: readonly Entry[] = [];
  #next = 0;
  #more = true;

  constructor(parts: ScanParts, partition: number, bounds: ScanBounds, order: ReadOrder) {
    this.#parts = parts;
    this.#partition = partition;
    this.#bounds = bounds;
    this.#order = order;
  }

  get head(): Entry | undefined {
    return this.#entries[this.#next];
  }

  advance(): void {
    this.#next++;
  }

  /** Fetches the next page of R replicas and joins them, up to where all of them have been seen. */
  async fill(): Promise<void> {
    while (this.head === undefined && this.#more) {
      const { signal } = this.#order;
      if (signal?.aborted === true) throw aborted(signal);
      const pages = await this.#pages();
      const sign = this.#bounds.reverse ? -1 : 1;
      const { entries, more } = joinPages(pages, sign);
      this.#entries = entries;
      this.#next = 0;
      this.#more = more && entries.length > 0;
      const last = entries.at(-1);
      if (last !== undefined) this.#bounds = beyond(this.#bounds, last.key);
    }
  }

  /** A page of each of R replicas, all of one ring: a list that was replaced meanwhile may have forgotten. */
  async #pages(): Promise<ReplicaPage[]> {
    const { ring } = this.#parts;
    const untilMs = performance.now() + this.#order.deadlineMs;
    for (;;) {
      const { nodes, version } = ring.readList(this.#partition);
      this.#epoch = ring.epoch;
      const { seat } = this.#parts;
      // those of which nothing is heard at present come last
      const up = nodes
        .filter((node) => seat.isUp(node))
        .sort((a, b) => Number(seat.isQuiet(a)) - Number(seat.isQuiet(b)));
      const isSloppy = this.#order.available && up.length < this.#order.r;
      const pages = await this.#pagesOf(isSloppy ? this.#everybody(nodes) : up, isSloppy);
      if (pages !== STALE && ring.version === version) return pages;
      if (performance.now() > untilMs) throw unmet(this.#order.r, 0);
      // the nodes know a newer ring, which this host is about to learn
      if (pages === STALE) await sleep(STALE_PAUSE_MS);
    }
  }

  /** The holders that are up, and all other nodes: some of them stand in, and nobody knows which. */
  #everybody(holders: readonly number[]): number[] {
    const { seat } = this.#parts;
    const others = seat.nodesUp().filter((node) => !holders.includes(node));
    return [...holders.filter((node) => seat.isUp(node)), ...others];
  }

  /** At least R pages; of all nodes in the first go where `isWide`. STALE where a node knows a newer ring. */
  async #pagesOf(nodes: number[], isWide: boolean): Promise<ReplicaPage[] | typeof STALE> {
    const { r } = this.#order;
    const pages: ReplicaPage[] = [];
    let batch = isWide ? nodes.length : r;
    while (pages.length < r) {
      const asked = nodes.splice(0, batch);
      if (asked.length + pages.length < r) throw unmet(r, pages.length);
      const answers = await Promise.allSettled(asked.map((node) => this.#ask(node)));
      for (const answer of answers) {
        if (answer.status === 'fulfilled') pages.push(answer.value);
        else if (asStoreError(answer.reason).code === 'KV_STALE_EPOCH') return STALE;
      }
      batch = r - pages.length;
    }
    return pages;
  }

  #ask(node: number): Promise<ReplicaPage> {
    const { seat, requests } = this.#parts;
    const { deadlineMs } = this.#order;
    const replica = { seat, requests, node, partition: this.#partition, epoch: this.#epoch, deadlineMs };
    return askPage(replica, this.#bounds, decodePage);
  }
}

function decodePage(message: MessageView): ReplicaPage {
  const outcome = message.u32(Page.outcome);
  if (!isSuccess(outcome)) throw new StoreError(errorOf(outcome), 'a replica could not read a page of a scan');
  const detail = message.u32(Page.detail);
  const entries: Entry[] = [];
  let at = message.at + Page.records;
  for (let i = 0; i < detail >>> 1; i++) {
    const start = at * 4 + RECORD_HEADER_BYTES;
    const key = Buffer.from(message.bytes.subarray(start, start + keyBytesOf(message.words, at)));
    entries.push({ key, set: decodeRecord(message.words, message.bytes, at) });
    at += sizeOf(message.words, at) / 4;
  }
  return { entries, more: (detail & 1) === 1 };
}

/** Joins pages of replicas, up to the nearest last key of a page that has more behind it: beyond, a replica is unseen. */
function joinPages(pages: readonly ReplicaPage[], sign: number): ReplicaPage {
  if (pages.length === 1) return pages[0];
  let end: Buffer | undefined;
  for (const { entries, more } of pages) {
    const last = more ? entries.at(-1)?.key : undefined;
    if (last !== undefined && (end === undefined || last.compare(end) * sign < 0)) end = last;
  }
  const joined: Entry[] = [];
  const next = pages.map(() => 0);
  for (;;) {
    let key: Buffer | undefined;
    for (const [i, { entries }] of pages.entries()) {
      const candidate = entries[next[i]]?.key;
      if (candidate !== undefined && (key === undefined || candidate.compare(key) * sign < 0)) key = candidate;
    }
    if (key === undefined || (end !== undefined && key.compare(end) * sign > 0)) break;
    let set: SiblingSet | undefined;
    for (const [i, { entries }] of pages.entries()) {
      const entry = entries[next[i]];
      if (entry === undefined || entry.key.compare(key) !== 0) continue;
      set = set === undefined ? entry.set : mergeSets(set, entry.set);
      next[i]++;
    }
    joined.push({ key, set: set as SiblingSet });
  }
  return { entries: joined, more: end !== undefined };
}

/** The bounds of what follows this key. */
function beyond(bounds: ScanBounds, key: Buffer): ScanBounds {
  const { gt: _gt, gte: _gte, lt: _lt, lte: _lte, ...rest } = bounds;
  if (bounds.reverse) {
    const low = bounds.gt !== undefined ? { gt: bounds.gt } : bounds.gte !== undefined ? { gte: bounds.gte } : {};
    return { ...rest, ...low, lt: key };
  }
  const high = bounds.lt !== undefined ? { lt: bounds.lt } : bounds.lte !== undefined ? { lte: bounds.lte } : {};
  return { ...rest, ...high, gt: key };
}

function unmet(needed: number, got: number): StoreError {
  return new StoreError('KV_READ_QUORUM_UNMET', `${got} of the ${needed} replicas needed answered a scan`, {
    needed,
    got,
  });
}

function push(heap: Cursor[], cursor: Cursor, sign: number): void {
  heap.push(cursor);
  let child = heap.length - 1;
  while (child > 0) {
    const parent = (child - 1) >>> 1;
    if (compare(heap[parent], heap[child]) * sign <= 0) return;
    [heap[parent], heap[child]] = [heap[child], heap[parent]];
    child = parent;
  }
}

function sink(heap: Cursor[], sign: number): void {
  let parent = 0;
  for (;;) {
    const left = parent * 2 + 1;
    if (left >= heap.length) return;
    const right = left + 1;
    const child = right < heap.length && compare(heap[right], heap[left]) * sign < 0 ? right : left;
    if (compare(heap[parent], heap[child]) * sign <= 0) return;
    [heap[parent], heap[child]] = [heap[child], heap[parent]];
    parent = child;
  }
}

function compare(a: Cursor, b: Cursor): number {
  return (a.head as Entry).key.compare((b.head as Entry).key);
}
