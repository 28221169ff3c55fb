/**
 * Quorum reads straight from shared memory, on the caller's thread, of whatever is no plain record in every replica (see
 * plain-reads.ts): R of the key's replicas are looked up in their hot tables (and bloom filters, for misses). Where all of
 * them hold the same plain record or nothing, that is the answer; anything else is copied and decided by core/read-quorum,
 * as a coordinator does.
 */
import type { NodeIndex } from '../core/ids.js';
import { addReadReply, decideRead, startRead } from '../core/read-quorum.js';
import { emptySet, type SiblingSet } from '../core/siblings.js';
import { expiresAtMsOf, Flag, flagsOf, sameDot, tagOf, valueBytesOf, valueWord } from '../protocol/record.js';
import { decodeRecord } from '../protocol/record-set.js';
import { Found, type HotReader } from '../storage/hot-reader.js';
import type { KeyScratch } from './key-scratch.js';
import { REPLICAS_MAX, type Replicas } from './replicas.js';
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
  readonly #replicas: Replicas;
  /** Word index of the record in each replica that was chosen last. */
  readonly #at = new Int32Array(REPLICAS_MAX);

  constructor(replicas: Replicas) {
    this.#replicas = replicas;
  }

  /** The resolved value where every one of R replicas holds the same plain record or nothing; else NOT_LOCAL or COMPLEX. */
  getValue(key: KeyScratch, r: number): unknown {
    const partition = key.slot >>> this.#replicas.slotShift;
    for (let tries = 0; tries < TRIES; tries++) {
      if (!this.#replicas.begin() || !this.#replicas.choose(partition, r, 0)) return NOT_LOCAL;
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
    const partition = key.slot >>> this.#replicas.slotShift;
    const { n, nodes } = this.#replicas;
    const asked = monotonic ? Math.max(r, n - r + 1) : r;
    for (let tries = 0; tries < TRIES; tries++) {
      if (!this.#replicas.begin() || !this.#replicas.choose(partition, asked, 0)) return undefined;
      // new holders have to take what it shows
      if (monotonic && this.#replicas.ring.isFilling(partition)) return undefined;
      const found = this.#findAll(key, asked);
      if (found === Found.unsettled) continue;
      if (found === Found.absent) return undefined;
      let state = startRead({ n, r, monotonic });
      try {
        for (let i = 0; i < asked; i++) {
          state = addReadReply(state, { node: nodes[i] as NodeIndex, set: this.#decode(i) });
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

  /** The table of the replica that was chosen at this row. */
  #readerOf(row: number): HotReader {
    return this.#replicas.readers[this.#replicas.nodes[row]];
  }

  #decode(index: number): SiblingSet {
    const at = this.#at[index];
    const reader = this.#readerOf(index);
    return at === NOTHING ? emptySet() : decodeRecord(reader.words, reader.bytes, at);
  }

  /** Looks the key up in each; Found.absent where a disk may have it, Found.unsettled for another try, else 0. */
  #findAll(key: KeyScratch, r: number): number {
    for (let i = 0; i < r; i++) {
      const reader = this.#readerOf(i);
      const at = reader.find(key.words, key.hash, key.keySlot, 0);
      if (at === Found.unsettled) return at;
      if (at === Found.absent && reader.mayBeOnDisk(key.hash, key.keySlot)) return at;
      this.#at[i] = at === Found.absent ? NOTHING : at;
    }
    return 0;
  }

  #plainValue(r: number): unknown {
    const at = this.#at[0];
    const reader = this.#readerOf(0);
    for (let i = 1; i < r; i++) {
      const other = this.#at[i];
      if (other === NOTHING || at === NOTHING) {
        if (other !== at) return COMPLEX;
      } else if (!sameDot(reader.words, at, this.#readerOf(i).words, other)) return COMPLEX;
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
    if (!this.#replicas.isSameRing) return false;
    for (let i = 0; i < r; i++) {
      const reader = this.#readerOf(i);
      if (this.#at[i] !== NOTHING && !reader.intact()) return false;
      if (!this.#replicas.stillServes(partition, i)) return false;
    }
    return true;
  }
}
