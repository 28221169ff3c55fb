/** What recovery cannot believe: records whose lengths do not fit, and the error of a log that is damaged, not torn. */
import { basename } from 'node:path';
import { StoreError } from '../core/errors.js';
import { Flag, keyBytesOf, RECORD_HEADER_BYTES, sizeOf } from '../protocol/record.js';
import { isOfBase } from './base-damage.js';
import { BLOCK_HEADER_BYTES, type BlockHeader } from './log-block.js';

/** What a salvage found in one segment. */
export interface LogDamage {
  /** Path of the segment, as it was. */
  readonly segment: string;
  /** Where in it the first damage begins. */
  readonly offset: number;
  /** Bytes of it that were skipped, in all its damaged places; 0 where only its end is missing. */
  readonly bytes: number;
  /** Records that are missing, as far as the numbers of those around them tell. */
  readonly lost: number;
  /** Records of this segment that were kept. */
  readonly salvaged: number;
  /** Where the file stands now; absent where it could not be kept. */
  readonly keptAs?: string;
}

/** The error of a log that is damaged before its end. */
export function damaged(path: string, offset: number): StoreError {
  const message = `${path} is damaged at byte ${offset}, before its end`;
  return new StoreError('KV_CORRUPT', message, { path, offset, segment: basename(path) });
}

/** Whether an error of a node's start is one that a salvage is for: of a damaged log, base table or `node.json`. */
export const isSalvageable = (error: StoreError): boolean =>
  isOfBase(error) ||
  (error.code === 'KV_CORRUPT' && (error.details.segment !== undefined || isOfNodeFile(error.details)));

/** Whether it is of `node.json`, of which nothing else tells. */
export const isOfNodeFile = (details: StoreError['details']): boolean => details.nodeFile === true;

/** That error where a store of `n` replicas has too few that could make up for what is missing: with what to do. */
export function beyondHelp({ code, message, details }: StoreError, n: number): StoreError {
  const why = n === 1 ? 'there is no other replica to heal from' : `so are others: of ${n} replicas none may be whole`;
  const advice = 'restore the directory of the node from a backup, or remove it, and lose what only it holds';
  return new StoreError(code, `${message}, and ${why}; ${advice}`, details);
}

/** Whether the records of an intact block can be believed: as many as it says, one behind the other, within it. */
export function holdsRecords(words: Int32Array, at: number, block: Pick<BlockHeader, 'bytes' | 'records'>): boolean {
  const end = at + block.bytes / 4;
  let word = at + BLOCK_HEADER_BYTES / 4;
  for (let i = 0; i < block.records; i++) {
    if (!plausible(words, word, end)) return false;
    word += sizeOf(words, word) / 4;
  }
  return true;
}

/** Size and key length that a record claims fit each other. */
function plausible(words: Int32Array, at: number, endWord: number): boolean {
  const size = sizeOf(words, at);
  if (size < RECORD_HEADER_BYTES || size % 8 !== 0 || at + size / 4 > endWord) return false;
  // a withdrawn record may never have been filled in: only its size counts
  return ((words[at] >>> 24) & Flag.pad) !== 0 || RECORD_HEADER_BYTES + keyBytesOf(words, at) <= size;
}
