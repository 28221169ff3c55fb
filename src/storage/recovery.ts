/**
 * Brings a node's hot table back from its commit log: every block of every segment, in order, is copied into the arena
 * and its records enter the index as dirty. The log on disk is what the base table may lack, so the end state is the
 * state before the stop, whatever was flushed in between.
 *
 * What a torn tail is, and what damage, log-walk.ts decides. A damaged log is left as it is, and so is the base table; what
 * can be kept of one is kept by salvage.ts.
 */
import { adopt } from './adopt.js';
import { BlockReplay } from './block-replay.js';
import { CommitLog } from './commit-log.js';
import type { Engine } from './engine.js';
import type { LogDamage } from './log-damage.js';
import { type LogFiles, realFiles } from './log-files.js';
import { LogWalk } from './log-walk.js';
import { LogWindow } from './log-window.js';

export interface RecoveryOptions {
  readonly directory: string;
  readonly segmentBytes?: number;
  readonly files?: LogFiles;
  /** Write everything to the base table before the log goes on: after a failed sync nothing unsynced is trusted. */
  readonly checkpoint?: boolean;
  /** The machine went down without a clean close: what was not synced may have holes. */
  readonly afterPowerLoss?: boolean;
  /** Bytes of a segment that are read together. Default: 4 MiB; two of the largest block. */
  readonly chunkBytes?: number;
}

export interface RecoveryReport {
  readonly records: number;
  readonly segments: number;
  /** A torn tail that was cut, if there was one. */
  readonly cut?: { readonly segment: string; readonly bytes: number };
  /** What a salvage found, by segment, oldest first. */
  readonly damages?: readonly LogDamage[];
}

/**
 * Replays the log into the engine and attaches a log that goes on behind it.
 * @throws StoreError KV_CORRUPT (see `isSalvageable`), KV_FORMAT_TOO_NEW, KV_STORAGE_FULL, KV_STORAGE_FAILED
 */
export async function recover(engine: Engine, options: RecoveryOptions): Promise<RecoveryReport> {
  const { directory, files = realFiles, afterPowerLoss, chunkBytes, segmentBytes } = options;
  const window = new LogWindow(files, chunkBytes);
  const replay = new BlockReplay(engine, window, {
    adopt,
    // an old record must not reach the base table while what comes behind it may prove to be damaged
    beforeFlush: () => new LogWalk(new LogWindow(files, chunkBytes), { directory, files, afterPowerLoss }).run(),
  });
  const onBlock = replay.replay.bind(replay);
  const walk = new LogWalk(window, { directory, files, afterPowerLoss, onBlock });
  await walk.run();
  const log = new CommitLog({
    directory,
    firstSegment: (walk.numbers.at(-1) ?? 0) + 1,
    nextSequence: Math.max(1, walk.nextSequence),
    held: walk.held,
    files,
    ...(segmentBytes !== undefined && { segmentBytes }),
  });
  engine.attachLog(log);
  engine.arena.publish();
  if (options.checkpoint === true) {
    await engine.flusher.flush(log);
    log.sync();
    engine.flusher.dropSynced(log);
  }
  engine.counts.countFlushed(0);
  if (engine.base.entryCount === 0) engine.counts.newKeys = engine.index.entries - engine.counts.privateKeys;
  const { cut, numbers } = walk;
  return { records: replay.records, segments: numbers.length, ...(cut !== undefined && { cut }) };
}
