/**
 * Keys whose record on this node could not be read, and whose writes wait for what the others hold (mending.ts). Shared by the
 * coordinator and the vnodes: no later write of such a key is minted before those that wait. A branch while there are none.
 */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { Unread } from '../src/protocol/mend-messages.js';
import { Kind } from '../src/protocol/messages.js';
import { copyWords, keyBytesOf, RECORD_HEADER_BYTES } from '../src/protocol/record.js';

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

/** Tells the anti-entropy of this node that what it holds of a key cannot be read: hash and slot word at `at`, the key at `keyAt`. */
export function castUnread(env: Env, words: Int32Array, at: number, keyAt: number): void {
  const keyWords = ((words[at + 1] & 0xffff) + 3) >>> 2;
  const bytes = ((Unread.key + keyWords) * 4 + 7) & ~7;
  const out = env.open(Kind.unread, addressOf(Role.antiEntropy, env.node, 0), 0, bytes);
  if (out === undefined) return;
  out.words[out.at + Unread.keyHash] = words[at];
  out.words[out.at + Unread.keySlot] = words[at + 1];
  copyWords(words, keyAt, out.words, out.at + Unread.key, keyWords);
}
