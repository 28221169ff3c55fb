/**
 * The storage of one node behind the `Store` port: commit log, hot table, bloom filter and base table as one.
 *
 *   write   reserve -> (the vnode fills the record in) -> stage -> commit (log, sync) -> publish
 *   read    find: hot table -> bloom filter -> base table; what is found there goes back into the hot table
 *
 * One thread, the node's own. Between turns `maintain` makes room, flushes, syncs by interval and rebuilds the filter.
 */
import type { PageRequest, RecordWatch, Store } from '../actor/ports.js';
import { type Clock, clock, type PartitionId, partitionId, type ReplicaId, SYSTEM_SLOT } from '../core/ids.js';
import { hashesIn } from '../protocol/message-key.js';
import { copyWords, isForgotten, Rec, sizeOf } from '../protocol/record.js';
import { Arena, COPY_OF_BASE, wordOf } from './arena.js';
import type { BaseTable } from './base-table.js';
import { BloomFilter } from './bloom-filter.js';
import { ColdReads } from './cold-reads.js';
import type { CommitLog } from './commit-log.js';
import { Flusher } from './flusher.js';
import { copyHeadAndKey, markerBytes, writeMarker } from './forgotten-marker.js';
import { HotIndex } from './hot-index.js';
import type { NodeMemory } from './node-memory.js';
import { PageReader } from './page-reader.js';
import { Reclaimer } from './reclaimer.js';
import { RecordCounts } from './record-counts.js';
import { tellStaged, tellUnstaged } from './tell-watch.js';
import { TurnLog } from './turn-log.js';
import { NOT_STAGED, UndoLog } from './undo-log.js';

export interface EngineParts {
  readonly memory: NodeMemory;
  readonly base: BaseTable;
  readonly partitions: number;
  readonly replica: ReplicaId;
}

/** Messages whose keys are loaded ahead together. */
const PRELOAD_MAX = 64;
/** Head and key of a record. */
const FORGOTTEN_BYTES_MAX = 2048;

export class Engine implements Store {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  /** Another one where recovery finds the disk to be an older copy; fixed from then on. */
  replica: ReplicaId;
  readonly arena: Arena;
  readonly index: HotIndex;
  readonly bloom: BloomFilter;
  readonly base: BaseTable;
  readonly flusher: Flusher;
  readonly reclaimer: Reclaimer;
  readonly counts: RecordCounts;
  refusal = 0;
  forgets = 0;
  /** Bytes that a turn may add to the log: bounded while its disk is full. */
  logRoomBytes = Number.POSITIVE_INFINITY;
  /** There was no room for a record: what is dirty, or was put behind it, has to be moved. */
  starved = false;
  /** Keeps the loads of `preload` from being optimised away. */
  preloaded = 0;
  readonly systemPartition: PartitionId;
  /** Something logged since the last background sync asked for one. */
  syncSoon = false;
  #clock: Clock = clock(0);
  #log: CommitLog | undefined;
  #writing!: TurnLog;
  readonly slotShift: number;
  readonly #pages: PageReader;
  readonly #cold: ColdReads;
  readonly #forgotten = new Int32Array(FORGOTTEN_BYTES_MAX / 4);
  readonly #hashes = new Int32Array(PRELOAD_MAX);
  readonly #undo = new UndoLog();
  /** Room was made since the handler began: what it found before may be gone. */
  #reclaimed = false;
  /** Whether a key that `find` calls absent may stand in the index as forgotten. */
  mayHoldForgotten = false;
  watch: RecordWatch | undefined;

  constructor(parts: EngineParts) {
    this.arena = new Arena(parts.memory);
    this.index = new HotIndex(parts.memory);
    this.bloom = new BloomFilter(new Int32Array(parts.memory.bloom));
    this.base = parts.base;
    this.replica = parts.replica;
    this.words = this.arena.words;
    this.bytes = this.arena.bytes;
    this.reclaimer = new Reclaimer(this.arena, this.index);
    this.systemPartition = partitionId(parts.partitions);
    this.slotShift = 14 - Math.log2(parts.partitions);
    const { arena, index, base, bloom, slotShift } = this;
    this.flusher = new Flusher({ arena, index, base, bloom, partitions: parts.partitions + 1, slotShift });
    this.counts = new RecordCounts(this.words, base, this.flusher, this.systemPartition);
    this.#pages = new PageReader(arena, this.flusher, base);
    const reserve = (bytes: number) => this.#unlogged(bytes);
    this.#cold = new ColdReads({ arena, index, base, slotShift, reserve, dirtyShare: () => this.dirtyShare });
  }

  /** Gives the engine its log, once recovery knows where it goes on. */
  attachLog(log: CommitLog): void {
    this.#log = log;
    this.#writing = new TurnLog(this.arena, log);
  }

  get log(): CommitLog {
    return this.#log as CommitLog;
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
    return Math.max(0, this.arena.usedUnits - this.arena.unitsFromTail(this.flusher.flushed)) * 8;
  }

  /** Begins to load the index slots and the records of the keys that these messages carry; a bounded number of them. */
  preload(words: Int32Array, at: Int32Array, count: number): void {
    const hashes = this.#hashes;
    const found = hashesIn(words, at, Math.min(count, hashes.length), hashes);
    if (found > 0) this.preloaded = this.index.preload(hashes, found);
  }

  prefetch(words: Int32Array, at: Int32Array, count: number): void {
    const hashes = this.#hashes;
    const found = Math.min(count, hashes.length);
    for (let i = 0; i < found; i++) hashes[i] = words[at[i] + Rec.keyHash];
    this.preloaded = this.index.preload(hashes, found);
  }

  find(words: Int32Array, hash: number, keySlot: number, keyAt: number): number {
    const position = this.index.find(words, hash, keySlot, keyAt);
    if (position !== 0) return isForgotten(this.words, wordOf(position)) ? -1 : wordOf(position);
    if (!this.bloom.mayContain(hash, keySlot >>> 16)) return -1;
    return this.#cold.find(words, keySlot, keyAt);
  }

  #unlogged(bytes: number): number {
    const units = this.#writing.unitsFor(bytes);
    return this.#room(units) ? this.#writing.reserveUnlogged(bytes) : -1;
  }

  #room(units: number): boolean {
    if (this.arena.freeUnits >= units && this.index.entries < this.index.entriesMax) return true;
    this.#reclaimed = true;
    const hasRoom = this.reclaimer.makeRoom(units, this.flusher.flushed, noRelocation);
    if (!hasRoom) this.starved = true;
    return hasRoom;
  }

  reserve(bytes: number): number {
    // twice: each record may stand in a block of its own, whose header is not larger
    if (2 * (this.turnBytes + bytes) > this.logRoomBytes) return -1;
    if (!this.#room(this.#writing.unitsFor(bytes))) return -1;
    const at = this.#writing.reserve(bytes);
    this.#undo.reserved(at);
    return at;
  }

  stage(at: number, previous: number): void {
    const { words } = this;
    const position = this.arena.positionAt(at);
    const hash = words[at + Rec.keyHash];
    const before = this.#replaced(at, previous);
    words[at + Rec.previous] = before;
    if (before === 0) this.index.insert(hash, position);
    else this.index.swing(hash, before, position);
    this.counts.staged(at, before);
    this.flusher.fresh.push(position);
    this.#undo.staged(at, before);
    if (this.watch !== undefined) tellStaged(this, at, before, previous);
  }

  #replaced(at: number, previous: number): number {
    if (previous < 0 || previous === this.arena.spareWord) return this.mayHoldForgotten ? this.#stillHeld(at) : 0;
    return this.#reclaimed ? this.#stillHeld(at) : this.arena.positionAt(previous);
  }

  forget(at: number): boolean {
    const bytes = markerBytes(this.words, at);
    // making room may free the record at `at`
    copyHeadAndKey(this.words, at, this.#forgotten, 0);
    const marker = this.reserve(bytes);
    if (marker < 0) return false;
    writeMarker(this.#forgotten, this.words, marker);
    this.stage(marker, at);
    this.mayHoldForgotten = true;
    if (this.words[marker + Rec.keySlot] >>> 16 < SYSTEM_SLOT) this.forgets++;
    return true;
  }

  /** Position of the record that this one replaces; 0 where making room has dropped it: then the base table has it. */
  #stillHeld(at: number): number {
    const { words } = this;
    return this.index.find(words, words[at + Rec.keyHash], words[at + Rec.keySlot], at + Rec.key);
  }

  requireSyncSoon(): void {
    this.syncSoon = true;
  }

  requireSync(): void {
    this.#writing.requireSync();
  }

  page(partition: PartitionId, request: PageRequest, emit: (words: Int32Array, at: number) => boolean): boolean {
    return this.#pages.read(partition, request, emit);
  }

  /** What is staged from here can be undone. */
  beginHandler(): void {
    this.#undo.clear();
    this.#reclaimed = false;
  }

  /** Takes back everything that the handler under way has reserved and staged, newest first. */
  undoHandler(): void {
    this.#undo.backwards((at, before) => {
      if (before !== NOT_STAGED) this.#unstage(at, before);
      this.#writing.withdraw(at);
    });
  }

  #unstage(at: number, before: number): void {
    const hash = this.words[at + Rec.keyHash];
    const position = this.arena.positionAt(at);
    // what it replaced may have been reclaimed meanwhile: the base table has it
    const held = before !== 0 && ((before - this.arena.tail) | 0) >= 0;
    if (held) this.index.swing(hash, position, before);
    else this.index.removeSlot(this.index.slotOf(hash, position));
    if (this.watch !== undefined) tellUnstaged(this, at, held ? before : 0);
    this.counts.undone(at, before);
    this.flusher.fresh.pop(at);
  }

  /** Writes the turn to the log. @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED: the node must end */
  commit(): void {
    this.#writing.commit();
  }

  /** Shows the turn to all threads. */
  publish(): void {
    if (this.arena.head !== this.arena.published) this.arena.publish();
  }

  /** Logs a record anew at the head, as it is; false where there is no room. */
  moveToHead(at: number): boolean {
    const bytes = sizeOf(this.words, at);
    const copy = this.reserve(bytes);
    if (copy < 0) return false;
    copyWords(this.words, at, this.words, copy, bytes >>> 2);
    this.stage(copy, at);
    return true;
  }

  /** Makes room ahead of the next turn, giving records that were read a second lap. Between turns only. */
  makeRoom(bytes: number): boolean {
    const units = bytes >>> 3;
    const room = this.reclaimer.makeRoom(units, this.flusher.flushed, (at, size) => this.#relocate(at, size));
    this.publish();
    return room;
  }

  #relocate(at: number, bytes: number): number {
    const units = this.#writing.unitsFor(bytes);
    if (this.arena.freeUnits < units) return -1;
    const copy = this.#writing.reserveUnlogged(bytes);
    this.bytes.copyWithin(copy * 4, at * 4, at * 4 + bytes);
    this.words[copy + Rec.previous] = COPY_OF_BASE;
    return copy;
  }
}

const noRelocation = (): number => -1;
