/** Copies what a node's storage has counted into the shared counters, where `stats` reads it. */
import { Count } from '../runtime/counters.js';
import type { Engine } from '../storage/engine.js';

export function publishCounters(engine: Engine, counters: Int32Array): void {
  counters[Count.logWrites] = engine.log.writes;
  counters[Count.logSyncs] = engine.log.syncs;
  counters[Count.flushes] = engine.flusher.flushes;
  counters[Count.evictions] = engine.reclaimer.evictions;
  counters[Count.hotEntries] = engine.index.entries;
  counters[Count.hotKiB] = engine.arena.usedUnits >>> 7;
  counters[Count.dirtyKiB] = engine.dirtyBytes >>> 10;
  counters[Count.logKiB] = Math.floor(engine.log.bytes / 1024);
  counters[Count.baseEntries] = engine.base.entryCount;
  counters[Count.baseKiB] = Math.floor(engine.base.bytes / 1024);
  counters[Count.keysAbout] = engine.counts.keysAbout;
  counters[Count.refusal] = engine.refusal;
}
