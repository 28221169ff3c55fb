/**
 * Strings that a caller hands over seldom stand in the processor's cache. A short loop over them has more of them on their
 * way from memory than the encoding of one after the other. The sums returned only keep the loads from being optimised away.
 */
import type { Key, Value } from './types.js';

/** Pairs whose strings are loaded together; a power of two. */
export const AHEAD_PAIRS = 16;
/** A character in the line of the cache behind the one that a string's head and its first characters take. */
const NEXT_LINE_CHAR = 64;

/** Begins to load both strings of a pair; anything else is left alone. */
export function loadPair(key: Key, value: Value): number {
  return (typeof value === 'string' ? charsOf(value) : 0) + (typeof key === 'string' ? key.length : 0);
}

function charsOf(text: string): number {
  return text.length > NEXT_LINE_CHAR ? text.charCodeAt(NEXT_LINE_CHAR) : text.length;
}

/** Begins to load the strings of the pairs from `start` on. Not all of the list need be pairs. */
export function loadPairs(list: readonly (readonly [Key, Value])[], start: number): number {
  let sum = 0;
  const end = Math.min(list.length, start + AHEAD_PAIRS);
  for (let i = start; i < end; i++) {
    const pair = list[i];
    if (Array.isArray(pair)) sum += loadPair(pair[0], pair[1]);
  }
  return sum;
}
