/**
 * What a node does between turns: reserves log room, makes arena room ahead, starts flushes, syncs by interval, rebuilds
 * the bloom filter in slices, and decides when writes are slowed down or refused.
 *
 *   dirty share of the arena   0 ... flush at 0.25, where that much of it is alive ... compact where less is, as soon as
 *                              what is dirty and a copy of what is alive take 0.75
 *                              ... slow down a flush that falls behind from 0.55 ... refuse at 0.85
 */
import { asStoreError, type StoreError } from '../core/errors.js';
import { SYSTEM_SLOT } from '../core/ids.js';
import { hashKey } from '../core/key-hash.js';
import { slotOf } from '../core/slot-hash.js';
import { TURN_BYTES_MAX } from '../protocol/limits.js';
import { failure } from '../protocol/outcome.js';
import type { BaseKey } from './base-table.js';
import { Compactor } from './compactor.js';
import type { Engine } from './engine.js';
import { Pacing } from './pacing.js';

export interface MaintenanceOptions {
  /** Milliseconds between background syncs of what asked for them. */
  readonly syncIntervalMs: number;
  readonly logBytesMax: number;
  readonly mapBytesMax: number;
  /** Told of a storage error that refuses writes; a failed sync is thrown instead. */
  readonly onError: (error: StoreError) => void;
  /** Told when writes begin to be refused because memory or log waits for the disk. */
  readonly onOverloaded?: () => void;
}

const FLUSH_SHARE = 0.25;
/** From here on writes are paced while a flush is under way. */
const SLOW_SHARE = 0.4;
const INDEX_FULL_SHARE = 0.95;
const OVERLOADED = failure('KV_OVERLOADED');
const REFUSE_SHARE = 0.85;
/** Dirty bytes and a copy of those alive may take this share of the arena; then they are compacted, or flushed before. */
const COMPACT_SHARE = 0.75;
/** From here on the loop pauses while a compaction waits for the log's sync, which only a turn of the event loop tells of. */
const WAIT_SHARE = 0.78;
const WAIT_MS = 2;
/** Bytes that a compaction moves in one turn: at least these, and four times what the turn has logged. */
const COMPACT_BYTES = 16 * 1024;
const COMPACT_FACTOR = 4;
/** Arena bytes kept free ahead of a turn, as a share; at least one turn's. */
const FREE_SHARE = 1 / 16;
const RETRY_MS = 1_000;
/** Dirty records older than this go to the base table even if they are few, so that a restart has little to replay. */
const FLUSH_AFTER_MS = 60_000;
const BLOOM_SLICE_KEYS = 256;
/** Share of `logBytesMax` that one segment may take, since the one being written cannot be dropped. */
const SEGMENT_SHARE = 1 / 8;

export class Maintenance {
  readonly #engine: Engine;
  readonly #options: MaintenanceOptions;
  /** The host's clock without its wrap, from the first run on. */
  #elapsedMs = 0;
  #nowMs: number | undefined;
  #lastSyncMs = 0;
  #lastFlushMs = 0;
  /** Why there is no log room, and why the last flush failed, each with the time of the next try. */
  #logFull: StoreError | undefined;
  #logRetryMs = 0;
  #baseFull: StoreError | undefined;
  #flushRetryMs = 0;
  #dropRetryMs = 0;
  readonly #compactor: Compactor;
  readonly #pacing = new Pacing();
  /** Bytes of the log that the pacing has counted, and what the flush under way is to write. */
  #pacedBytes = 0;
  #flushBytes = 0;
  /** Bytes of the log at the last step of a compaction. */
  #writtenBefore = 0;
  #rebuild: Generator<readonly BaseKey[], void, undefined> | undefined;
  readonly #keyWords = new Int32Array(512);
  readonly #keyBytes = new Uint8Array(this.#keyWords.buffer);

  constructor(engine: Engine, options: MaintenanceOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#compactor = new Compactor(engine, engine.flusher.fresh.partitions);
    engine.log.boundSegments(options.logBytesMax * SEGMENT_SHARE);
    this.#beginRebuild();
  }

  /** True while something needs turns of the event loop to go on. */
  get busy(): boolean {
    return this.#engine.flusher.running || this.#engine.log.busy || this.#compactor.running;
  }

  /** True while there is work for an idle thread. */
  get pending(): boolean {
    const rebuilds = this.#rebuild !== undefined && this.#engine.base.isOpen;
    return rebuilds || (this.#compactor.moving && this.#logFull === undefined);
  }

  /** Why writes are refused now, if they are. */
  get readOnly(): StoreError | undefined {
    return this.#logFull ?? this.#baseFull;
  }

  /** Milliseconds that the loop should pause before it takes more work: 0 unless the disk has to be waited for. */
  get pauseMs(): number {
    if (this.#compactor.running && !this.#compactor.moving && this.#share() > WAIT_SHARE) return WAIT_MS;
    return this.#engine.flusher.running && this.#share() > SLOW_SHARE ? this.#pacing.pauseMs : 0;
  }

  /** Counts what was written while a flush is under way. */
  #pace(): void {
    const { flusher, log, arena, dirtyShare } = this.#engine;
    const written = log.bytesWritten - this.#pacedBytes;
    this.#pacedBytes = log.bytesWritten;
    if (!flusher.running) return;
    const capacity = arena.capacityUnits * 8;
    const inMemory = (REFUSE_SHARE - Math.max(dirtyShare, this.#indexShare())) * capacity;
    const room = Math.min(inMemory, this.#options.logBytesMax - log.bytes);
    this.#pacing.write(this.#elapsedMs, written, room, { progress: flusher.progress, bytes: this.#flushBytes });
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

  /** Call between turns, with the host's monotonic milliseconds as 32 bits. @throws StoreError KV_STORAGE_FAILED, KV_CORRUPT: the node must end */
  run(nowMs: number): void {
    const engine = this.#engine;
    this.#elapsedMs += (nowMs - (this.#nowMs ?? nowMs)) | 0;
    this.#nowMs = nowMs;
    engine.log.checkFailure();
    engine.base.checkDamage();
    if (this.#elapsedMs >= this.#logRetryMs) this.#reserve();
    engine.logRoomBytes = this.#logFull === undefined ? Number.POSITIVE_INFINITY : engine.log.roomBytes;
    const free = Math.min(
      engine.arena.capacityUnits * 4,
      Math.max(2 * TURN_BYTES_MAX, engine.arena.capacityUnits * 8 * FREE_SHARE),
    );
    if (engine.arena.freeUnits * 8 < free || engine.index.entries >= engine.index.entriesMax) engine.makeRoom(free);
    // not during a flush: it has set bits already for keys that the base table does not show yet
    if (this.#rebuild !== undefined) this.#rebuildSlice();
    else if (engine.bloom.saturated && !engine.flusher.running) this.#beginRebuild();
    this.#dropSynced();
    // a full disk leaves the room that is reserved ahead to the turns
    if (this.#compactor.running) {
      if (this.#logFull === undefined || !this.#compactor.moving) this.#compact();
      this.#dropSynced();
    } else this.#flushIfDue();
    this.#syncIfDue();
    this.#pace();
    const refusal = this.#refusal();
    if (refusal === OVERLOADED && engine.refusal !== OVERLOADED) this.#options.onOverloaded?.();
    engine.refusal = refusal;
  }

  #refusal(): number {
    const { readOnly } = this;
    if (readOnly !== undefined) return failure(readOnly.code);
    return this.#share() >= REFUSE_SHARE ? OVERLOADED : 0;
  }

  #reserve(): void {
    try {
      this.#engine.log.reserveTurn();
      this.#logFull = undefined;
    } catch (error) {
      const failed = asStoreError(error);
      if (this.#logFull === undefined) this.#options.onError(failed);
      this.#logFull = failed;
      this.#logRetryMs = this.#elapsedMs + RETRY_MS;
    }
  }

  #flushIfDue(): void {
    const engine = this.#engine;
    const { flusher, log } = engine;
    if (flusher.running || this.#elapsedMs < this.#flushRetryMs) return;
    if (!this.#flushDue()) {
      if (this.#logFull === undefined && this.#compactionDue()) this.#startCompaction();
      return;
    }
    this.#flush(engine, log);
  }

  /** Log segments that cannot be removed cost room, nothing else: told once, tried again later. */
  #dropSynced(): void {
    const { flusher, log } = this.#engine;
    if (!flusher.dropping || this.#elapsedMs < this.#dropRetryMs) return;
    try {
      flusher.dropSynced(log);
      if (!flusher.dropping) this.#dropRetryMs = 0;
    } catch (error) {
      if (this.#dropRetryMs === 0) this.#options.onError(asStoreError(error));
      this.#dropRetryMs = this.#elapsedMs + RETRY_MS;
    }
  }

  /** Moves on with the compaction, in step with what the turns log; a flush takes over where there is no room. */
  #compact(): void {
    const engine = this.#engine;
    const written = engine.log.bytesWritten - this.#writtenBefore - this.#compactor.stepBytes;
    this.#writtenBefore = engine.log.bytesWritten;
    const bytes = Math.min(TURN_BYTES_MAX, Math.max(COMPACT_BYTES, COMPACT_FACTOR * written));
    if (!this.#compactor.step(bytes)) this.#flush(engine, engine.log);
  }

  #flush(engine: Engine, log: Engine['log']): void {
    const { flusher } = engine;
    this.#lastFlushMs = this.#elapsedMs;
    const before = engine.counts.newKeys;
    const dirtyLive = engine.counts.beginFlush();
    this.#flushBytes = dirtyLive;
    this.#pacing.begin(this.#elapsedMs);
    flusher.flush(log).then(
      () => {
        engine.counts.countFlushed(before);
        this.#baseFull = undefined;
        this.#pacing.end(this.#elapsedMs, dirtyLive);
      },
      (error: unknown) => {
        engine.counts.flushFailed(dirtyLive);
        const failed = asStoreError(error);
        if (this.#baseFull === undefined) this.#options.onError(failed);
        this.#baseFull = failed;
        this.#flushRetryMs = this.#elapsedMs + RETRY_MS;
      },
    );
  }

  #flushDue(): boolean {
    const { arena, index, dirtyBytes } = this.#engine;
    const { dirtyLiveBytes } = this.#engine.counts;
    if (this.#baseFull !== undefined) return true;
    if (dirtyLiveBytes >= arena.capacityUnits * 8 * FLUSH_SHARE) return true;
    if (this.#logIsLong() && (dirtyLiveBytes * 2 >= dirtyBytes || dirtyBytes === 0)) return true;
    if (dirtyBytes === 0) return false;
    // small records fill the index before the arena: what is dirty cannot be evicted
    if (index.entries >= index.entriesMax * INDEX_FULL_SHARE && dirtyBytes >= arena.usedUnits * 8 * FLUSH_SHARE) {
      return true;
    }
    return this.#elapsedMs - this.#lastFlushMs > FLUSH_AFTER_MS;
  }

  #logIsLong(): boolean {
    const { log, dirtyBytes } = this.#engine;
    return log.bytes > this.#options.logBytesMax * FLUSH_SHARE && (dirtyBytes > 0 || log.droppable);
  }

  #compactionDue(): boolean {
    const { arena, dirtyShare, counts, starved } = this.#engine;
    const liveShare = counts.dirtyLiveBytes / (arena.capacityUnits * 8);
    return dirtyShare + liveShare >= COMPACT_SHARE || this.#logIsLong() || (starved && dirtyShare > 0);
  }

  #startCompaction(): void {
    this.#engine.starved = false;
    this.#writtenBefore = this.#engine.log.bytesWritten;
    this.#compactor.start();
  }

  #syncIfDue(): void {
    const { syncIntervalMs } = this.#options;
    const engine = this.#engine;
    if (!engine.syncSoon || engine.log.busy || this.#elapsedMs - this.#lastSyncMs < syncIntervalMs) return;
    this.#lastSyncMs = this.#elapsedMs;
    engine.syncSoon = false;
    engine.log.syncLater();
  }

  #beginRebuild(): void {
    const { base, bloom } = this.#engine;
    bloom.beginRebuild(Math.max(4096, base.entryCount * 2));
    if (base.entryCount === 0) bloom.finishRebuild();
    else this.#rebuild = base.keys(BLOOM_SLICE_KEYS);
  }

  #rebuildSlice(): void {
    if (!this.#engine.base.isOpen) return;
    const slice = this.#rebuild?.next();
    if (slice === undefined || slice.done === true) {
      this.#rebuild = undefined;
      this.#engine.bloom.finishRebuild();
      return;
    }
    for (const { partition, key } of slice.value) {
      this.#keyWords[(key.length - 1) >>> 2] = 0;
      this.#keyBytes.set(key);
      this.#engine.bloom.add(
        hashKey(this.#keyWords, 0, key.length),
        partition === this.#engine.systemPartition ? SYSTEM_SLOT : slotOf(key),
      );
    }
  }
}
