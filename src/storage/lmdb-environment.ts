/**
 * One LMDB environment as kvorum uses it: opened by one thread, read at the newest snapshot, written in closed batches by
 * LMDB's own thread, one at a time. That is the only way of writing that survives the death of the thread: a synchronous
 * transaction deadlocks a terminated thread, and a batch that LMDB has begun and JavaScript not ended crashes the process.
 * After a failed commit LMDB may refuse the next one with its lock held, so the environment is then opened anew.
 */
import { mkdirSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { RangeOptions, RootDatabase, RootDatabaseOptionsWithPath } from 'lmdb';
import { StoreError } from '../core/errors.js';
import { beginBaseLife, checkBase } from './base-check.js';
import { baseDamaged, noteDamage, noteProven, noteUnproven, UNPROVEN_MAX } from './base-damage.js';
import { META_PAGES, PAGE_BYTES } from './base-meta.js';
import type { ExitGate } from './exit-gate.js';
import { commitCause, commitError, damageOf, diskFull, openError, readError, textOf } from './lmdb-errors.js';

export interface LmdbOptions {
  readonly path: string;
  /** Bytes of address space taken ahead; LMDB itself does not stop there. */
  readonly mapBytes: number;
  /** Records from this size on are compressed (LZ4); absent: none. */
  readonly compressBytesMin?: number;
  readonly gate: ExitGate;
  /** Records were moved to it: where it is empty, or gone, they are lost. */
  readonly mustExist?: boolean;
  /** Writes a key into LMDB's buffer and returns where it ends; reads one back as a private copy. */
  readonly keyEncoder: LmdbKeyEncoder;
}

export interface LmdbKeyEncoder {
  writeKey(key: Uint8Array, target: Buffer, start: number): number;
  readKey(source: Buffer, start: number, end: number): Buffer;
}

export interface LmdbStats {
  readonly entries: number;
  /** Pages of the tree that hold data; freed pages of the file are not among them. */
  readonly livePages: number;
  readonly leafPages: number;
  /** Pages of the file; those above `livePages` wait for reuse. */
  readonly filePages: number;
}

export interface LmdbRow {
  readonly key: Buffer;
  /** A private copy. */
  readonly value: Buffer;
}

/** As CommonJS, which is one file: as modules it is twenty, and each node's thread loads them. */
const { open } = createRequire(import.meta.url)('lmdb') as typeof import('lmdb');

type Store = RootDatabase<Buffer, Uint8Array>;

/** Left free on the disk, for several nodes that write at once, their logs, and what statfs cannot foresee. */
const DISK_RESERVE_BYTES = 16 * 1024 * 1024;

export class LmdbEnvironment {
  readonly #options: LmdbOptions;
  #store: Store | undefined;
  #suspect = false;
  #closed = false;
  #damage: StoreError | undefined;

  /** @throws StoreError KV_PATH, KV_CORRUPT, KV_FORMAT_TOO_NEW, KV_STORAGE_FAILED */
  constructor(options: LmdbOptions) {
    this.#options = options;
    this.#store = openStore(options, (path) => beginBaseLife(path, options.mustExist === true));
  }

  /** Throws what a read or a commit has found of its pages: from then on nothing that it says can be trusted. @throws StoreError KV_CORRUPT */
  checkDamage(): void {
    if (this.#damage !== undefined) throw this.#damage;
  }

  /** What was read fits no whole tree: the next life looks at every page. */
  distrust(reason: string): StoreError {
    noteUnproven(this.#options.path, UNPROVEN_MAX);
    this.#damage ??= baseDamaged(this.#options.path, reason);
    return this.#damage;
  }

  /** Every key was read: a life that ends from here on has another reason. */
  proven(): void {
    if (this.#damage === undefined) noteProven(this.#options.path);
  }

  /** The error of a native call, which is noted where it tells of a damaged page. */
  #failure(error: unknown, other: (error: unknown) => StoreError): StoreError {
    const damage = damageOf(error);
    if (damage === 'none') return other(error);
    if (damage === 'damaged' && this.#damage === undefined) noteDamage(this.#options.path, textOf(error));
    return this.distrust(textOf(error));
  }

  get closed(): boolean {
    return this.#closed;
  }

  get isOpen(): boolean {
    return this.#store !== undefined;
  }

  /** The value in LMDB's own buffer, overwritten by the next read; its `length` is right, its ArrayBuffer is larger. */
  getVolatile(key: Uint8Array): Buffer | undefined {
    const store = this.#opened();
    try {
      return store.getBinaryFast(key);
    } catch (error) {
      throw this.#failure(error, readError);
    }
  }

  /** Entries in order, all of one snapshot, none of it held afterwards. */
  rows(query: RangeOptions): LmdbRow[] {
    return this.#guarded((store) => [...store.getRange(query)] as LmdbRow[]);
  }

  /** Keys in order, likewise. */
  keys(query: RangeOptions): Buffer[] {
    return this.#guarded((store) => [...store.getKeys(query)] as Buffer[]);
  }

  /** How many keys there are, up to the query's limit. */
  count(query: RangeOptions): number {
    return this.#guarded((store) => store.getKeysCount(query));
  }

  stats(): LmdbStats {
    return this.#guarded((store) => {
      const stats = store.getStats() as PageCounts & { free: PageCounts; lastPageNumber: number };
      const { entryCount: entries, treeLeafPageCount: leafPages, lastPageNumber } = stats;
      const livePages = META_PAGES + pages(stats) + pages(stats.free);
      return { entries, leafPages, livePages, filePages: Math.max(livePages, lastPageNumber + 1) };
    });
  }

  /** Bytes that the disk can take beyond its reserve. LMDB must not meet a full disk: it corrupts its heap there. */
  diskBytes(): number {
    try {
      const disk = statfsSync(this.#options.path);
      return Math.max(0, disk.bavail * disk.bsize - DISK_RESERVE_BYTES);
    } catch (error) {
      throw readError(error);
    }
  }

  /**
   * One transaction: `fill` puts and removes, synchronously, and must not throw; resolves when it is on disk. Not before
   * the last one has settled. Needs turns of the event loop.
   * @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED, KV_CORRUPT, KV_CLOSED: nothing of it was applied
   */
  async commit(fill: (store: Pick<Store, 'put' | 'remove'>) => void): Promise<void> {
    this.checkDamage();
    if (this.#suspect) await this.#reopen();
    const store = this.#opened();
    if (this.diskBytes() === 0) throw diskFull(this.#options.path);
    // A snapshot that is still held would keep LMDB from reusing pages.
    store.resetReadTxn();
    try {
      await store.batch(() => fill(store));
    } catch (error) {
      const failure = this.#failure(await commitCause(error), (cause) => commitError(cause, this.#options.path));
      this.#suspect = true;
      // At once, since after a failed meta page LMDB refuses reads as well; where that fails, the next commit tries again.
      await this.#reopen().catch(() => undefined);
      throw failure;
    }
    if (!this.#closed) store.resetReadTxn();
  }

  /** Waits for the commit in flight. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
    if (store !== undefined) this.proven();
  }

  async #reopen(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
    if (this.#closed) return;
    this.#store = openStore(this.#options, checkBase);
    this.#suspect = false;
  }

  #opened(): Store {
    if (this.#store !== undefined) return this.#store;
    if (this.#closed) throw new StoreError('KV_CLOSED', 'the base table is closed');
    throw new StoreError('KV_STORAGE_FAILED', 'the base table is being opened anew after a failed write');
  }

  /** Runs native calls that build JavaScript objects, in which the host must not terminate the thread. */
  #guarded<Result>(read: (store: Store) => Result): Result {
    const store = this.#opened();
    this.#options.gate.enter();
    try {
      return read(store);
    } catch (error) {
      throw this.#failure(error, readError);
    } finally {
      this.#options.gate.leave();
    }
  }
}

interface PageCounts {
  readonly entryCount: number;
  readonly treeBranchPageCount: number;
  readonly treeLeafPageCount: number;
  readonly overflowPages: number;
}

function pages(counts: PageCounts): number {
  return counts.treeBranchPageCount + counts.treeLeafPageCount + counts.overflowPages;
}

/** `check`: looks at the files before. */
function openStore(options: LmdbOptions, check: (path: string) => void): Store {
  const { path, mapBytes, compressBytesMin, keyEncoder, gate } = options;
  const settings: RootDatabaseOptionsWithPath & Record<string, unknown> = {
    path,
    noSubdir: false,
    mapSize: mapBytes,
    pageSize: PAGE_BYTES,
    maxDbs: 1,
    encoding: 'binary',
    keyEncoder,
    // Readers are few, and data larger than memory is read at random.
    maxReaders: 64,
    noReadAhead: true,
    compression: compressBytesMin === undefined ? false : { threshold: compressBytesMin },
    // A commit that resolves is on disk.
    overlappingSync: false,
    // Closed batches: LMDB's thread starts on one only when it is complete.
    eventTurnBatching: false,
    batchStartThreshold: 2 ** 30,
  };
  gate.enter();
  try {
    mkdirSync(path, { recursive: true });
    check(path);
    const store: Store = open<Buffer, Uint8Array>(settings);
    // The first read makes the transaction object that all later ones reuse: better here, inside the gate.
    store.getStats();
    return store;
  } catch (error) {
    throw openError(error, path);
  } finally {
    gate.leave();
  }
}
