/**
 * The storage of one node behind the `Store` port: commit log, hot table, bloom filter and base table as one.
 *
 *   write   reserve -> (the vnode fills the record in) -> stage -> commit (log, sync) -> publish
 *   read    find: hot table -> bloom filter -> base table, which puts what it found back into the hot table
 *
 * One thread, the node's own. Between turns `maintain` makes room, flushes, syncs by interval and rebuilds the filter.
 */
import type { PageRequest, Store } from '../actor/ports.js';
import { StoreError } from '../core/errors.js';
import { type Clock, clock, type PartitionId, type ReplicaId } from '../core/ids.js';
import { Flag, keyBytesOf, Rec, sizeOf, slotOfRecord } from '../protocol/record.js';
import { Arena, wordOf } from './arena.js';
import type { BaseTable } from './base-table.js';
import { BloomFilter } from './bloom-filter.js';
import type { CommitLog } from './commit-log.js';
import { Flusher } from './flusher.js';
import { HotIndex } from './hot-index.js';
import type { NodeMemory } from './node-memory.js';
import { PageReader } from './page-reader.js';
import { Reclaimer } from './reclaimer.js';
import { TurnLog } from './turn-log.js';

export interface EngineParts {
  readonly memory: NodeMemory;
  readonly base: BaseTable;
  readonly partitions: number;
  readonly replica: ReplicaId;
}

/** Bytes of a key in words: the longest key, padded. */
const KEY_SCRATCH_BYTES = 2048;

export class Engine implements Store {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly replica: ReplicaId;
  readonly arena: Arena;
  readonly index: HotIndex;
  readonly bloom: BloomFilter;
  readonly base: BaseTable;
  readonly flusher: Flusher;
  readonly reclaimer: Reclaimer;
  refusal = 0;
  /** Keys staged that the node did not hold, less what a flush has counted; tombstones staged over live records. */
  newKeys = 0;
  #clock: Clock = clock(0);
  #log: CommitLog | undefined;
  #turn: TurnLog | undefined;
  readonly #slotShift: number;
  readonly #pages: PageReader;
  readonly #keyWords = new Int32Array(KEY_SCRATCH_BYTES / 4);
  readonly #keyBytes = Buffer.from(this.#keyWords.buffer);
  /** Word index and previous position of what the handler under way has staged, two numbers each. */
  readonly #staged: number[] = [];

  constructor(parts: EngineParts) {
    this.arena = new Arena(parts.memory);
    this.index = new HotIndex(parts.memory);
    this.bloom = new BloomFilter(new Int32Array(parts.memory.bloom));
    this.base = parts.base;
    this.replica = parts.replica;
    this.words = this.arena.words;
    this.bytes = this.arena.bytes;
    this.reclaimer = new Reclaimer(this.arena, this.index);
    this.#slotShift = 14 - Math.log2(parts.partitions);
    const { arena, index, base, bloom } = this;
    this.flusher = new Flusher({ arena, index, base, bloom, partitions: parts.partitions });
    this.#pages = new PageReader(arena, this.flusher, base);
  }

  /** Gives the engine its log, once recovery knows where it goes on. */
  attachLog(log: CommitLog): void {
    this.#log = log;
    this.#turn = new TurnLog(this.arena, log);
  }

  get log(): CommitLog {
    return this.#log as CommitLog;
  }

  get #writing(): TurnLog {
    return this.#turn as TurnLog;
  }

  get nextCounter(): number {
    return this.log.nextSequence;
  }

  get clock(): Clock {
    return this.#clock;
  }

  set clock(seen: Clock) {
    if (seen > this.#clock) this.#clock = seen;
  }

  /** Bytes reserved in this turn, for the loop to end it in time. */
  get turnBytes(): number {
    return this.#writing.turnBytes;
  }

  /** Share of the arena that waits for the flush, 0..1. */
  get dirtyShare(): number {
    return this.dirtyBytes / (this.arena.capacityUnits * 8);
  }

  get dirtyBytes(): number {
    const tailToFlushed = distanceUnits(this.arena, this.flusher.flushed);
    return Math.max(0, this.arena.usedUnits - tailToFlushed) * 8;
  }

  find(words: Int32Array, hash: number, keySlot: number, keyAt: number): number {
    const position = this.index.find(words, hash, keySlot, keyAt);
    if (position !== 0) return wordOf(position);
    if (!this.bloom.mayContain(hash, keySlot >>> 16)) return -1;
    return this.#findOnDisk(words, keySlot, keyAt);
  }

  #findOnDisk(words: Int32Array, keySlot: number, keyAt: number): number {
    const keyBytes = keySlot & 0xffff;
    const keyWords = (keyBytes + 3) >>> 2;
    for (let i = 0; i < keyWords; i++) this.#keyWords[i] = words[keyAt + i];
    const partition = (keySlot >>> 16) >>> this.#slotShift;
    const record = this.base.get(partition, this.#keyBytes.subarray(0, keyBytes));
    return record === undefined ? -1 : this.#promote(record);
  }

  /** Copies a record of the base table into the hot table. */
  #promote(record: Buffer): number {
    const at = this.#unlogged(record.length);
    if (at < 0) throw new StoreError('KV_OVERLOADED', 'the hot table waits for the disk; try again');
    record.copy(this.bytes, at * 4);
    this.words[at + Rec.previous] = 0;
    this.index.insert(this.words[at + Rec.keyHash], this.arena.positionAt(at));
    return at;
  }

  #unlogged(bytes: number): number {
    const units = this.#writing.unitsFor(bytes);
    return this.#room(units) ? this.#writing.reserveUnlogged(bytes) : -1;
  }

  #room(units: number): boolean {
    if (this.arena.freeUnits >= units && this.index.entries < this.index.entriesMax) return true;
    return this.reclaimer.makeRoom(units, this.flusher.flushed, noRelocation);
  }

  reserve(bytes: number): number {
    return this.#room(this.#writing.unitsFor(bytes)) ? this.#writing.reserve(bytes) : -1;
  }

  stage(at: number, previous: number): void {
    const { words } = this;
    const position = this.arena.positionAt(at);
    const hash = words[at + Rec.keyHash];
    const before = previous < 0 ? 0 : this.arena.positionAt(previous);
    words[at + Rec.previous] = before;
    if (before === 0) {
      this.index.insert(hash, position);
      this.newKeys++;
    } else this.index.swing(hash, before, position);
    this.flusher.fresh[slotOfRecord(words, at) >>> this.#slotShift].push(position);
    this.#staged.push(at, before);
  }

  requireSync(): void {
    this.#writing.requireSync();
  }

  page(partition: PartitionId, request: PageRequest, emit: (words: Int32Array, at: number) => boolean): boolean {
    return this.#pages.read(partition, request, emit);
  }

  /** What is staged from here can be undone. */
  beginHandler(): void {
    if (this.#staged.length > 0) this.#staged.length = 0;
  }

  /** Takes back everything that the handler under way has staged, newest first. */
  undoHandler(): void {
    for (let i = this.#staged.length - 2; i >= 0; i -= 2) {
      const at = this.#staged[i];
      const before = this.#staged[i + 1];
      const hash = this.words[at + Rec.keyHash];
      const position = this.arena.positionAt(at);
      if (before !== 0) this.index.swing(hash, position, before);
      else this.index.removeSlot(this.index.slotOf(hash, position));
      this.flusher.fresh[slotOfRecord(this.words, at) >>> this.#slotShift].pop();
      this.#writing.withdraw(at);
    }
    this.#staged.length = 0;
  }

  /** Writes the turn to the log. @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED: the node must end */
  commit(): void {
    this.#writing.commit();
  }

  /** Shows the turn to all threads. */
  publish(): void {
    if (this.arena.head !== this.arena.published) this.arena.publish();
  }

  /** Makes room ahead of the next turn, giving records that were read a second lap. */
  makeRoom(bytes: number): boolean {
    const units = bytes >>> 3;
    return this.reclaimer.makeRoom(units, this.flusher.flushed, (at, size) => this.#relocate(at, size));
  }

  #relocate(at: number, bytes: number): number {
    const units = this.#writing.unitsFor(bytes);
    if (this.arena.freeUnits < units) return -1;
    const copy = this.#writing.reserveUnlogged(bytes);
    this.bytes.copyWithin(copy * 4, at * 4, at * 4 + bytes);
    this.words[copy + Rec.previous] = 0;
    return copy;
  }

  /** Enters a record that recovery has put into the arena at this word index. */
  adopt(at: number): void {
    const { words } = this;
    if (((words[at] >>> 24) & Flag.pad) !== 0) return;
    const hash = words[at + Rec.keyHash];
    const position = this.arena.positionAt(at);
    const before = this.index.find(words, hash, words[at + Rec.keySlot], at + Rec.key);
    words[at + Rec.previous] = 0;
    if (before === 0) this.index.insert(hash, position);
    else this.index.swing(hash, before, position);
    this.flusher.fresh[slotOfRecord(words, at) >>> this.#slotShift].push(position);
  }

  /** About how many keys the node holds, tombstones included. */
  get keysAbout(): number {
    return this.base.entryCount + this.newKeys;
  }
}

function noRelocation(): number {
  return -1;
}

/** Units from the arena's tail to a position at or behind it. */
function distanceUnits(arena: Arena, position: number): number {
  const distance = (position & 0x1fff_ffff) - (arena.tail & 0x1fff_ffff);
  const sameLap = position >>> 29 === arena.tail >>> 29;
  return sameLap ? distance : distance + arena.capacityUnits;
}

/** Size and key length that a record claims fit each other: what recovery checks before it walks on. */
export function plausible(words: Int32Array, at: number, endWord: number): boolean {
  const size = sizeOf(words, at);
  return size >= 40 && size % 8 === 0 && at + size / 4 <= endWord && 40 + keyBytesOf(words, at) <= size;
}
