/**
 * One LMDB environment as kvorum uses it: opened by one thread, read at the newest snapshot, written in closed batches by
 * LMDB's own thread, one at a time. That is the only way of writing that survives the death of the thread: a synchronous
 * transaction deadlocks a terminated thread, and a batch that LMDB has begun and JavaScript not ended crashes the process.
 * After a failed commit LMDB may refuse the next one with its lock held, so the environment is then opened anew.
 */
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, readSync, statfsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { RangeOptions, RootDatabase, RootDatabaseOptionsWithPath } from 'lmdb';
import { StoreError } from '../core/errors.js';
import type { ExitGate } from './exit-gate.js';

export interface LmdbOptions {
  readonly path: string;
  /** Bytes of address space taken ahead; LMDB itself does not stop there. */
  readonly mapBytes: number;
  /** Records from this size on are compressed (LZ4); absent: none. */
  readonly compressBytesMin?: number;
  readonly gate: ExitGate;
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

export const PAGE_BYTES = 4096;
/** LMDB's two meta pages. */
const META_PAGES = 2;
/** Of each meta page. */
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;
/** Left free on the disk, for several nodes that write at once, their logs, and what statfs cannot foresee. */
const DISK_RESERVE_BYTES = 16 * 1024 * 1024;
const DISK_FULL_CODES: readonly number[] = [28, 122, 27, -30_792]; // ENOSPC, EDQUOT, EFBIG, MDB_MAP_FULL
const CORRUPT_CODES: readonly number[] = [-30_797, -30_796]; // MDB_PAGE_NOTFOUND, MDB_CORRUPTED
const PATH_CODES: readonly string[] = [
  'EACCES',
  'ENOENT',
  'ENOTDIR',
  'EEXIST',
  'EROFS',
  'EPERM',
  'ENAMETOOLONG',
  'ELOOP',
];

export class LmdbEnvironment {
  readonly #options: LmdbOptions;
  #store: Store | undefined;
  #suspect = false;
  #closed = false;

  /** @throws StoreError KV_PATH, KV_CORRUPT, KV_STORAGE_FAILED */
  constructor(options: LmdbOptions) {
    this.#options = options;
    this.#store = openStore(options);
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
      throw readError(error);
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
   * @throws StoreError KV_STORAGE_FULL, KV_STORAGE_FAILED, KV_CLOSED: nothing of it was applied
   */
  async commit(fill: (store: Pick<Store, 'put' | 'remove'>) => void): Promise<void> {
    if (this.#suspect) await this.#reopen();
    const store = this.#opened();
    if (this.diskBytes() === 0) throw diskFull(this.#options.path);
    // A snapshot that is still held would keep LMDB from reusing pages.
    store.resetReadTxn();
    try {
      await store.batch(() => fill(store));
    } catch (error) {
      const failure = await commitError(error, this.#options.path);
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
  }

  async #reopen(): Promise<void> {
    const store = this.#store;
    this.#store = undefined;
    await store?.close();
    if (this.#closed) return;
    this.#store = openStore(this.#options);
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
      throw readError(error);
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

function openStore(options: LmdbOptions): Store {
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
    checkFiles(path);
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

/** lmdb crashes the process where LMDB refuses to open, so what it would refuse is looked for before. */
function checkFiles(path: string): void {
  accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
  for (const name of ['data.mdb', 'lock.mdb']) {
    const file = join(path, name);
    if (existsSync(file)) accessSync(file, constants.R_OK | constants.W_OK);
  }
  const file = join(path, 'data.mdb');
  if (!existsSync(file)) return;
  const start = Buffer.alloc(2 * PAGE_BYTES);
  const descriptor = openSync(file, 'r');
  const bytes = readSync(descriptor, start, 0, start.length, 0);
  closeSync(descriptor);
  const isLmdb = (page: number): boolean => start.readUInt32LE(page * PAGE_BYTES + MAGIC_OFFSET) === MAGIC;
  if (bytes === 0 || (isLmdb(0) && isLmdb(1))) return;
  throw new StoreError('KV_CORRUPT', `the base table at ${path} is damaged: data.mdb is none of LMDB`, { path });
}

function codeOf(error: unknown): string | number {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' || typeof code === 'number' ? code : 'unknown';
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function openError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const isPath = (typeof code === 'string' && PATH_CODES.includes(code)) || code === 13 || code === 2;
  const text = `the base table at ${path} cannot be opened: ${textOf(error)}`;
  return new StoreError(isPath ? 'KV_PATH' : 'KV_STORAGE_FAILED', text, { path, code }, error);
}

function readError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const code = codeOf(error);
  const isCorrupt = typeof code === 'number' && CORRUPT_CODES.includes(code);
  const text = `the base table cannot be read: ${textOf(error)}`;
  return new StoreError(isCorrupt ? 'KV_CORRUPT' : 'KV_STORAGE_FAILED', text, { code }, error);
}

/** lmdb rejects with a wrapper whose `commitError` is a promise that rejects with the cause. */
async function commitError(error: unknown, path: string): Promise<StoreError> {
  let cause = error;
  try {
    await (error as { commitError?: Promise<never> }).commitError;
  } catch (thrown) {
    cause = thrown;
  }
  const code = codeOf(cause);
  const isFull = typeof code === 'number' && DISK_FULL_CODES.includes(code);
  const text = `the base table cannot be written: ${textOf(cause)}`;
  return new StoreError(isFull ? 'KV_STORAGE_FULL' : 'KV_STORAGE_FAILED', text, { path, code }, cause);
}

function diskFull(path: string): StoreError {
  return new StoreError('KV_STORAGE_FULL', `the disk of the base table is full, at ${path}`, { path });
}
