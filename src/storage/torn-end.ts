/**
 * Whether what a log ends with is torn, as a process that died in a write leaves it, or damaged. Such a write leaves a
 * beginning of its block, and behind it the zeros that were reserved ahead; nothing of it was confirmed. A block that is not
 * intact though it was written to its end, or whose beginning is no block's, was damaged later, and may have been confirmed.
 *
 * After a power loss pages are missing in any order, and this tells nothing.
 */
import { BLOCK_HEADER_BYTES, claimedBlock } from './log-block.js';
import { holdsRecords } from './log-damage.js';
import type { LogWindow } from './log-window.js';

export interface LogEnd {
  /** The segment's file, and its bytes. */
  readonly fd: number;
  readonly size: number;
  readonly segment: number;
  /** Where the last block begins, which is not intact, and the number that its first record has to have. */
  readonly offset: number;
  readonly nextSequence: number;
}

/** False where it can be told from its bytes that the block at the end was written as a whole; it moves the window. */
export function mayBeTorn(window: LogWindow, { fd, size, segment, offset, nextSequence }: LogEnd): boolean {
  const end = window.endOfBytes(fd, offset, size);
  if (end - offset < BLOCK_HEADER_BYTES) return true;
  const filled = window.fill(fd, offset, size);
  const block = claimedBlock(window.words, 0, segment);
  if (block?.firstSequence !== nextSequence) return false;
  // the file may have been cut, in words that are whole
  const bytes = Math.min((end - offset + 7) & ~7, (size - offset) & ~7);
  if (bytes >= block.bytes) return false;
  // all of its records are there: it is its length that is wrong
  return bytes > filled || !holdsRecords(window.words, 0, { bytes, records: block.records });
}
