/**
 * What a node does between turns: reserves log room, makes arena room ahead, starts flushes, syncs by interval, rebuilds
 * the bloom filter in slices, and decides when writes are slowed down or refused.
 *
 *   dirty share of the arena   0 ... flush at 0.25 ... slow down from 0.55 ... refuse at 0.80
 */
import { asStoreError, type StoreError } from '../core/errors.js';
import { hashKey } from '../core/key-hash.js';
import { slotOf } from '../core/slot-hash.js';
import { TURN_BYTES_MAX } from '../protocol/limits.js';
import { failure } from '../protocol/outcome.js';
import type { BaseKey } from './base-table.js';
import type { Engine } from './engine.js';

export interface MaintenanceOptions {
  /** Milliseconds between background syncs; 0 for none. */
  readonly syncIntervalMs: number;
  readonly logBytesMax: number;
  readonly mapBytesMax: number;
  /** Told of a storage error that refuses writes; a failed sync is thrown instead. */
  readonly onError: (error: StoreError) => void;
}

const FLUSH_SHARE = 0.25;
const SLOW_SHARE = 0.55;
const REFUSE_SHARE = 0.8;
/** Arena bytes kept free ahead of a turn, as a share; at least one turn's. */
const FREE_SHARE = 1 / 16;
const RETRY_MS = 1_000;
/** Dirty records older than this go to the base table even if they are few, so that a restart has little to replay. */
const FLUSH_AFTER_MS = 60_000;
const BLOOM_SLICE_KEYS = 256;

export class Maintenance {
  readonly #engine: Engine;
  readonly #options: MaintenanceOptions;
  #lastSyncMs = 0;
  #lastFlushMs = 0;
  #retryAtMs = 0;
  #full: StoreError | undefined;
  #rebuild: Generator<readonly BaseKey[], void, undefined> | undefined;
  readonly #keyWords = new Int32Array(512);
  readonly #keyBytes = new Uint8Array(this.#keyWords.buffer);

  constructor(engine: Engine, options: MaintenanceOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#beginRebuild();
  }

  /** True while something needs turns of the event loop to go on. */
  get busy(): boolean {
    return this.#engine.flusher.running || this.#engine.log.busy;
  }

  /** True while there is work for an idle thread. */
  get pending(): boolean {
    return this.#rebuild !== undefined;
  }

  /** Why writes are refused now, if they are. */
  get readOnly(): StoreError | undefined {
    return this.#full;
  }

  /** Milliseconds that the loop should pause before it takes more work: 0 unless the flush falls behind. */
  get pauseMs(): number {
    const share = this.#share();
    if (share <= SLOW_SHARE || !this.#engine.flusher.running) return 0;
    return Math.ceil(((share - SLOW_SHARE) / (REFUSE_SHARE - SLOW_SHARE)) * 10);
  }

  #share(): number {
    const log = this.#engine.log.bytes / this.#options.logBytesMax;
    return Math.max(this.#engine.dirtyShare, log * REFUSE_SHARE, this.#indexShare());
  }

  /** Index entries that the flush has to free, where small records fill the index before the arena. */
  #indexShare(): number {
    const { index, dirtyShare } = this.#engine;
    return dirtyShare === 0 ? 0 : (index.entries / index.entriesMax) * Math.min(1, dirtyShare * 4) * SLOW_SHARE;
  }

  /** Call between turns, with the host's monotonic milliseconds. @throws StoreError KV_STORAGE_FAILED: the node must end */
  run(nowMs: number): void {
    const engine = this.#engine;
    engine.log.checkFailure();
    if (nowMs >= this.#retryAtMs) this.#reserve(nowMs);
    const free = Math.min(
      engine.arena.capacityUnits * 4,
      Math.max(2 * TURN_BYTES_MAX, engine.arena.capacityUnits * 8 * FREE_SHARE),
    );
    if (engine.arena.freeUnits * 8 < free || engine.index.entries >= engine.index.entriesMax) engine.makeRoom(free);
    this.#flushIfDue(nowMs);
    this.#syncIfDue(nowMs);
    if (this.#rebuild !== undefined) this.#rebuildSlice();
    else if (engine.bloom.saturated) this.#beginRebuild();
    engine.refusal = this.#refusal();
  }

  #refusal(): number {
    if (this.#full !== undefined) return failure(this.#full.code);
    return this.#share() >= REFUSE_SHARE ? failure('KV_OVERLOADED') : 0;
  }

  #reserve(nowMs: number): void {
    try {
      this.#engine.log.reserveTurn();
      if (this.#full !== undefined && this.#retryAtMs > 0) this.#lastFlushMs = 0;
      this.#full = undefined;
      this.#retryAtMs = 0;
    } catch (error) {
      this.#refuse(asStoreError(error), nowMs);
    }
  }

  #refuse(error: StoreError, nowMs: number): void {
    if (this.#full === undefined) this.#options.onError(error);
    this.#full = error;
    this.#retryAtMs = nowMs + RETRY_MS;
  }

  #flushIfDue(nowMs: number): void {
    const { flusher, log, dirtyShare, index } = this.#engine;
    if (flusher.running || nowMs < this.#retryAtMs) return;
    const full = index.entries >= index.entriesMax * 0.95 && dirtyShare > 0;
    const old = dirtyShare > 0 && nowMs - this.#lastFlushMs > FLUSH_AFTER_MS;
    const logFull = log.bytes > this.#options.logBytesMax * FLUSH_SHARE && dirtyShare > 0;
    if (dirtyShare < FLUSH_SHARE && !full && !old && !logFull) return;
    this.#lastFlushMs = nowMs;
    const before = this.#engine.newKeys;
    flusher.flush(log).then(
      () => {
        this.#engine.newKeys -= before;
      },
      (error: unknown) => this.#refuse(asStoreError(error), nowMs),
    );
  }

  #syncIfDue(nowMs: number): void {
    const { syncIntervalMs } = this.#options;
    if (syncIntervalMs === 0 || nowMs - this.#lastSyncMs < syncIntervalMs) return;
    this.#lastSyncMs = nowMs;
    this.#engine.log.syncLater();
  }

  #beginRebuild(): void {
    const { base, bloom } = this.#engine;
    bloom.beginRebuild(Math.max(4096, base.entryCount * 2));
    if (base.entryCount === 0) bloom.finishRebuild();
    else this.#rebuild = base.keys(BLOOM_SLICE_KEYS);
  }

  #rebuildSlice(): void {
    const slice = this.#rebuild?.next();
    if (slice === undefined || slice.done === true) {
      this.#rebuild = undefined;
      this.#engine.bloom.finishRebuild();
      return;
    }
    for (const { key } of slice.value) {
      this.#keyWords[(key.length - 1) >>> 2] = 0;
      this.#keyBytes.set(key);
      this.#engine.bloom.add(hashKey(this.#keyWords, 0, key.length), slotOf(key));
    }
  }
}
