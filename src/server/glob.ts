/**
 * Redis' glob patterns on bytes: `*`, `?`, `[abc]`, `[^a-z]`, `\` to escape.
 *
 * A failed match goes back to the last star only, so the cost is O(pattern x text), never exponential.
 */

const STAR = 42;
const QUESTION = 63;
const OPEN = 91;
const CLOSE = 93;
const CARET = 94;
const DASH = 45;
const BACKSLASH = 92;

/** Whether the whole text matches. */
export function globMatches(pattern: Uint8Array, text: Uint8Array): boolean {
  let at = 0;
  let inText = 0;
  let starAt = -1;
  let starText = 0;
  while (inText < text.length) {
    if (at < pattern.length && pattern[at] === STAR) {
      starAt = at;
      starText = inText;
      at += 1;
      continue;
    }
    const after = at < pattern.length ? matchOne(pattern, at, text[inText]) : -1;
    if (after >= 0) {
      at = after;
      inText += 1;
    } else if (starAt >= 0) {
      starText += 1;
      inText = starText;
      at = starAt + 1;
    } else return false;
  }
  while (at < pattern.length && pattern[at] === STAR) at += 1;
  return at === pattern.length;
}

/** The bytes that every match starts with: the pattern up to its first wildcard, escapes resolved. */
export function globPrefix(pattern: Uint8Array): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < pattern.length; at++) {
    const byte = pattern[at];
    if (byte === STAR || byte === QUESTION || byte === OPEN) break;
    if (byte === BACKSLASH && at + 1 < pattern.length) at += 1;
    bytes.push(pattern[at]);
  }
  return Buffer.from(bytes);
}

/** Position behind the pattern's element at `at` when it matches the byte, or -1. */
function matchOne(pattern: Uint8Array, at: number, byte: number): number {
  const element = pattern[at];
  if (element === QUESTION) return at + 1;
  if (element === OPEN) return matchClass(pattern, at + 1, byte);
  const escaped = element === BACKSLASH && at + 1 < pattern.length;
  if (escaped) return pattern[at + 1] === byte ? at + 2 : -1;
  return element === byte ? at + 1 : -1;
}

/** The same for `[...]`, from behind its bracket; a class that is not closed ends with the pattern, as in Redis. */
function matchClass(pattern: Uint8Array, from: number, byte: number): number {
  let at = from;
  const negated = pattern[at] === CARET;
  if (negated) at += 1;
  let found = false;
  for (; at < pattern.length && pattern[at] !== CLOSE; at++) {
    if (pattern[at] === BACKSLASH && at + 1 < pattern.length) {
      at += 1;
      found ||= pattern[at] === byte;
    } else if (pattern[at + 1] === DASH && at + 2 < pattern.length) {
      const low = Math.min(pattern[at], pattern[at + 2]);
      const high = Math.max(pattern[at], pattern[at + 2]);
      found ||= byte >= low && byte <= high;
      at += 2;
    } else found ||= pattern[at] === byte;
  }
  if (found === negated) return -1;
  return Math.min(at + 1, pattern.length);
}
