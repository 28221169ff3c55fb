/**
 * Keys whose record on this node could not be read, and whose writes wait for what the others hold (mending.ts). Shared by the
 * coordinator and the vnodes: no later write of such a key is minted before those that wait. A branch while there are none.
 */
import { keyBytesOf, RECORD_HEADER_BYTES } from '../src/protocol/record.js';

export class UnreadKeys {
  readonly #names = new Set<string>();

  /** Whether the key of the record at this word is one of them. */
  has(bytes: Buffer, words: Int32Array, record: number): boolean {
    return this.#names.size > 0 && this.#names.has(keyNameAt(bytes, words, record));
  }

  add(name: string): void {
    this.#names.add(name);
  }

  delete(name: string): void {
    this.#names.delete(name);
  }

  clear(): void {
    this.#names.clear();
  }
}

/** The key of the record at this word, as Latin-1. */
export function keyNameAt(bytes: Buffer, words: Int32Array, record: number): string {
  const start = record * 4 + RECORD_HEADER_BYTES;
  return bytes.latin1Slice(start, start + keyBytesOf(words, record));
}
