/**
 * A hot table of a few kilobytes, so that its arena laps all the time: arena, index, reclaimer and turn log as the engine
 * puts them together, over a log and a base table that only note how far they have come, in shared memory.
 *
 *   shared words   one for the highest stamp logged, then two a key: stamp published, stamp in the base table
 *
 * A value says which key and which write it is, and all of its filler follows from the two.
 */
import { Flag, RECORD_HEADER_BYTES, Rec, recordBytes } from '../../src/protocol/record.js';
import { Arena, wordOf } from '../../src/storage/arena.js';
import { HotIndex } from '../../src/storage/hot-index.js';
import { Control, type NodeMemory } from '../../src/storage/node-memory.js';
import { Reclaimer } from '../../src/storage/reclaimer.js';
import { TurnLog } from '../../src/storage/turn-log.js';
import { fillRecord, keyOf, type TestKey } from './records.js';

/** Stamps of writes that are undone again: nobody may ever see one. */
export const UNDONE = 0x4000_0000;

export const LOGGED = 0;
export const publishedWord = (key: number): number => 1 + key * 2;
export const baseWord = (key: number): number => 2 + key * 2;

export interface TinySetup {
  readonly memory: NodeMemory;
  readonly shared: SharedArrayBuffer;
  readonly keys: number;
}

export function allocateTiny(arenaBytes: number, slots: number, keys: number): TinySetup {
  return {
    memory: {
      control: new SharedArrayBuffer(Control.words * 4),
      index: new SharedArrayBuffer(slots * 8),
      marks: new SharedArrayBuffer(slots),
      serving: new SharedArrayBuffer(4),
      bloom: new SharedArrayBuffer(4096),
      arena: new SharedArrayBuffer(arenaBytes),
    },
    shared: new SharedArrayBuffer((1 + keys * 2) * 4),
    keys,
  };
}

/** Keys of this table; every fourth shares its hash with three others, so that probes and compares collide. */
export function tinyKeys(count: number): TestKey[] {
  return Array.from({ length: count }, (_, i) => {
    const key = keyOf(`key-${i}`);
    return i % 4 === 0 ? keyOf(`key-${i}`, (i >> 4) * 0x1000) : key;
  });
}

export function tinyValue(key: number, stamp: number): Uint8Array {
  const words = new Int32Array(2 + (Math.imul(stamp, 0x9e3779b1) >>> 27));
  words[0] = key;
  words[1] = stamp;
  for (let i = 2; i < words.length; i++) words[i] = Math.imul(stamp + i, 0x85ebca6b) ^ key;
  return new Uint8Array(words.buffer);
}

/** The stamp of a value that belongs to this key as a whole; -1 for any other bytes. */
export function stampOf(key: number, value: Uint8Array): number {
  if (value.length < 8) return -1;
  const words = new Int32Array(value.buffer, value.byteOffset, 2);
  const stamp = words[1];
  return words[0] === key && Buffer.compare(value, tinyValue(key, stamp)) === 0 ? stamp : -1;
}

export class TinyTable {
  readonly arena: Arena;
  readonly index: HotIndex;
  readonly reclaimer: Reclaimer;
  readonly keys: readonly TestKey[];
  readonly #shared: Int32Array;
  readonly #turn: TurnLog;
  #flushed: number;
  /** Newest stamp of each key, staged ones included. */
  readonly #newest = new Map<number, number>();
  #inTurn: { key: number; stamp: number }[] = [];
  readonly #dirty = new Map<number, number>();
  #logged = 0;

  constructor(setup: TinySetup) {
    this.arena = new Arena(setup.memory);
    this.index = new HotIndex(setup.memory);
    this.reclaimer = new Reclaimer(this.arena, this.index);
    this.keys = tinyKeys(setup.keys);
    this.#shared = new Int32Array(setup.shared);
    this.#flushed = this.arena.head;
    const append = () => {
      // Atomics: seq_cst; the log write, before the publication
      Atomics.store(this.#shared, LOGGED, this.#logged);
    };
    this.#turn = new TurnLog(this.arena, {
      nextSequence: 1,
      syncedSequence: 0,
      writtenSequence: 1,
      segment: 1,
      append,
      sync: () => undefined,
    });
  }

  /** Stages a write; false where there is no room. An undone one leaves in the same breath. */
  put(key: number, stamp: number, undo = false): boolean {
    const { arena, index } = this;
    const shown = undo ? stamp | UNDONE : stamp;
    const value = tinyValue(key, shown);
    const bytes = recordBytes(this.keys[key].bytes, value.length, false);
    const units = this.#turn.unitsFor(bytes);
    const full = arena.freeUnits < units || index.entries >= index.entriesMax;
    if (full && !this.reclaimer.makeRoom(units, this.#flushed, () => -1)) return false;
    const at = this.#turn.reserve(bytes);
    const { hash, keySlot, words } = this.keys[key];
    const before = index.find(words, hash, keySlot, 0);
    fillRecord(arena.words, arena.bytes, at, this.keys[key], value);
    const position = arena.positionAt(at);
    arena.words[at + Rec.previous] = before;
    if (before === 0) index.insert(hash, position);
    else index.swing(hash, before, position);
    if (undo) {
      if (before === 0) index.removeSlot(index.slotOf(hash, position));
      else index.swing(hash, position, before);
      this.#turn.withdraw(at);
      return true;
    }
    this.#newest.set(key, stamp);
    this.#inTurn.push({ key, stamp });
    this.#logged = Math.max(this.#logged, stamp);
    return true;
  }

  endTurn(): void {
    this.#turn.commit();
    this.arena.publish();
    for (const { key, stamp } of this.#inTurn) {
      // Atomics: seq_cst, after the publication
      Atomics.store(this.#shared, publishedWord(key), stamp);
      this.#dirty.set(key, stamp);
    }
    this.#inTurn = [];
  }

  /** Everything published is in the base table from here. Between turns. */
  flush(): void {
    for (const [key, stamp] of this.#dirty) Atomics.store(this.#shared, baseWord(key), stamp); // Atomics: before eviction
    this.#dirty.clear();
    this.#flushed = this.arena.published;
  }

  /** Room ahead, with second chances. Between turns. */
  makeRoom(units: number): void {
    this.reclaimer.makeRoom(units, this.#flushed, (at, bytes) => {
      if (this.arena.freeUnits < this.#turn.unitsFor(bytes)) return -1;
      const copy = this.#turn.reserveUnlogged(bytes);
      this.arena.bytes.copyWithin(copy * 4, at * 4, at * 4 + bytes);
      this.arena.words[copy + Rec.previous] = 0;
      return copy;
    });
    this.arena.publish();
  }

  /** Puts back into the table what the base table has, as a read from disk does; false where there is no room. */
  promote(key: number): boolean {
    const stamp = this.#shared[baseWord(key)];
    if (stamp === 0 || this.newestInTable(key) !== undefined) return true;
    const value = tinyValue(key, stamp);
    const bytes = recordBytes(this.keys[key].bytes, value.length, false);
    const units = this.#turn.unitsFor(bytes);
    if (this.arena.freeUnits < units && !this.reclaimer.makeRoom(units, this.#flushed, () => -1)) return false;
    if (this.index.entries >= this.index.entriesMax) return false;
    const at = this.#turn.reserveUnlogged(bytes);
    fillRecord(this.arena.words, this.arena.bytes, at, this.keys[key], value);
    this.arena.words[at + Rec.previous] = 0;
    this.index.insert(this.keys[key].hash, this.arena.positionAt(at));
    return true;
  }

  /** Stamp that the owner finds in the table; undefined where the key is not there. */
  newestInTable(key: number): number | undefined {
    const { words, hash, keySlot } = this.keys[key];
    const position = this.index.find(words, hash, keySlot, 0);
    if (position === 0) return undefined;
    return stampOf(key, this.valueAt(wordOf(position), key));
  }

  valueAt(at: number, key: number): Uint8Array {
    const { words, bytes } = this.arena;
    const start = at * 4 + RECORD_HEADER_BYTES + this.keys[key].words.length * 4;
    return Uint8Array.from(bytes.subarray(start, start + (words[at + Rec.valueTag] & 0xff_ff_ff)));
  }

  /** The stamp that a write of the key was last given, staged or not. */
  newest(key: number): number | undefined {
    return this.#newest.get(key);
  }

  /** Every entry of the index stands where a probe for it comes along, and shows a record that is no filler. */
  checkIndex(): boolean {
    let entries = 0;
    for (const key of this.keys) {
      const position = this.index.find(key.words, key.hash, key.keySlot, 0);
      if (position === 0) continue;
      entries++;
      if (((this.arena.words[wordOf(position)] >>> 24) & (Flag.pad | Flag.block)) !== 0) return false;
    }
    return entries === this.index.entries;
  }
}
