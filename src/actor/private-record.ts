/**
 * What a node keeps for itself in its own store: hints, notes, the ring map, promises to its peers. Private records go
 * through the same log, table and base table as users' records, in a partition behind those of the ring; they are never
 * replicated, served or counted.
 *
 *   key    kind (one byte, append-only) | whatever tells records of the kind apart, up to 1,931 bytes
 *   value  bytes; the dot and the clock are empty
 */
import { asStoreError } from '../core/errors.js';
import { SYSTEM_SLOT } from '../core/ids.js';
import { hashKey } from '../core/key-hash.js';
import {
  copyWords,
  keyBytesOf,
  RECORD_HEADER_BYTES,
  Rec,
  recordBytes,
  Tag,
  valueBytesOf,
  valueWord,
} from '../protocol/record.js';
import type { PageRequest, Store } from './ports.js';

/** First byte of a private key. Append-only. */
export const enum PrivateKind {
  hint = 1,
  /** A partition that needs anti-entropy with a node. */
  note = 2,
  ringMap = 3,
  promise = 4,
  transfer = 5,
  doubt = 6,
  /** A record that only a rolled-back node held, kept for the operator. */
  setAside = 7,
  /** The replica id that a partition's vnode mints under in place of the storage incarnation. */
  minter = 8,
}

export interface PrivatePair {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const KEY_BYTES_MAX = 1_932;
const keyWords = new Int32Array(KEY_BYTES_MAX / 4 + 1);
const keyBytes = new Uint8Array(keyWords.buffer);

/** The private key of a kind. */
export function privateKey(kind: PrivateKind, rest: Uint8Array = new Uint8Array(0)): Uint8Array {
  const key = new Uint8Array(1 + rest.length);
  key[0] = kind;
  key.set(rest, 1);
  return key;
}

/** What `run` does, or 'corrupt' where that meets a record that cannot be read. @throws whatever else it throws */
export function unlessCorrupt<Result>(run: () => Result): Result | 'corrupt' {
  try {
    return run();
  } catch (error) {
    if (asStoreError(error).code === 'KV_CORRUPT') return 'corrupt';
    throw error;
  }
}

/**
 * Keeps a value under a private key, in place of the one before, readable or not. False where the store has no room: nothing
 * was done.
 */
export function putPrivate(store: Store, key: Uint8Array, value: Uint8Array): boolean {
  const existing = unlessCorrupt(() => findPrivate(store, key));
  const bytes = recordBytes(key.length, value.length, false);
  const at = store.reserve(bytes);
  if (at < 0) return false;
  const { words } = store;
  words.fill(0, at + 1, at + bytes / 4);
  words[at + Rec.size] = bytes;
  words[at + Rec.keyHash] = hashKey(keyWords, 0, key.length);
  words[at + Rec.keySlot] = key.length | (SYSTEM_SLOT << 16);
  words[at + Rec.valueTag] = value.length | (Tag.bytes << 24);
  copyWords(keyWords, 0, words, at + Rec.key, (key.length + 3) >>> 2);
  store.bytes.set(value, (at + valueWord(words, at)) * 4);
  store.stage(at, existing === 'corrupt' ? -1 : existing);
  return true;
}

/** A copy of the value under a private key, or undefined. @throws StoreError KV_CORRUPT */
export function getPrivate(store: Store, key: Uint8Array): Uint8Array | undefined {
  const at = findPrivate(store, key);
  return at < 0 ? undefined : valueAt(store.words, store.bytes, at);
}

/** Removes a private key, readable or not; false where the store has no room. */
export function forgetPrivate(store: Store, key: Uint8Array): boolean {
  const found = unlessCorrupt(() => findPrivate(store, key));
  if (found === 'corrupt' && !putPrivate(store, key, new Uint8Array(0))) return false;
  const at = found === 'corrupt' ? findPrivate(store, key) : found;
  return at < 0 || store.forget(at);
}

export interface PrivatePage {
  readonly after?: Uint8Array | undefined;
  readonly limit: number;
  /** Told of keys whose record cannot be read, perhaps some that stand behind the page. */
  readonly onCorrupt?: (key: Uint8Array) => void;
}

/**
 * Copies of up to `limit` private pairs whose keys begin with `prefix`, behind `after` where it is given, in key order. No
 * other node has what cannot be read: it is left out, so that the others behind it are still found.
 */
export function pagePrivate(store: Store, prefix: Uint8Array, { after, limit, onCorrupt }: PrivatePage): PrivatePair[] {
  const pairs: PrivatePair[] = [];
  const request: PageRequest = {
    ...(after === undefined ? { gte: prefix } : { gt: after }),
    limit,
    onCorrupt(key) {
      if (startsWith(key, prefix)) onCorrupt?.(Uint8Array.from(key));
    },
  };
  store.page(store.systemPartition, request, (words, at) => {
    const bytes = new Uint8Array(words.buffer, words.byteOffset + at * 4, (words[at + Rec.size] & 0xff_ff_ff) >>> 0);
    const key = bytes.slice(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + keyBytesOf(words, at));
    if (!startsWith(key, prefix)) return false;
    const start = valueWord(words, at) * 4;
    pairs.push({ key, value: bytes.slice(start, start + valueBytesOf(words, at)) });
    return true;
  });
  return pairs;
}

function findPrivate(store: Store, key: Uint8Array): number {
  keyWords[(key.length - 1) >>> 2] = 0;
  keyBytes.set(key);
  const keySlot = key.length | (SYSTEM_SLOT << 16);
  return store.find(keyWords, hashKey(keyWords, 0, key.length), keySlot, 0);
}

function valueAt(words: Int32Array, bytes: Buffer, at: number): Uint8Array {
  const start = (at + valueWord(words, at)) * 4;
  return new Uint8Array(bytes.subarray(start, start + valueBytesOf(words, at)));
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false;
  return true;
}
