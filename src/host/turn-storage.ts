/** A node's storage as its worker loop turns it: the engine's log, the upkeep between turns, and now and then the counters. */
import type { TurnStorage } from '../actor/ports.js';
import { Count } from '../runtime/counters.js';
import type { Engine } from '../storage/engine.js';
import type { Maintenance } from '../storage/maintenance.js';
import { HeapWatch } from './heap-watch.js';
import { publishCounters } from './publish-counters.js';

export interface TurnStorageParts {
  readonly counters: Int32Array;
  /** For tests of supervision: whether the node is to end. */
  readonly mustFail: () => boolean;
  /** Told now and then: everything before this sequence number is on disk. */
  readonly onSynced: (sequence: number) => void;
}

/** Between two times that the end of the synced log is told. */
const TELL_MS = 5_000;

/** The ports of one node's loop. */
export function turnStorage(
  engine: Engine,
  maintenance: Maintenance,
  { counters, mustFail, onSynced }: TurnStorageParts,
): TurnStorage {
  const heap = new HeapWatch();
  let seen = -1;
  let published = -1;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return {
    get turnBytes() {
      return engine.turnBytes;
    },
    preload: (words, at, messages) => engine.preload(words, at, messages),
    commit: () => engine.commit(),
    publish: () => engine.publish(),
    maintain: (nowMs) => {
      maintenance.run(nowMs);
      if (mustFail()) throw new Error('asked to fail');
      heap.look(nowMs);
      if (nowMs - toldAtMs >= TELL_MS || nowMs < toldAtMs) {
        toldAtMs = nowMs;
        onSynced(engine.log.syncedSequence);
      }
      const messages = counters[Count.messages];
      const quiet = messages === seen && messages !== published;
      seen = messages;
      if (!quiet && (counters[Count.turns] & 15) !== 0) return;
      published = messages;
      publishCounters(engine, counters);
    },
    get busy() {
      return maintenance.busy;
    },
    get pending() {
      return maintenance.pending;
    },
    get pauseMs() {
      return maintenance.pauseMs;
    },
  };
}
