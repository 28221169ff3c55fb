/**
 * What R replicas hold of a partition, each as it was told last, in memory: pages and later changes take the place of what
 * was there before, replica by replica, and are joined when the image is read. Records that replicas agree on are held once.
 */
import { mergeSets, type SiblingSet } from '../core/siblings.js';
import { Flag, flagsOf, isForgotten, keyBytesOf, RECORD_HEADER_BYTES, sameDot, sizeOf } from '../protocol/record.js';
import { decodeRecord } from '../protocol/record-set.js';
import type { Entry } from './scan.js';

/** What the maps and arrays around a key take, about. */
const KEY_BYTES = 256;
/** Of the flags, what replicas that hold the same record agree on. */
const SHARED_FLAGS = Flag.tombstone | Flag.expires | Flag.set;

/** By replica. */
type Held = (Int32Array | undefined)[];

export class PartitionImage {
  /** Milliseconds since 1970 of the instant that it shows, by this thread's clock. */
  atMs = 0;
  /** Memory that it takes, about. */
  bytes = 0;
  readonly #replicas: number;
  readonly #held = new Map<string, Held>();

  constructor(replicas: number) {
    this.#replicas = replicas;
  }

  /** The replica holds this record now, or nothing of its key where the record says so; it is copied. */
  put(replica: number, words: Int32Array, bytes: Buffer, at: number): void {
    const start = at * 4 + RECORD_HEADER_BYTES;
    const key = bytes.latin1Slice(start, start + keyBytesOf(words, at));
    const held = this.#held.get(key) ?? new Array<Int32Array | undefined>(this.#replicas).fill(undefined);
    this.bytes -= costOf(held);
    held[replica] = isForgotten(words, at) ? undefined : sharedOrCopied(held, words, at);
    this.bytes += costOf(held);
    if (held.some((record) => record !== undefined)) this.#held.set(key, held);
    else this.#held.delete(key);
  }

  /** Joined records in byte order of their keys. Each is dropped once it was yielded: an image is read once. */
  *entries(): Generator<Entry, void, undefined> {
    // Latin-1 text has the order of its bytes
    for (const key of [...this.#held.keys()].sort()) {
      const set = joined(this.#held.get(key) as Held);
      this.#held.delete(key);
      yield { key: Buffer.from(key, 'latin1'), set };
    }
  }
}

const distinct = (held: Held): Set<Int32Array> => new Set(held.filter((record) => record !== undefined));

function costOf(held: Held): number {
  let bytes = 0;
  for (const record of distinct(held)) bytes += record.byteLength;
  return bytes === 0 ? 0 : bytes + KEY_BYTES;
}

function sharedOrCopied(held: Held, words: Int32Array, at: number): Int32Array {
  const shared = held.find((record) => record !== undefined && isSame(record, words, at));
  return shared ?? words.slice(at, at + sizeOf(words, at) / 4);
}

/** A plain record is what its dot names. */
function isSame(record: Int32Array, words: Int32Array, at: number): boolean {
  const flags = flagsOf(words, at) & SHARED_FLAGS;
  if ((flags & Flag.set) !== 0 || (flagsOf(record, 0) & SHARED_FLAGS) !== flags) return false;
  return sizeOf(record, 0) === sizeOf(words, at) && sameDot(record, 0, words, at);
}

function joined(held: Held): SiblingSet {
  const sets = [...distinct(held)].map((record) => {
    const bytes = Buffer.from(record.buffer, record.byteOffset, record.byteLength);
    return decodeRecord(record, bytes, 0);
  });
  return sets.reduce((all, set) => mergeSets(all, set));
}
