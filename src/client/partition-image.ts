/**
 * What R replicas hold of a partition, each as it was told last. Pages come in the order of the keys and go into one spool
 * for each replica; what has changed behind them stays in memory, and takes the place of what a page had. All of it is
 * joined when the image is read.
 *
 *   replica 1   spool  a b c d e f        changed since   b: anew   g: new
 *   replica 2   spool  a b c   e f        changed since   b: anew   e: nothing
 */
import { mergeSets, type SiblingSet } from '../core/siblings.js';
import { Flag, flagsOf, isForgotten, keyBytesOf, RECORD_HEADER_BYTES, sameDot, sizeOf } from '../protocol/record.js';
import { decodeRecord } from '../protocol/record-set.js';
import { RecordSpool, SpoolReader } from './record-spool.js';
import type { Entry } from './scan.js';

/** What the map and the array around a key that has changed take, about. */
const KEY_BYTES = 256;
/** Of the flags, what replicas that hold the same record agree on. */
const SHARED_FLAGS = Flag.tombstone | Flag.expires | Flag.set;

interface HeldRecord {
  readonly words: Int32Array;
  readonly bytes: Buffer;
  readonly at: number;
}

/** By replica: the record that it has now, or that it has none; undefined where a page says what it has, if any does. */
type Changed = (HeldRecord | 'nothing' | undefined)[];

export class PartitionImage {
  /** Milliseconds since 1970 of the instant that it shows, by this thread's clock. */
  atMs = 0;
  readonly #spools: readonly RecordSpool[];
  readonly #changed = new Map<string, Changed>();
  #changedBytes = 0;

  constructor(replicas: number) {
    this.#spools = Array.from({ length: replicas }, () => new RecordSpool());
  }

  /** Memory that it takes, about. */
  get bytes(): number {
    return this.#spools.reduce((sum, spool) => sum + spool.bytes, this.#changedBytes);
  }

  /** A record of a page of this replica, behind all that were in its pages before; it is copied. */
  putPaged(replica: number, words: Int32Array, at: number): void {
    if (!isForgotten(words, at)) this.#spools[replica].append(words, at);
  }

  /**
   * The replica holds this record now, or nothing of its key where the record says so; it is copied. What a page says of a key
   * that has changed counts no more, also where it comes later: a change behind what was told here is told here too.
   */
  putChanged(replica: number, words: Int32Array, bytes: Buffer, at: number): void {
    const held = isForgotten(words, at) ? 'nothing' : copied(words.slice(at, at + sizeOf(words, at) / 4));
    const start = at * 4 + RECORD_HEADER_BYTES;
    const key = bytes.latin1Slice(start, start + keyBytesOf(words, at));
    const changed = this.#changed.get(key) ?? [];
    this.#changedBytes -= costOf(changed);
    changed[replica] = held;
    this.#changedBytes += costOf(changed);
    this.#changed.set(key, changed);
  }

  /** What pages of this replica have told is moved to a file in this folder, see `RecordSpool.moveTo`. */
  spill(replica: number, folder: string): Promise<boolean> {
    return this.#spools[replica].moveTo(folder);
  }

  /** Joined records in byte order of their keys. An image is read once, and closed then. @throws StoreError KV_STORAGE_FAILED */
  async *entries(): AsyncGenerator<Entry, void, undefined> {
    try {
      const readers = this.#spools.map((spool) => new SpoolReader(spool));
      for (const reader of readers) await reader.load();
      // Latin-1 text has the order of its bytes
      const names = [...this.#changed.keys()].sort();
      for (let next = 0; ; ) {
        const key = least(readers, names[next]);
        if (key === undefined) return;
        const changed = this.#changed.get(key);
        if (key === names[next]) this.#changed.delete(names[next++]);
        const set = joined(readers, key, changed ?? []);
        if (set !== undefined) yield { key: Buffer.from(key, 'latin1'), set };
        for (const reader of readers) if (reader.key === key && !reader.step()) await reader.load();
      }
    } finally {
      await this.close();
    }
  }

  /** Its files are gone. Idempotent. */
  async close(): Promise<void> {
    await Promise.all(this.#spools.map((spool) => spool.close()));
  }
}

const copied = (words: Int32Array): HeldRecord => ({
  words,
  bytes: Buffer.from(words.buffer, words.byteOffset, words.byteLength),
  at: 0,
});

function costOf(changed: Changed): number {
  let bytes = 0;
  for (const held of changed) {
    if (held !== undefined) bytes += KEY_BYTES + (held === 'nothing' ? 0 : held.bytes.length);
  }
  return bytes;
}

/** The first key that any of them has. */
function least(readers: readonly SpoolReader[], name: string | undefined): string | undefined {
  let key = name;
  for (const reader of readers)
    if (reader.key !== undefined && (key === undefined || reader.key < key)) key = reader.key;
  return key;
}

/** What the replicas hold of the key together; undefined where none holds anything. */
function joined(readers: readonly SpoolReader[], key: string, changed: Changed): SiblingSet | undefined {
  const distinct: HeldRecord[] = [];
  for (const [replica, reader] of readers.entries()) {
    const held = changed[replica] ?? (reader.key === key ? reader : 'nothing');
    if (held !== 'nothing' && !distinct.some((one) => isSame(one, held))) distinct.push(held);
  }
  const [first, ...others] = distinct.map(({ words, bytes, at }) => decodeRecord(words, bytes, at));
  return first === undefined ? undefined : others.reduce((all, set) => mergeSets(all, set), first);
}

/** A plain record is what its dot names. */
function isSame(a: HeldRecord, b: HeldRecord): boolean {
  const flags = flagsOf(a.words, a.at) & SHARED_FLAGS;
  if ((flags & Flag.set) !== 0 || (flagsOf(b.words, b.at) & SHARED_FLAGS) !== flags) return false;
  return sizeOf(a.words, a.at) === sizeOf(b.words, b.at) && sameDot(a.words, a.at, b.words, b.at);
}
