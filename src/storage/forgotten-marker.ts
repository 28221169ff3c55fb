/**
 * The marker that stands for a key which its node forgot: head and key of the record before it, no value. It hides what
 * the base table still holds, and leaves with it at the next flush.
 */
import { copyWords, Flag, keyBytesOf, Rec, recordBytes } from '../protocol/record.js';

/** Bytes of the marker for the record at this word. */
export const markerBytes = (words: Int32Array, at: number): number => recordBytes(keyBytesOf(words, at), 0, false);

const headAndKeyWords = (words: Int32Array, at: number): number => Rec.key + ((keyBytesOf(words, at) + 3) >>> 2);

/** Copies as much of a record as its marker needs. */
export function copyHeadAndKey(words: Int32Array, at: number, to: Int32Array, start: number): void {
  copyWords(words, at, to, start, headAndKeyWords(words, at));
}

/** Writes the marker for the head and key at `head[0..]`. */
export function writeMarker(head: Int32Array, words: Int32Array, marker: number): void {
  const bytes = markerBytes(head, 0);
  words.fill(0, marker, marker + bytes / 4);
  copyHeadAndKey(head, 0, words, marker);
  words[marker + Rec.size] = bytes | ((Flag.tombstone | Flag.forgotten) << 24);
  words[marker + Rec.valueTag] = 0;
}
