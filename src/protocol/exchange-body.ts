/**
 * What two replicas tell each other while they compare: digests and lists of keys, packed into the binary parts of CBOR
 * bodies. The two sides of each function stand together, and a body of the wrong length is refused.
 *
 *   an entry   digest (2 words), replica (2), counter (2), key bytes (1), then the key, unpadded
 */
import { StoreError } from '../core/errors.js';
import type { Entry } from '../core/exchange.js';
import { getNumber, putNumber } from './record.js';

const ENTRY_HEADER_BYTES = 28;
const HEADER_WORDS = ENTRY_HEADER_BYTES / 4;

/** Bytes that an entry takes in a list. */
export const entryBytes = (entry: Entry): number => ENTRY_HEADER_BYTES + entry.key.length;

export function packEntries(entries: readonly Entry[]): Uint8Array {
  const packed = new Uint8Array(entries.reduce((sum, entry) => sum + entryBytes(entry), 0));
  const head = new Int32Array(HEADER_WORDS);
  let at = 0;
  for (const entry of entries) {
    head[0] = entry.high;
    head[1] = entry.low;
    putNumber(head, 2, entry.replica);
    putNumber(head, 4, entry.counter);
    head[6] = entry.key.length;
    packed.set(new Uint8Array(head.buffer), at);
    packed.set(entry.key, at + ENTRY_HEADER_BYTES);
    at += entryBytes(entry);
  }
  return packed;
}

/** @throws StoreError KV_PROTOCOL */
export function unpackEntries(packed: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  const head = new Int32Array(HEADER_WORDS);
  for (let at = 0; at < packed.length; ) {
    if (at + ENTRY_HEADER_BYTES > packed.length) throw torn();
    new Uint8Array(head.buffer).set(packed.subarray(at, at + ENTRY_HEADER_BYTES));
    const start = at + ENTRY_HEADER_BYTES;
    const end = start + head[6];
    if (head[6] < 0 || end > packed.length) throw torn();
    const key = Uint8Array.prototype.slice.call(packed, start, end);
    entries.push({ key, high: head[0], low: head[1], replica: getNumber(head, 2), counter: getNumber(head, 4) });
    at = end;
  }
  return entries;
}

/** Words as bytes that a body can carry. */
export const packWords = (words: Int32Array | Uint16Array): Uint8Array =>
  new Uint8Array(words.buffer, words.byteOffset, words.byteLength).slice();

/** @throws StoreError KV_PROTOCOL unless there are `count` words */
export function unpackWords(packed: Uint8Array, count: number): Int32Array {
  if (packed.length !== count * 4) throw torn();
  return new Int32Array(Uint8Array.from(packed).buffer);
}

/** @throws StoreError KV_PROTOCOL */
export function unpackNodes(packed: Uint8Array): readonly number[] {
  if (packed.length % 2 !== 0) throw torn();
  return [...new Uint16Array(Uint8Array.from(packed).buffer)];
}

function torn(): StoreError {
  return new StoreError('KV_PROTOCOL', 'a body of an exchange has an impossible length');
}
