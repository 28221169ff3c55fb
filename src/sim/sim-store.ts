/**
 * The storage of one simulated node behind the `Store` port. Strict where the real one is lenient: the arena lives for one
 * turn only and is then overwritten, fresh room is filled with noise, and `stage` checks that its `previous` is the
 * newest record of the key.
 *
 *   find, reserve   copy into, or take room in, the turn's arena
 *   stage, undo     which record of the turn a key shows
 *   commit          the turn's records go to the disk's log      publish   ... and into the table
 */
import type { HandlerScope, PageRequest, RecordWatch, Store, TurnStorage } from '../actor/ports.js';
import { assert, StoreError } from '../core/errors.js';
import { type Clock, clock, type PartitionId, partitionId, type ReplicaId, SYSTEM_SLOT } from '../core/ids.js';
import {
  clockOf,
  Flag,
  flagsOf,
  isForgotten,
  keyBytesOf,
  RECORD_HEADER_BYTES,
  Rec,
  recordBytes,
  sizeOf,
  slotOfRecord,
} from '../protocol/record.js';
import type { SimDisk } from './sim-disk.js';

/** Thrown where a simulated node is to end in the middle of a turn. */
export class NodeCrash extends Error {}

export interface SimStoreOptions {
  readonly disk: SimDisk;
  /** slot >>> this is the partition. */
  readonly slotShift: number;
  readonly arenaBytes?: number;
  readonly syncIntervalMs?: number;
  /** Called for each record as it enters the log. */
  readonly onCommit?: (words: Int32Array<ArrayBuffer>, sequence: number) => void;
  /** Plants a fault: a tombstone leaves the table as soon as it is published. */
  readonly forgetsTombstones?: boolean;
  /** Plants a fault: a sync that was asked for does not happen. */
  readonly ignoresSync?: boolean;
}

interface Reserved {
  readonly sequence: number;
  readonly at: number;
  staged: boolean;
}

const NOISE = 0x5a5a5a5a;

export class SimStore implements Store, HandlerScope, TurnStorage {
  readonly words: Int32Array<ArrayBuffer>;
  readonly bytes: Buffer;
  readonly replica: ReplicaId;
  readonly disk: SimDisk;
  readonly systemPartition: PartitionId;
  refusal = 0;
  forgets = 0;
  nextCounter: number;
  readonly busy = false;
  readonly pending = false;
  readonly pauseMs = 0;
  /** Keys (Latin-1) whose record cannot be read. */
  readonly corrupt = new Set<string>();
  /** Keys whose unreadable record was replaced in this turn. */
  readonly replacedUnread = new Set<string>();
  /** Where the next turn ends with the node. */
  crashAt: 'commit' | 'publish' | undefined;
  turnBytes = 0;
  watch: RecordWatch | undefined;
  readonly #options: SimStoreOptions;
  readonly #table = new Map<string, Int32Array<ArrayBuffer>>();
  /** Where this turn sees a key: a copy of the table's record, or what was staged. */
  readonly #positions = new Map<string, number>();
  readonly #reserved: Reserved[] = [];
  readonly #staged: { key: string; before: number; reserved: Reserved }[] = [];
  #used = 0;
  #clock: Clock = clock(0);
  #sync = false;
  #syncedAtMs = 0;

  constructor(options: SimStoreOptions) {
    this.#options = options;
    this.words = new Int32Array((options.arenaBytes ?? 128 * 1024) / 4).fill(NOISE);
    this.bytes = Buffer.from(this.words.buffer);
    this.disk = options.disk;
    this.systemPartition = partitionId(SYSTEM_SLOT >>> options.slotShift);
    this.replica = options.disk.replica;
    this.nextCounter = options.disk.nextSequence;
    for (const { words } of options.disk.log) this.#adopt(words);
  }

  /** The record of a key as all threads see it. */
  record(key: string): Int32Array<ArrayBuffer> | undefined {
    return this.#table.get(key);
  }

  get keys(): readonly string[] {
    return [...this.#table.keys()].filter((key) => !key.startsWith(PRIVATE)).sort();
  }

  get clock(): Clock {
    return this.#clock;
  }

  set clock(seen: Clock) {
    if (seen > this.#clock) this.#clock = seen;
  }

  find(words: Int32Array, hash: number, keySlot: number, keyAt: number): number {
    const text = Buffer.from(words.buffer, words.byteOffset + keyAt * 4, keySlot & 0xffff).latin1Slice();
    const key = tableKey(text, keySlot >>> 16);
    const known = this.#positions.get(key);
    if (known !== undefined && !this.corrupt.has(key)) return isForgotten(this.words, known) ? -1 : known;
    if (this.corrupt.has(key)) throw new StoreError('KV_CORRUPT', 'a record fails its checksum');
    const record = this.#table.get(key);
    if (record === undefined) return -1;
    assert(record[Rec.keyHash] === hash, 'a key is looked up by its own hash');
    const at = this.#room(record.length);
    if (at < 0) throw new StoreError('KV_OVERLOADED', 'the arena is full');
    this.words.set(record, at);
    this.#positions.set(key, at);
    return at;
  }

  forget(at: number): boolean {
    const bytes = recordBytes(keyBytesOf(this.words, at), 0, false);
    const marker = this.reserve(bytes);
    if (marker < 0) return false;
    const headAndKey = Rec.key + ((keyBytesOf(this.words, at) + 3) >>> 2);
    this.words.fill(0, marker, marker + bytes / 4);
    this.words.copyWithin(marker, at, at + headAndKey);
    this.words[marker + Rec.size] = bytes | ((Flag.tombstone | Flag.forgotten) << 24);
    this.words[marker + Rec.valueTag] = 0;
    this.stage(marker, at);
    if (slotOfRecord(this.words, marker) !== SYSTEM_SLOT) this.forgets++;
    return true;
  }

  reserve(bytes: number): number {
    assert(bytes > 0 && bytes % 8 === 0, 'room is reserved in units of 8 bytes');
    const at = this.#room(bytes / 4);
    if (at < 0) return -1;
    this.#reserved.push({ sequence: this.nextCounter++, at, staged: false });
    this.turnBytes += bytes;
    return at;
  }

  #room(words: number): number {
    if (this.#used + words > this.words.length) return -1;
    const at = this.#used;
    this.#used += words;
    return at;
  }

  stage(at: number, previous: number): void {
    const reserved = this.#reserved.findLast((room) => room.at === at);
    assert(reserved !== undefined && !reserved.staged, 'a record is staged once, where room was reserved');
    const key = keyOf(this.words, this.bytes, at);
    const newest = this.#positions.get(key) ?? -1;
    const held = newest >= 0 && previous < 0 && isForgotten(this.words, newest) ? -1 : newest;
    assert(held === previous, 'a staged record replaces the newest one of its key');
    this.words[at + Rec.previous] = 0;
    this.#positions.set(key, at);
    reserved.staged = true;
    this.#staged.push({ key, before: newest, reserved });
    // what replaces a record that cannot be read takes the place of nothing
    if (this.corrupt.delete(key)) this.replacedUnread.add(key);
    this.watch?.replaced(this.words, newest, this.words, at);
  }

  requireSyncSoon(): void {}

  requireSync(): void {
    this.#sync = this.#options.ignoresSync !== true;
  }

  beginHandler(): void {
    this.#staged.length = 0;
  }

  undoHandler(): void {
    for (const { key, before, reserved } of this.#staged.reverse()) {
      reserved.staged = false;
      this.watch?.replaced(this.words, reserved.at, this.words, before);
      if (before < 0) this.#positions.delete(key);
      else this.#positions.set(key, before);
    }
    this.#staged.length = 0;
  }

  commit(): void {
    if (this.crashAt === 'commit') throw new NodeCrash();
    for (const { sequence, at, staged } of this.#reserved) {
      if (!staged) continue;
      const words = this.words.slice(at, at + sizeOf(this.words, at) / 4);
      this.disk.append({ sequence, words });
      this.#options.onCommit?.(words, sequence);
    }
    this.disk.endTurn();
    if (this.#sync) this.disk.sync();
  }

  publish(): void {
    if (this.crashAt === 'publish') throw new NodeCrash();
    for (const { at, staged } of this.#reserved) {
      if (staged) this.#adopt(this.words.slice(at, at + sizeOf(this.words, at) / 4));
    }
    this.words.fill(NOISE, 0, this.#used);
    this.#positions.clear();
    this.#staged.length = 0;
    this.#reserved.length = 0;
    this.replacedUnread.clear();
    this.#used = 0;
    this.#sync = false;
    this.turnBytes = 0;
  }

  #adopt(words: Int32Array<ArrayBuffer>): void {
    this.clock = clockOf(words, 0);
    const key = keyOf(words, Buffer.from(words.buffer), 0);
    const lost = this.#options.forgetsTombstones === true && (flagsOf(words, 0) & Flag.tombstone) !== 0;
    if (lost || isForgotten(words, 0)) this.#table.delete(key);
    else this.#table.set(key, words);
  }

  maintain(nowMs: number): void {
    if (((nowMs - this.#syncedAtMs) | 0) < (this.#options.syncIntervalMs ?? 100)) return;
    this.#syncedAtMs = nowMs;
    this.disk.sync();
  }

  page(partition: PartitionId, request: PageRequest, emit: (words: Int32Array, at: number) => boolean): boolean {
    const keys = [...new Set([...this.#table.keys(), ...this.#positions.keys()])].sort();
    if (request.reverse === true) keys.reverse();
    let left = request.limit ?? Number.POSITIVE_INFINITY;
    for (const key of keys) {
      const at = this.#positions.get(key) ?? -1;
      const words = at < 0 ? (this.#table.get(key) as Int32Array) : this.words;
      if (slotOfRecord(words, Math.max(0, at)) >>> this.#options.slotShift !== partition) continue;
      if (!isWithin(userKey(key), request) || (at >= 0 && isForgotten(words, at))) continue;
      if (left <= 0) return true;
      if (this.corrupt.has(key)) {
        if (request.onCorrupt === undefined) throw new StoreError('KV_CORRUPT', 'a record fails its checksum');
        request.onCorrupt(Buffer.from(userKey(key), 'latin1'));
        continue;
      }
      if (!emit(words, Math.max(0, at))) return true;
      left--;
    }
    return left <= 0;
  }
}

function keyOf(words: Int32Array, bytes: Buffer, at: number): string {
  const start = at * 4 + RECORD_HEADER_BYTES;
  return tableKey(bytes.latin1Slice(start, start + keyBytesOf(words, at)), slotOfRecord(words, at));
}

/** Private keys stand behind all others, so that they never equal one. */
const PRIVATE = '\uffff';

function tableKey(key: string, slot: number): string {
  return slot === SYSTEM_SLOT ? PRIVATE + key : key;
}

function userKey(tableKey: string): string {
  return tableKey.startsWith(PRIVATE) ? tableKey.slice(1) : tableKey;
}

function isWithin(key: string, { gt, gte, lt, lte }: PageRequest): boolean {
  const text = (bound: Uint8Array) => Buffer.from(bound).latin1Slice();
  if (gt !== undefined && key <= text(gt)) return false;
  if (gte !== undefined && key < text(gte)) return false;
  if (lt !== undefined && key >= text(lt)) return false;
  return lte === undefined || key <= text(lte);
}
