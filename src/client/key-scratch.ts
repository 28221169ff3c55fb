/**
 * One key at a time, encoded into words with its hash, slot and length: what the tables and the messages compare.
 * Short ASCII keys, the common ones, take one pass that also computes the slot.
 */
import { StoreError } from '../core/errors.js';
import { hashKey } from '../core/key-hash.js';
import { crc16Byte, crc16Four, slotOf, slotOfCrc } from '../core/slot-hash.js';
import { KEY_BYTES_MAX } from '../protocol/limits.js';
import type { Key } from './types.js';

const SCRATCH_BYTES = 8192;
/** Longer strings are encoded faster by the native UTF-8 writer. */
const LOOP_CHARS_MAX = 40;
const TAG_OPEN = 0x7b;

export class KeyScratch {
  readonly words = new Int32Array(SCRATCH_BYTES / 4);
  readonly bytes: Buffer = Buffer.from(this.words.buffer);
  hash = 0;
  /** Length (16 bits) | slot (16 bits), as in a record. */
  keySlot = 0;
  length = 0;

  get slot(): number {
    return this.keySlot >>> 16;
  }

  /** Words that the key takes, padded. */
  get keyWords(): number {
    return (this.length + 3) >>> 2;
  }

  /** Encodes a key. @throws StoreError KV_INVALID_KEY */
  set(key: Key): void {
    if (typeof key === 'string' && key.length <= LOOP_CHARS_MAX && this.#setAscii(key)) return;
    const length = typeof key === 'string' ? this.#setString(key) : this.#setBytes(key);
    this.length = length;
    this.hash = hashKey(this.words, 0, length);
    this.keySlot = length | (slotOf(this.bytes, 0, length) << 16);
  }

  /** Packs four characters a word and computes the slot on the way; false for what is not ASCII or has a tag. */
  #setAscii(key: string): boolean {
    const { words } = this;
    const count = key.length;
    const whole = count & ~3;
    let crc = 0;
    let seen = 0;
    let hasTag = count === 0;
    for (let i = 0; i < whole; i += 4) {
      const a = key.charCodeAt(i);
      const b = key.charCodeAt(i + 1);
      const c = key.charCodeAt(i + 2);
      const d = key.charCodeAt(i + 3);
      seen |= a | b | c | d;
      if (a === TAG_OPEN || b === TAG_OPEN || c === TAG_OPEN || d === TAG_OPEN) hasTag = true;
      words[i >>> 2] = a | (b << 8) | (c << 16) | (d << 24);
      crc = crc16Four(crc, a, b, c, d);
    }
    if (whole < count) words[whole >>> 2] = 0;
    for (let i = whole; i < count; i++) {
      const code = key.charCodeAt(i);
      seen |= code;
      if (code === TAG_OPEN) hasTag = true;
      this.bytes[i] = code;
      crc = crc16Byte(crc, code);
    }
    if (hasTag || seen > 0x7f) return false;
    this.length = count;
    this.hash = hashKey(words, 0, count);
    this.keySlot = count | (slotOfCrc(crc) << 16);
    return true;
  }

  #setString(key: string): number {
    const { bytes } = this;
    const count = key.length;
    if (count === 0 || count > KEY_BYTES_MAX) throw invalidKey(count);
    const length = bytes.utf8Write(key, 0, KEY_BYTES_MAX + 4);
    if (length > KEY_BYTES_MAX) throw invalidKey(length);
    this.#pad(length);
    return length;
  }

  #setBytes(key: Uint8Array): number {
    if (!(key instanceof Uint8Array)) {
      throw new StoreError('KV_INVALID_KEY', `a key is a string or a Uint8Array, not ${typeof key}`);
    }
    if (key.length === 0 || key.length > KEY_BYTES_MAX) throw invalidKey(key.length);
    this.bytes.set(key);
    this.#pad(key.length);
    return key.length;
  }

  #pad(length: number): void {
    for (let i = length; (i & 3) !== 0; i++) this.bytes[i] = 0;
  }
}

function invalidKey(bytes: number): StoreError {
  const message = bytes === 0 ? 'a key cannot be empty' : `a key has 1 to ${KEY_BYTES_MAX} bytes, this one is longer`;
  return new StoreError('KV_INVALID_KEY', message, { bytes, bytesMax: KEY_BYTES_MAX });
}
