/**
 * Takes what is intact out of a damaged commit log: everything before the damage, and everything behind it.
 *
 *   1  (the caller has noted durably that writes may be missing here: nothing is changed on disk before)
 *   2  every intact block is replayed, in order; where the base table holds a newer version of a key, that one stays
 *   3  all of it goes to the base table, and is on disk
 *   4  a new segment is begun, behind all that there are
 *   5  the old ones go, oldest first: the damaged ones into a folder for the operator, the others for good
 *
 * Each step may be the last one: what is found then is the damaged log again, or the end of it, whose records are newer than
 * everything that was skipped. So nothing older ever comes up over what the base table holds.
 */
import { join } from 'node:path';
import { adoptNewer } from './adopt.js';
import { BlockReplay, NO_LOG } from './block-replay.js';
import { CommitLog, segmentsIn } from './commit-log.js';
import { keepAside } from './damaged-files.js';
import type { Engine } from './engine.js';
import { segmentName } from './log-block.js';
import type { LogDamage } from './log-damage.js';
import { realFiles } from './log-files.js';
import { LogWindow } from './log-window.js';
import type { RecoveryOptions, RecoveryReport } from './recovery.js';
import { SalvageWalk } from './salvage-walk.js';

export interface SalvageOptions extends Pick<RecoveryOptions, 'directory' | 'files' | 'segmentBytes' | 'chunkBytes'> {
  /** Folder for the damaged segments; made where it is missing. */
  readonly asideDirectory: string;
}

/**
 * Replays what is intact of the log into the engine and the base table, and attaches a log that begins anew behind it.
 * @throws StoreError KV_FORMAT_TOO_NEW, KV_STORAGE_FULL, KV_STORAGE_FAILED: it can be tried again
 */
export async function salvage(engine: Engine, options: SalvageOptions): Promise<RecoveryReport> {
  const { directory, files = realFiles, chunkBytes, segmentBytes, asideDirectory } = options;
  const window = new LogWindow(files, chunkBytes);
  const replay = new BlockReplay(engine, window, { adopt: adoptNewer });
  const walk = new SalvageWalk(window, files, replay.replay.bind(replay));
  const numbers = segmentsIn(files, directory);
  for (const number of numbers) await walk.segment(number, join(directory, segmentName(number)));
  engine.arena.publish();
  engine.counts.beginFlush();
  await engine.flusher.flush(NO_LOG);
  const log = new CommitLog({
    directory,
    firstSegment: (numbers.at(-1) ?? 0) + 1,
    nextSequence: Math.max(1, walk.nextSequence),
    held: [],
    files,
    ...(segmentBytes !== undefined && { segmentBytes }),
  });
  // the base table has all of it
  log.writtenSequence = log.nextSequence;
  log.sync();
  engine.attachLog(log);
  const kept = keepAside(files, { directory, asideDirectory, numbers, damages: walk.damages });
  engine.counts.countFlushed(0);
  const damages = walk.damages.map(({ number, ...damage }): LogDamage => {
    const keptAs = kept.get(number);
    return keptAs === undefined ? damage : { ...damage, keptAs };
  });
  return { records: replay.records, segments: numbers.length, damages };
}
