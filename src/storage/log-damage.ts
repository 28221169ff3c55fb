/** What recovery cannot believe: records whose lengths do not fit, and the error of a log that is damaged, not torn. */
import { StoreError } from '../core/errors.js';
import { Flag, keyBytesOf, RECORD_HEADER_BYTES, sizeOf } from '../protocol/record.js';

export function damaged(path: string, offset: number): StoreError {
  const message = `${path} is damaged at byte ${offset}, with intact blocks behind it; the other replicas still answer`;
  return new StoreError('KV_CORRUPT', message, { path, offset });
}

/** Size and key length that a record claims fit each other. */
export function plausible(words: Int32Array, at: number, endWord: number): boolean {
  const size = sizeOf(words, at);
  if (size < RECORD_HEADER_BYTES || size % 8 !== 0 || at + size / 4 > endWord) return false;
  // a withdrawn record may never have been filled in: only its size counts
  return ((words[at] >>> 24) & Flag.pad) !== 0 || RECORD_HEADER_BYTES + keyBytesOf(words, at) <= size;
}
