/**
 * A hot table of two or three records, put together as the engine does it, a reader of it, and what both know of each
 * other's doings: the notes, by which each answer is judged.
 */
import { Flag, Rec, recordBytes, Tag, valueWord } from '../../../src/protocol/record.js';
import { Arena } from '../../../src/storage/arena.js';
import { BloomFilter } from '../../../src/storage/bloom-filter.js';
import { HotIndex } from '../../../src/storage/hot-index.js';
import { Found, HotReader } from '../../../src/storage/hot-reader.js';
import { Control, type NodeMemory } from '../../../src/storage/node-memory.js';
import { Reclaimer } from '../../../src/storage/reclaimer.js';
import { TurnLog } from '../../../src/storage/turn-log.js';
import type { Lab } from '../lab.js';

export interface SmallKey {
  readonly index: number;
  readonly hash: number;
  readonly keySlot: number;
  /** The one word of the key. */
  readonly words: Int32Array;
}

const KEYS_MAX = 4;
const KEY_BYTES = 4;
const VALUE_BYTES = 8;
const RECORD_BYTES = recordBytes(KEY_BYTES, VALUE_BYTES, false);
const UNUSED_UNITS = 4;
/** Slots of the index when it has grown, twice those that it begins with. */
const SLOTS = 8;
/** Stamps of writes that are taken back. */
const UNDONE = 0x1000;

/** A key whose search begins at this slot; `low` tells hashes of one slot apart. */
export function smallKey(index: number, home: number, low: number): SmallKey {
  const words = new Int32Array([0x6b30 + index]);
  return { index, hash: (home << 30) | low | 0, keySlot: KEY_BYTES | (index << 16), words };
}

/** What has happened to each key, for the judgement of what a reader gets. */
export class Notes {
  /** Stamp whose publication has begun, and the last one that is published. */
  readonly begun: Int32Array;
  readonly published: Int32Array;
  /** Highest stamp that anybody has read. */
  readonly seen: Int32Array;
  /** How often the key was dropped from the table, or put back: odd from before the first until behind the second. */
  readonly gone: Int32Array;

  constructor(lab: Lab) {
    this.begun = lab.notes('begun', KEYS_MAX);
    this.published = lab.notes('published', KEYS_MAX);
    this.seen = lab.notes('seen', KEYS_MAX);
    this.gone = lab.notes('gone', KEYS_MAX);
  }
}

/** Memory of an arena that holds so many records a lap. */
export function smallMemory(lab: Lab, recordsPerLap: number): NodeMemory {
  return {
    control: lab.allocate('control', Control.words * 4),
    index: lab.allocate('index', SLOTS * 8),
    marks: lab.allocate('marks', SLOTS),
    serving: lab.allocate('serving', 4),
    bloom: lab.allocate('bloom', 64),
    // an eighth of a small arena is no part of the circle
    arena: lab.allocate('arena', Math.ceil((UNUSED_UNITS * 8 + recordsPerLap * RECORD_BYTES) / 7) * 8),
  };
}

export class SmallTable {
  readonly arena: Arena;
  readonly index: HotIndex;
  readonly #lab: Lab;
  readonly #notes: Notes;
  readonly #reclaimer: Reclaimer;
  readonly #turn: TurnLog;
  readonly #bloom: BloomFilter;
  #flushed: number;
  /** Keys of the turn, and of what no flush has seen. */
  #staged: { key: SmallKey; stamp: number }[] = [];
  #dirty: SmallKey[] = [];
  readonly #keys: SmallKey[] = [];

  constructor(lab: Lab, notes: Notes, memory: NodeMemory) {
    this.#lab = lab;
    this.#notes = notes;
    this.arena = new Arena(memory);
    this.index = new HotIndex(memory);
    this.#reclaimer = new Reclaimer(this.arena, this.index);
    const log = { nextSequence: 1, writtenSequence: 1, syncedSequence: 0, segment: 1 };
    this.#turn = new TurnLog(this.arena, { ...log, append: () => undefined, sync: () => undefined });
    this.#bloom = new BloomFilter(new Int32Array(memory.bloom));
    this.#bloom.beginRebuild(1);
    this.#bloom.finishRebuild();
    this.#flushed = this.arena.head;
  }

  /** Stages a write; there has to be room. */
  put(key: SmallKey, stamp: number): void {
    const before = this.#find(key);
    const at = this.#write(key, stamp, before);
    if (before === 0) this.index.insert(key.hash, this.arena.positionAt(at));
    else this.index.swing(key.hash, before, this.arena.positionAt(at));
    this.#staged.push({ key, stamp });
    if (!this.#keys.includes(key)) this.#keys.push(key);
  }

  /** A write that its handler takes back in the same turn. */
  putAndUndo(key: SmallKey): void {
    const before = this.#find(key);
    const at = this.#write(key, UNDONE, before);
    const position = this.arena.positionAt(at);
    if (before === 0) {
      this.index.insert(key.hash, position);
      this.index.removeSlot(this.index.slotOf(key.hash, position));
    } else {
      this.index.swing(key.hash, before, position);
      this.index.swing(key.hash, position, before);
    }
    this.#turn.withdraw(at);
  }

  #find(key: SmallKey): number {
    return this.index.find(key.words, key.hash, key.keySlot, 0);
  }

  #write(key: SmallKey, stamp: number, previous: number): number {
    const { words } = this.arena;
    const at = this.#turn.reserveUnlogged(RECORD_BYTES);
    words[at + Rec.keyHash] = key.hash;
    words[at + Rec.keySlot] = key.keySlot;
    words[at + Rec.valueTag] = VALUE_BYTES | (Tag.bytes << 24);
    words[at + Rec.previous] = previous;
    words[at + Rec.key] = key.words[0];
    words[at + Rec.key + 1] = stamp;
    words[at + Rec.key + 2] = fillerOf(key, stamp);
    words[at + Rec.size] = RECORD_BYTES;
    return at;
  }

  endTurn(): void {
    const { begun, published, gone } = this.#notes;
    for (const { key, stamp } of this.#staged) begun[key.index] = stamp;
    this.arena.publish();
    for (const { key, stamp } of this.#staged) {
      published[key.index] = stamp;
      if ((gone[key.index] & 1) !== 0) gone[key.index]++;
      this.#dirty.push(key);
    }
    this.#staged = [];
  }

  /** Everything published is on disk from here. */
  flush(): void {
    for (const key of this.#dirty) this.#bloom.add(key.hash, key.keySlot >>> 16);
    this.#dirty = [];
    this.#flushed = this.arena.published;
  }

  /** The key was read since the last lap. */
  mark(key: SmallKey): void {
    this.index.marks[this.index.slotOf(key.hash, this.#find(key))] = 1;
  }

  /** Room for a record. `leaving`: the keys that go for it. */
  makeRoom(...leaving: readonly SmallKey[]): void {
    for (const key of leaving) this.#notes.gone[key.index]++;
    const units = (RECORD_BYTES >>> 3) + this.arena.padUnits(RECORD_BYTES >>> 3);
    const room = this.#reclaimer.makeRoom(units, this.#flushed, () => -1);
    this.#lab.check(room, 'the scenario leaves room for what it writes');
    for (const key of this.#keys) {
      const isGone = (this.#notes.gone[key.index] & 1) !== 0;
      this.#lab.check((this.#find(key) === 0) === isGone, 'the keys that go are those that the scenario names');
    }
  }

  /**
   * Room for three records, between turns: what was read since the last lap is copied to the head. Until the copy is
   * published, the disk is where to look for the key.
   */
  makeRoomKeeping(...moving: readonly SmallKey[]): void {
    const units = RECORD_BYTES >>> 3;
    for (const key of moving) this.#notes.gone[key.index]++;
    this.#reclaimer.makeRoom(3 * units, this.#flushed, (from) => {
      if (this.arena.freeUnits < units + this.arena.padUnits(units)) return -1;
      const to = this.#turn.reserveUnlogged(RECORD_BYTES);
      const { words } = this.arena;
      for (let i = 1; i < RECORD_BYTES >>> 2; i++) words[to + i] = words[from + i];
      words[to + Rec.previous] = 0;
      words[to] = words[from];
      return to;
    });
    this.arena.publish();
    for (const key of moving) this.#notes.gone[key.index]++;
  }
}

/** What every value of a key and a stamp holds beside the stamp. */
export const fillerOf = (key: SmallKey, stamp: number): number => Math.imul(stamp + 1, 0x10001) ^ key.hash ^ key.index;

/** Looks a key up as a client's thread does, and judges what it gets. */
export class SmallReader {
  readonly #lab: Lab;
  readonly #notes: Notes;
  readonly #reader: HotReader;

  constructor(lab: Lab, notes: Notes, memory: NodeMemory) {
    this.#lab = lab;
    this.#notes = notes;
    this.#reader = new HotReader(memory);
  }

  look(key: SmallKey): void {
    const { published, seen, gone } = this.#notes;
    const reader = this.#reader;
    this.#lab.pause();
    const least = Math.max(published[key.index], seen[key.index]);
    const goneBefore = gone[key.index];
    const at = reader.find(key.words, key.hash, key.keySlot, 0);
    if (at === Found.unsettled) return;
    if (at === Found.absent) {
      const mayBeOnDisk = reader.mayBeOnDisk(key.hash, key.keySlot);
      if (least === 0) return;
      this.#lab.check(
        (goneBefore & 1) !== 0 || gone[key.index] !== goneBefore,
        'a key is absent only when it was gone',
      );
      this.#lab.check(mayBeOnDisk, 'a key that was published is in the table or on the disk');
      return;
    }
    const valueAt = at + valueWord(reader.words, at);
    const size = reader.words[at + Rec.size];
    const word = reader.words[at + Rec.key];
    const stamp = reader.words[valueAt];
    const filler = reader.words[valueAt + 1];
    if (!reader.intact()) return;
    this.#lab.check(((size >>> 24) & (Flag.pad | Flag.block)) === 0, 'what is found is a record');
    this.#lab.check(word === key.words[0], 'it is a record of this key');
    this.#lab.check(filler === fillerOf(key, stamp), 'it is whole');
    this.#lab.check(stamp >= least, 'it is no older than what was published before, or seen by anybody');
    this.#lab.check(stamp <= this.#notes.begun[key.index], 'it is published');
    if (stamp > seen[key.index]) seen[key.index] = stamp;
  }
}
