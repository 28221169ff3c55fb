/**
 * Splits the line of an inline command into words, as redis-cli and telnet users type them.
 *
 * Words are separated by blanks; "double quotes" know \n \r \t \b \a \xHH and escape any other byte, 'single quotes' know
 * only \'. A closing quote must be followed by a blank or the end (the rules of Redis' sdssplitargs).
 */

const BACKSLASH = 92;
const DOUBLE = 34;
const SINGLE = 39;
const ESCAPES = new Map([
  [110, 10],
  [114, 13],
  [116, 9],
  [98, 8],
  [97, 7],
]);

/** The words of a line, or undefined where quotes do not match. Words without quotes are views into the line. */
export function splitInline(line: Buffer): Buffer[] | undefined {
  const words: Buffer[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isBlank(line[at])) at += 1;
    if (at >= line.length) return words;
    let end = at;
    while (end < line.length && !isBlank(line[end]) && line[end] !== DOUBLE && line[end] !== SINGLE) end += 1;
    if (end >= line.length || isBlank(line[end])) {
      words.push(line.subarray(at, end));
      at = end;
      continue;
    }
    const quoted = readQuotedWord(line, at);
    if (quoted === undefined) return undefined;
    words.push(quoted.word);
    at = quoted.end;
  }
}

/** A word that has quotes somewhere: `pre"quoted"`. Its bytes never outgrow the line. */
function readQuotedWord(line: Buffer, from: number): { word: Buffer; end: number } | undefined {
  const word = Buffer.allocUnsafe(line.length - from);
  let length = 0;
  let quote = 0;
  let at = from;
  for (; at < line.length; at++) {
    const byte = line[at];
    if (quote === 0) {
      if (isBlank(byte)) break;
      if (byte === DOUBLE || byte === SINGLE) quote = byte;
      else word[length++] = byte;
    } else if (byte === quote) {
      if (at + 1 < line.length && !isBlank(line[at + 1])) return undefined;
      quote = 0;
    } else if (byte === BACKSLASH && at + 1 < line.length) {
      const escaped = readEscape(line, at, quote);
      word[length++] = escaped.byte;
      at = escaped.last;
    } else word[length++] = byte;
  }
  return quote === 0 ? { word: word.subarray(0, length), end: at } : undefined;
}

/** The byte that the backslash at `at` stands for, and the last position that it takes. */
function readEscape(line: Buffer, at: number, quote: number): { byte: number; last: number } {
  const following = line[at + 1];
  if (quote === SINGLE) {
    return following === SINGLE ? { byte: SINGLE, last: at + 1 } : { byte: BACKSLASH, last: at };
  }
  if (following === 120) {
    const digits = line.toString('latin1', at + 2, at + 4);
    if (/^[0-9a-f]{2}$/i.test(digits)) return { byte: Number.parseInt(digits, 16), last: at + 3 };
  }
  return { byte: ESCAPES.get(following) ?? following, last: at + 1 };
}

function isBlank(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13) || byte === 0;
}
