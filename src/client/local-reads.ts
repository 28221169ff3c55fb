/**
 * Quorum reads straight from shared memory, on the caller's thread: R of the key's replicas are looked up in their hot
 * tables (and bloom filters, for misses). Where all of them hold the same plain record, the answer is read in place from
 * one; anything else is copied and decided by core/read-quorum, as a coordinator does.
 */
import type { NodeIndex } from '../core/ids.js';
import { addReadReply, decideRead, startRead } from '../core/read-quorum.js';
import { emptySet, type SiblingSet } from '../core/siblings.js';
import { RingTable } from '../host/ring-table.js';
import type { ThreadMap } from '../host/thread-map.js';
import { slotShiftOf } from '../host/thread-map.js';
import { expiresAtMsOf, Flag, flagsOf, sameDot, tagOf, valueBytesOf, valueWord } from '../protocol/record.js';
import { decodeRecord } from '../protocol/record-set.js';
import { Found, HotReader } from '../storage/hot-reader.js';
import type { KeyScratch } from './key-scratch.js';
import { decodeValue } from './values.js';

/** What `getValue` returns where the replicas' tables cannot answer alone. */
export const NOT_LOCAL = Symbol('not local');
/** What it returns where there is more than one plain record to decide about. */
export const COMPLEX = Symbol('complex');

/** Races lost to the writer before the message path is taken. */
const TRIES = 3;
/** A replica's table has nothing, and its filter says that its disk has nothing either. */
const NOTHING = Found.forgotten;

export class LocalReads {
  sharedReads = 0;
  lostRaces = 0;
  /** Keeps the early loads of `#findAll` from being optimised away. */
  touched = 0;
  readonly n: number;
  readonly slotShift: number;
  readonly ring: RingTable;
  /** Of the nodes of this host, at their indices in the ring. */
  readonly readers: readonly HotReader[];
  /** Nodes of the last `#choose`, and the word index of the record in each. */
  readonly #nodes = new Int32Array(16);
  readonly #at = new Int32Array(16);
  readonly #serving = new Int32Array(16);
  /** What the ring's table held when they were chosen. */
  #version = 0;

  constructor(map: ThreadMap) {
    this.n = map.n;
    this.slotShift = slotShiftOf(map.partitions);
    this.ring = new RingTable(map.ring, map);
    this.readers = map.memories.map((memory) => new HotReader(memory));
  }

  /** The resolved value where every one of R replicas holds the same plain record or nothing; else NOT_LOCAL or COMPLEX. */
  getValue(key: KeyScratch, r: number): unknown {
    const partition = key.slot >>> this.slotShift;
    for (let tries = 0; tries < TRIES; tries++) {
      if (!this.#choose(partition, r)) return NOT_LOCAL;
      const found = this.#findAll(key, r);
      if (found === Found.unsettled) continue;
      if (found === Found.absent) return NOT_LOCAL;
      let value: unknown;
      try {
        value = this.#plainValue(r);
      } catch (error) {
        // bytes that were overwritten under us may be no value at all
        if (!this.#settled(partition, r)) continue;
        throw error;
      }
      if (value === COMPLEX) return COMPLEX;
      if (!this.#settled(partition, r)) continue;
      this.sharedReads++;
      return value;
    }
    this.lostRaces++;
    return NOT_LOCAL;
  }

  /** The merged record of R replicas; undefined where a message is needed. */
  getSet(key: KeyScratch, r: number, monotonic: boolean): { set: SiblingSet; replicas: number } | undefined {
    const partition = key.slot >>> this.slotShift;
    const asked = monotonic ? Math.max(r, this.n - r + 1) : r;
    for (let tries = 0; tries < TRIES; tries++) {
      if (!this.#choose(partition, asked)) return undefined;
      const found = this.#findAll(key, asked);
      if (found === Found.unsettled) continue;
      if (found === Found.absent) return undefined;
      let state = startRead({ n: this.n, r, monotonic });
      try {
        for (let i = 0; i < asked; i++) {
          state = addReadReply(state, { node: this.#nodes[i] as NodeIndex, set: this.#decode(i) });
        }
      } catch (error) {
        if (!this.#settled(partition, asked)) continue;
        throw error;
      }
      if (!this.#settled(partition, asked)) continue;
      const decision = decideRead(state);
      if (decision.kind !== 'answer') return undefined;
      this.sharedReads++;
      return { set: decision.set, replicas: decision.replicas };
    }
    this.lostRaces++;
    return undefined;
  }

  #decode(index: number): SiblingSet {
    const at = this.#at[index];
    const reader = this.readers[this.#nodes[index]];
    return at === NOTHING ? emptySet() : decodeRecord(reader.words, reader.bytes, at);
  }

  /** The first R replicas of the partition whose tables may be trusted. */
  #choose(partition: number, r: number): boolean {
    this.#version = this.ring.version;
    if ((this.#version & 1) !== 0) return false;
    const list = this.ring.reads(partition);
    const first = partition * this.n;
    let count = 0;
    for (let i = first; i < first + this.n && count < r; i++) {
      const node = list[i];
      const reader = this.readers[node];
      // a node of another host
      if (reader === undefined) continue;
      const serving = Atomics.load(reader.serving, partition); // Atomics: acquire, before the table
      if ((serving & 1) === 0) continue;
      this.#nodes[count] = node;
      this.#serving[count] = serving;
      count++;
    }
    return count === r;
  }

  /** Looks the key up in each; Found.absent where a disk may have it, Found.unsettled for another try, else 0. */
  #findAll(key: KeyScratch, r: number): number {
    // the index slots and records of all replicas are asked for before any of them is waited for
    if (r > 1) for (let i = 0; i < r; i++) this.touched ^= this.readers[this.#nodes[i]].touchRecord(key.hash);
    for (let i = 0; i < r; i++) {
      const reader = this.readers[this.#nodes[i]];
      const at = reader.find(key.words, key.hash, key.keySlot, 0);
      if (at === Found.unsettled) return at;
      if (at === Found.absent && reader.mayBeOnDisk(key.hash, key.keySlot)) return at;
      this.#at[i] = at === Found.absent ? NOTHING : at;
    }
    return 0;
  }

  #plainValue(r: number): unknown {
    const at = this.#at[0];
    const reader = this.readers[this.#nodes[0]];
    for (let i = 1; i < r; i++) {
      const other = this.#at[i];
      if (other === NOTHING || at === NOTHING) {
        if (other !== at) return COMPLEX;
      } else if (!sameDot(reader.words, at, this.readers[this.#nodes[i]].words, other)) return COMPLEX;
    }
    if (at === NOTHING) return undefined;
    const { words, bytes } = reader;
    const flags = flagsOf(words, at);
    if ((flags & Flag.set) !== 0) return COMPLEX;
    if ((flags & Flag.tombstone) !== 0) return undefined;
    if ((flags & Flag.expires) !== 0 && expiresAtMsOf(words, at) <= Date.now()) return undefined;
    const start = (at + valueWord(words, at)) * 4;
    const length = valueBytesOf(words, at);
    if (start + length > bytes.length) return COMPLEX;
    return decodeValue(tagOf(words, at), bytes, start, length);
  }

  /** Nothing was overwritten, every node still serves as it did, and none of them refuses the ring that chose it. */
  #settled(partition: number, r: number): boolean {
    if (this.ring.version !== this.#version) return false;
    for (let i = 0; i < r; i++) {
      const reader = this.readers[this.#nodes[i]];
      if (this.#at[i] !== NOTHING && !reader.intact()) return false;
      if (Atomics.load(reader.serving, partition) !== this.#serving[i]) return false; // Atomics: acquire, after the copy
    }
    return true;
  }
}
