/** What a collection is about: records whose every value is deleted or expired, and how a node holds them. */
import type { Store } from '../src/actor/ports.js';
import type { SiblingSet } from '../src/core/siblings.js';
import { covers } from '../src/core/version-vector.js';
import { expiresAtMsOf, Flag, flagsOf, keyBytesOf, RECORD_HEADER_BYTES, Rec, sizeOf } from '../src/protocol/record.js';
import { RecordDigester } from '../src/protocol/record-digest.js';
import { decodeRecord, encodedBytes, encodeRecord, keyParts } from '../src/protocol/record-set.js';

const digester = new RecordDigester();

/** Whether every value of the record is deleted, or expired before this time (milliseconds since 1970). */
export function isDead(words: Int32Array, bytes: Buffer, at: number, beforeMs: number): boolean {
  const flags = flagsOf(words, at);
  if ((flags & Flag.set) === 0) {
    if ((flags & Flag.tombstone) !== 0) return true;
    return (flags & Flag.expires) !== 0 && expiresAtMsOf(words, at) < beforeMs;
  }
  const { siblings } = decodeRecord(words, bytes, at);
  return siblings.every(({ tombstone, expiresAtMs }) => tombstone || (expiresAtMs !== 0 && expiresAtMs < beforeMs));
}

/** A dead record as it travels: no values, for nobody will read them. */
export function packDead(words: Int32Array, bytes: Buffer, at: number): Uint8Array {
  const key = keyParts(words, bytes, at);
  const set = buried(decodeRecord(words, bytes, at));
  const packed = new Int32Array(encodedBytes(key.bytes.length, set) / 4);
  encodeRecord(packed, Buffer.from(packed.buffer), 0, key, set);
  return new Uint8Array(packed.buffer);
}

/** The same dots and clocks with nothing under them. */
function buried(set: SiblingSet): SiblingSet {
  const value = new Uint8Array(0);
  return { vector: set.vector, siblings: set.siblings.map((sibling) => ({ ...sibling, tombstone: true, value })) };
}

/** A dead record that came in a message. */
export class DeadRecord {
  readonly words: Int32Array;
  readonly bytes: Buffer;

  constructor(packed: Uint8Array) {
    this.words = new Int32Array(Uint8Array.from(packed).buffer);
    this.bytes = Buffer.from(this.words.buffer);
  }

  get key(): Buffer {
    return this.bytes.subarray(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + keyBytesOf(this.words, 0));
  }

  /** Word index of what the node holds of the key, or -1. @throws StoreError KV_CORRUPT */
  findIn(store: Store): number {
    return store.find(this.words, this.words[Rec.keyHash], this.words[Rec.keySlot], Rec.key);
  }

  /** Whether the record at this word of the store has the same dots, clocks and expiries. */
  isAt({ words }: Store, at: number): boolean {
    return this.isSame(words, at);
  }

  isSame(words: Int32Array, at: number): boolean {
    digester.record(this.words, 0);
    const { high, low } = digester;
    digester.record(words, at);
    return digester.high === high && digester.low === low;
  }

  /** Stages it in place of the expired value at this word, so that no clock brings that back; false where there is no room. */
  bury(store: Store, at: number): boolean {
    const staged = store.reserve(sizeOf(this.words, 0));
    if (staged < 0) return false;
    store.words.set(this.words, staged);
    store.stage(staged, at);
    return true;
  }
}

/**
 * What a member has promised not to take any more: nothing older than these dead records. The very record it does take, for
 * whoever sent it counts on it, and the collection may yet be given up. Checked by its vnodes, which it costs a branch while
 * nothing is being collected.
 */
export class CollectionPromises {
  readonly #byKey = new Map<
    string,
    { readonly owner: number; readonly batch: number; readonly dead: DeadRecord; readonly set: SiblingSet }
  >();

  get size(): number {
    return this.#byKey.size;
  }

  add(owner: number, batch: number, dead: DeadRecord): void {
    this.#byKey.set(dead.key.latin1Slice(), { owner, batch, dead, set: decodeRecord(dead.words, dead.bytes, 0) });
  }

  /** The owner's batch is over, or the owner has begun another one. */
  release(owner: number): void {
    for (const [key, promise] of this.#byKey) if (promise.owner === owner) this.#byKey.delete(key);
  }

  /** Whether the record at this word of a message is older than a dead one. @throws StoreError KV_CORRUPT */
  covers(words: Int32Array, bytes: Buffer, at: number): boolean {
    if (this.#byKey.size === 0) return false;
    const start = at * 4 + RECORD_HEADER_BYTES;
    const promise = this.#byKey.get(bytes.latin1Slice(start, start + keyBytesOf(words, at)));
    if (promise === undefined || promise.dead.isSame(words, at)) return false;
    return decodeRecord(words, bytes, at).vector.every((dot) => covers(promise.set.vector, dot));
  }
}
