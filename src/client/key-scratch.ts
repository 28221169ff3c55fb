/**
 * One key at a time, encoded into words with its hash, slot and length: what the tables and the messages compare.
 * Short ASCII keys, the common ones, take one pass that also computes the slot.
 */
import { StoreError } from '../core/errors.js';
import { hashKey } from '../core/key-hash.js';
import { slotOf } from '../core/slot-hash.js';
import { KEY_BYTES_MAX } from '../protocol/limits.js';
import type { Key } from './types.js';

const SCRATCH_BYTES = 8192;
/** Longer strings are encoded faster by the native UTF-8 writer. */
const LOOP_CHARS_MAX = 40;

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
    const length = typeof key === 'string' ? this.#setString(key) : this.#setBytes(key);
    this.length = length;
    this.hash = hashKey(this.words, 0, length);
    this.keySlot = length | (slotOf(this.bytes, 0, length) << 16);
  }

  #setString(key: string): number {
    const { bytes, words } = this;
    const count = key.length;
    if (count === 0 || count > KEY_BYTES_MAX) throw invalidKey(count);
    words[(count - 1) >>> 2] = 0;
    if (count <= LOOP_CHARS_MAX) {
      let i = 0;
      for (; i < count; i++) {
        const code = key.charCodeAt(i);
        if (code > 0x7f) break;
        bytes[i] = code;
      }
      if (i === count) return count;
    }
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
