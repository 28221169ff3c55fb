/**
 * A segment of the commit log that is being written, and its files. It is open twice: the system tells a write-back that failed
 * once to each open file, so what a background sync has met, and not said yet, a sync that is waited for meets as well.
 */
import { join } from 'node:path';
import { TURN_BYTES_MAX } from '../protocol/limits.js';
import { SEGMENT_HEADER_BYTES, segmentHeader, segmentName } from './log-block.js';
import type { LogFiles } from './log-files.js';

export interface Segment {
  readonly number: number;
  /** For writes, and for syncs that are waited for. */
  readonly fd: number;
  /** For syncs in the background. */
  readonly laterFd: number;
  /** Where the next block goes. */
  offset: number;
  /** Up to here the file's blocks are allocated on disk. */
  reserved: number;
  unsynced: boolean;
  /** It was synced at least once, so that its header is there. */
  isOnDisk: boolean;
}

const RESERVE_STEP_BYTES = 1024 * 1024;
const ZEROS = Buffer.alloc(RESERVE_STEP_BYTES);

/** Makes the file of a segment, with room for a turn. @throws a system error: nothing stays open */
export function beginSegment(files: LogFiles, directory: string, number: number, nextSequence: number): Segment {
  const path = join(directory, segmentName(number));
  const opened: number[] = [];
  try {
    opened.push(files.create(path));
    opened.push(files.openRead(path));
    const [fd, laterFd] = opened;
    const header = segmentHeader(number, nextSequence);
    files.write(fd, header, 0, header.length, 0);
    const segment = { number, fd, laterFd, offset: SEGMENT_HEADER_BYTES, reserved: 0, unsynced: true, isOnDisk: false };
    reserveRoom(files, segment);
    files.syncDirectory(directory);
    return segment;
  } catch (error) {
    for (const fd of opened) files.close(fd);
    throw error;
  }
}

/** Writes zeros ahead. @throws a system error */
export function reserveRoom(files: LogFiles, segment: Segment): void {
  const from = Math.max(segment.reserved, segment.offset);
  const to = segment.offset + 3 * TURN_BYTES_MAX;
  for (let at = from; at < to; at += RESERVE_STEP_BYTES) {
    files.write(segment.fd, ZEROS, 0, RESERVE_STEP_BYTES, at);
    segment.reserved = at + RESERVE_STEP_BYTES;
  }
}

export function closeSegments(files: LogFiles, segments: readonly Segment[]): void {
  for (const { fd, laterFd } of segments) {
    files.close(fd);
    files.close(laterFd);
  }
}
