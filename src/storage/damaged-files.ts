/** Where damaged log segments stand for the operator, once what is intact of them is in the base table. */
import { basename, join } from 'node:path';
import { storageError } from './commit-log.js';
import { segmentName, segmentOfName } from './log-block.js';
import type { LogFiles } from './log-files.js';

/** Damaged segments that are kept of one node; beyond, the oldest are removed. */
export const DAMAGED_KEPT_MAX = 4;

export interface OldLog {
  readonly directory: string;
  readonly asideDirectory: string;
  /** All segments, oldest first. */
  readonly numbers: readonly number[];
  readonly damages: readonly { readonly number: number }[];
}

/**
 * Removes the segments from the log, oldest first and durably one by one, since an old one must not outlive a newer one; the
 * damaged ones are moved aside. Returns where those that are still kept stand, by number.
 * @throws StoreError KV_STORAGE_FAILED where one can be neither moved nor removed
 */
export function keepAside(
  files: LogFiles,
  { directory, asideDirectory, numbers, damages }: OldLog,
): Map<number, string> {
  const kept = new Map<number, string>();
  for (const number of numbers) {
    const path = join(directory, segmentName(number));
    if (damages.some((damage) => damage.number === number)) {
      const to = join(asideDirectory, freeName(files, asideDirectory, number));
      if (tryMove(files, path, to)) {
        kept.set(number, to);
        continue;
      }
    }
    try {
      files.remove(path);
      files.syncDirectory(directory);
    } catch (error) {
      throw storageError(`cannot remove ${path}`, error);
    }
  }
  const gone = kept.size > 0 ? prune(files, asideDirectory) : [];
  for (const [number, path] of kept) if (gone.includes(basename(path))) kept.delete(number);
  return kept;
}

/** False where there is no room, or no right, to keep the file: it is of use to the operator alone. */
function tryMove(files: LogFiles, from: string, to: string): boolean {
  try {
    files.move(from, to);
    return true;
  } catch {
    return false;
  }
}

/** The segment's own name; with a number behind it where an earlier salvage has left a file of that name. */
function freeName(files: LogFiles, directory: string, number: number): string {
  const taken = namesIn(files, directory);
  const name = segmentName(number);
  if (!taken.includes(name)) return name;
  let copy = 2;
  while (taken.includes(`${name}.${copy}`)) copy++;
  return `${name}.${copy}`;
}

/** Removes all but the newest; returns the names of those removed. */
function prune(files: LogFiles, directory: string): string[] {
  const segments = namesIn(files, directory).filter((name) => segmentOfName(name.replace(/\.\d+$/, '')) !== undefined);
  const gone = segments.sort().slice(0, -DAMAGED_KEPT_MAX);
  try {
    for (const name of gone) files.remove(join(directory, name));
  } catch {
    // they cost room, nothing else; the next salvage tries again
  }
  return gone;
}

function namesIn(files: LogFiles, directory: string): string[] {
  try {
    return files.list(directory);
  } catch {
    return [];
  }
}
