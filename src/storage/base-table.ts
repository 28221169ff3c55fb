/**
 * The disk table of one node: an LMDB environment filled from the hot table in large batches sorted by key.
 *
 *   key:   | partition, 2 bytes big endian | user key, 1 to 1,900 bytes |      so a partition is one ordered range
 *   value: | CRC32 of the record, 4 bytes little endian | record |             LMDB checks no pages; each record is checked
 *
 * The table on disk of "Bigtable" (Chang et al., 2006), section 5.3, as a copy-on-write B+ tree (Chu, "MDB", 2011).
 */
import { crc32 } from 'node:zlib';
import { assert, StoreError } from '../core/errors.js';
import {
  BASE_KEY_BYTES_MAX,
  type BaseKey,
  type BaseRange,
  NO_PARTITION,
  PARTITION_BYTES,
  PARTITION_MAX,
  PartitionKeys,
  queryOf,
  splitKey,
} from './base-keys.js';
import { PAGE_BYTES } from './base-meta.js';
import { ExitGate } from './exit-gate.js';
import { LmdbEnvironment, type LmdbStats } from './lmdb-environment.js';

export type { BaseKey, BaseRange } from './base-keys.js';

export interface BaseTableOptions {
  /** Directory of the environment; made if missing. */
  readonly path: string;
  /** Most bytes of live pages, about; as much address space is taken ahead. */
  readonly mapBytesMax: number;
  /** Compress records of 512 bytes and more (LZ4): about 10 us more on the node's thread for each one written. */
  readonly compression: boolean;
  /** Shared with the host, so that it does not terminate the thread inside a native call. */
  readonly gate?: ExitGate;
  /** Records were moved to it: where it is empty, or gone, that is damage. Default: false. */
  readonly mustExist?: boolean;
}

/** One record to write; an empty record deletes the key. Record bytes are opaque here. */
export interface BaseEntry {
  readonly partition: number;
  readonly key: Uint8Array;
  readonly record: Uint8Array;
}

export interface BasePair {
  readonly key: Buffer;
  readonly record: Buffer;
}

const CRC_BYTES = 4;
const COMPRESS_BYTES_MIN = 512;
/** A slice is one transaction: each put costs 2 to 3 us here; tree work and sync are LMDB's thread's. */
const SLICE_ENTRIES_MAX = 500;
const SLICE_ENTRIES_MAX_COMPRESSED = 100;
const SLICE_BYTES_MAX = 1024 * 1024;
/** Entries that a range reads in one go, in one snapshot, before it yields them. */
const CHUNK_ENTRIES_FIRST = 16;
const CHUNK_ENTRIES_MAX = 256;
/** Bytes that LMDB adds to an entry: node header and page offset. */
const ENTRY_OVERHEAD_BYTES = 10 + CRC_BYTES + PARTITION_BYTES;
/** A tree filled in random order leaves pages two thirds full. */
const PAGE_FILL_FACTOR = 1.5;

export class BaseTable {
  readonly #mapBytesMax: number;
  readonly #sliceEntriesMax: number;
  readonly #codec = new PartitionKeys();
  readonly #lmdb: LmdbEnvironment;
  #stats: LmdbStats;
  #writing = false;
  #writes = 0;

  /** @throws StoreError KV_PATH, KV_CORRUPT (see `isOfBase`), KV_FORMAT_TOO_NEW, KV_STORAGE_FAILED */
  static open(options: BaseTableOptions): BaseTable {
    return new BaseTable(options);
  }

  private constructor({ path, mapBytesMax, compression, gate = new ExitGate(), mustExist }: BaseTableOptions) {
    this.#mapBytesMax = mapBytesMax;
    this.#sliceEntriesMax = compression ? SLICE_ENTRIES_MAX_COMPRESSED : SLICE_ENTRIES_MAX;
    this.#lmdb = new LmdbEnvironment({
      path,
      mapBytes: mapBytesMax,
      gate,
      keyEncoder: this.#codec,
      ...(compression && { compressBytesMin: COMPRESS_BYTES_MIN }),
      ...(mustExist !== undefined && { mustExist }),
    });
    this.#stats = this.#lmdb.stats();
  }

  /** Records in the table, as of the last write that ended. */
  get entryCount(): number {
    return this.#stats.entries;
  }

  /** Bytes of live pages, as of the last write that ended; the file is larger by pages that wait for reuse. */
  get bytes(): number {
    return this.#stats.livePages * PAGE_BYTES;
  }

  /** Throws what was found of its pages: then the node must end, and the next life sees to it. @throws StoreError KV_CORRUPT (see `isOfBase`) */
  checkDamage(): void {
    this.#lmdb.checkDamage();
  }

  /** False while it is opened anew behind a failed write, and once it is closed: until then it cannot be read. */
  get isOpen(): boolean {
    return this.#lmdb.isOpen;
  }

  /** Entries of a partition, up to `countMax`: some tens of nanoseconds for each. @throws StoreError KV_STORAGE_FAILED, KV_CLOSED */
  countIn(partition: number, countMax: number): number {
    this.#codec.partition = NO_PARTITION;
    return this.#lmdb.count({ ...queryOf(partition, {}), limit: countMax });
  }

  /**
   * A private copy of the key's record, or undefined. 1 to 4 us when its pages are in memory.
   * @throws StoreError KV_CORRUPT when its checksum does not fit; KV_STORAGE_FAILED, KV_CLOSED
   */
  get(partition: number, key: Uint8Array): Buffer | undefined {
    this.#codec.partition = partition;
    const value = this.#lmdb.getVolatile(key);
    if (value === undefined) return undefined;
    if (value.length <= CRC_BYTES) throw corrupt(partition);
    const record = Buffer.allocUnsafe(value.length - CRC_BYTES);
    value.copy(record, 0, CRC_BYTES, value.length);
    if (!isIntact(value, record)) throw corrupt(partition);
    return record;
  }

  /** Whether the key has an entry, intact or not. @throws StoreError KV_STORAGE_FAILED, KV_CLOSED */
  has(partition: number, key: Uint8Array): boolean {
    this.#codec.partition = partition;
    return this.#lmdb.getVolatile(key) !== undefined;
  }

  /**
   * Writes a batch, one at a time, and resolves when all of it is on disk; quick when sorted by (partition, key). It goes
   * in slices, each one transaction: applied whole or not at all. The thread has to take turns of its event loop
   * meanwhile, each of which blocks it for about a millisecond. The batch is checked against size limit and disk as a whole,
   * before anything is written; where the disk fails later, `details.written` entries stay, and repeating all is safe.
   * @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED, KV_CLOSED
   */
  async write(batch: readonly BaseEntry[]): Promise<void> {
    assert(!this.#writing, 'one write of the base table at a time');
    this.#checkEntries(batch);
    this.#writing = true;
    this.#writes++;
    let written = 0;
    try {
      while (written < batch.length) {
        const end = this.#sliceEnd(batch, written);
        await this.#lmdb.commit((store) => {
          const values = packValues(batch, written, end);
          for (let index = written; index < end; index++) {
            const { partition, key, record } = batch[index];
            this.#codec.partition = partition;
            if (record.length === 0) void store.remove(key);
            else void store.put(key, values[index - written]);
          }
        });
        written = end;
      }
      this.#stats = this.#lmdb.stats();
    } catch (error) {
      this.#lookAgain();
      if (!(error instanceof StoreError)) throw error;
      throw new StoreError(error.code, error.message, { ...error.details, written }, error.cause);
    } finally {
      this.#writing = false;
    }
  }

  /** What is there behind a write that failed: some of its slices are. */
  #lookAgain(): void {
    try {
      this.#stats = this.#lmdb.stats();
    } catch {
      // not opened anew yet, or closed: the next write looks again
    }
  }

  /**
   * A partition's entries in byte order. It reads in chunks, each of one snapshot, and holds none between two yields;
   * writes may happen meanwhile, and what they add behind the position is not seen.
   * @throws StoreError KV_CORRUPT (without `onCorrupt`), KV_STORAGE_FAILED, KV_CLOSED
   */
  *range(partition: number, range: BaseRange = {}): Generator<BasePair, void, undefined> {
    const { reverse = false, limit = Number.POSITIVE_INFINITY, onCorrupt } = range;
    let query = { ...queryOf(partition, range), reverse };
    let chunkEntries = CHUNK_ENTRIES_FIRST;
    for (let left = limit; left > 0; ) {
      const asked = Math.min(chunkEntries, left);
      this.#codec.partition = NO_PARTITION;
      const rows = this.#lmdb.rows({ ...query, limit: asked });
      for (const { key, value } of rows) {
        const record = value.subarray(CRC_BYTES);
        const pair = { key: key.subarray(PARTITION_BYTES), record };
        if (isIntact(value, record)) {
          left--;
          yield pair;
        } else if (onCorrupt !== undefined) onCorrupt(pair.key);
        else throw corrupt(partition);
      }
      if (rows.length < asked) return;
      query = { ...query, start: rows[rows.length - 1].key, exclusiveStart: true };
      chunkEntries = Math.min(CHUNK_ENTRIES_MAX, chunkEntries * 4);
    }
  }

  /**
   * Every key of the table in order, in slices: take each next one in another turn, the place is kept. Keys written
   * meanwhile behind it are not seen, so whoever rebuilds a filter adds those itself. Where nothing was, they must be as many as LMDB says.
   * @throws StoreError KV_STORAGE_FAILED, KV_CORRUPT, KV_CLOSED
   */
  *keys(sliceEntries = CHUNK_ENTRIES_MAX): Generator<readonly BaseKey[], void, undefined> {
    let start: Uint8Array = new Uint8Array(PARTITION_BYTES);
    const writes = this.#writing ? -1 : this.#writes;
    let count = 0;
    for (let exclusiveStart = false; ; exclusiveStart = true) {
      this.#codec.partition = NO_PARTITION;
      const keys = this.#lmdb.keys({ start, exclusiveStart, limit: sliceEntries });
      count += keys.length;
      if (keys.length > 0) yield keys.map(splitKey);
      if (keys.length < sliceEntries) break;
      start = keys[keys.length - 1];
    }
    if (writes === this.#writes && count !== this.entryCount) {
      throw this.#lmdb.distrust(`${count} keys were read of ${this.entryCount}`);
    }
    this.#lmdb.proven();
  }

  /** Waits for the slice in flight, then releases the directory. Idempotent. A dying thread needs no close. */
  async close(): Promise<void> {
    await this.#lmdb.close();
  }

  /** Refuses a batch that would outgrow `mapBytesMax` or the disk. Deletes alone always pass: they make room. */
  #checkEntries(batch: readonly BaseEntry[]): void {
    let bytes = 0;
    for (const { partition, key, record } of batch) {
      assert(key.length >= 1 && key.length <= BASE_KEY_BYTES_MAX, 'a base table key has 1 to 1,932 bytes');
      assert(partition >= 0 && partition <= PARTITION_MAX, 'a partition fits 16 bits');
      if (record.length > 0) bytes += key.length + record.length + ENTRY_OVERHEAD_BYTES;
    }
    if (bytes === 0) return;
    const { livePages, leafPages, filePages } = this.#stats;
    // A transaction copies the leaves it touches; they are reused two transactions later.
    const copied = Math.min(leafPages, batch.length, 3 * this.#sliceEntriesMax);
    const needed = copied * PAGE_BYTES + Math.ceil(bytes * PAGE_FILL_FACTOR);
    const reusable = (filePages - livePages) * PAGE_BYTES;
    const room = Math.min(this.#mapBytesMax - this.bytes, this.#lmdb.diskBytes() + reusable);
    if (needed <= room) return;
    const text = `the base table is full: a batch may need ${needed} bytes, there is room for ${room}`;
    throw new StoreError('KV_STORAGE_FULL', text, { bytes: this.bytes, room, written: 0 });
  }

  #sliceEnd(batch: readonly BaseEntry[], from: number): number {
    const endMax = Math.min(batch.length, from + this.#sliceEntriesMax);
    let bytes = batch[from].record.length;
    let end = from + 1;
    for (; end < endMax && bytes < SLICE_BYTES_MAX; end++) bytes += batch[end].record.length;
    return end;
  }
}

/** The values of a slice, side by side in one allocation that lives until they are written. */
function packValues(batch: readonly BaseEntry[], from: number, end: number): Buffer[] {
  let bytes = 0;
  for (let index = from; index < end; index++) bytes += CRC_BYTES + batch[index].record.length;
  const slab = Buffer.allocUnsafeSlow(bytes);
  const values: Buffer[] = [];
  let at = 0;
  for (let index = from; index < end; index++) {
    const { record } = batch[index];
    slab.writeUInt32LE(crc32(record), at);
    slab.set(record, at + CRC_BYTES);
    values.push(slab.subarray(at, at + CRC_BYTES + record.length));
    at += CRC_BYTES + record.length;
  }
  return values;
}

function isIntact(value: Buffer, record: Buffer): boolean {
  return value.length > CRC_BYTES && value.readUInt32LE(0) === crc32(record);
}

function corrupt(partition: number): StoreError {
  return new StoreError('KV_CORRUPT', 'a record of the base table does not fit its checksum', { partition });
}
