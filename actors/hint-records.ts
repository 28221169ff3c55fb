/**
 * Hints and notes as private records of the node that keeps them.
 *
 *   hint  kind | target (2) | partition (2) | the user's key    written at, milliseconds since 1970 (8)
 *   note  kind | target (2) | partition (2)                     the same
 */
import type { Store } from '../src/actor/ports.js';
import {
  getPrivate,
  PrivateKind,
  type PrivatePage,
  pagePrivate,
  privateKey,
  putPrivate,
} from '../src/actor/private-record.js';
import { asStoreError } from '../src/core/errors.js';
import { hashKey } from '../src/core/key-hash.js';
import { slotOf } from '../src/core/slot-hash.js';
import { recordBytes } from '../src/protocol/record.js';

export interface Hint {
  /** The private key, which names it. */
  readonly key: Uint8Array;
  readonly target: number;
  readonly partition: number;
  readonly writtenAtMs: number;
}

const PREFIX_BYTES = 5;
const VALUE_BYTES = 8;

function placeKey(kind: PrivateKind, target: number, partition: number, userKey: Uint8Array): Uint8Array {
  const rest = new Uint8Array(PREFIX_BYTES - 1 + userKey.length);
  rest[0] = target >>> 8;
  rest[1] = target;
  rest[2] = partition >>> 8;
  rest[3] = partition;
  rest.set(userKey, PREFIX_BYTES - 1);
  return privateKey(kind, rest);
}

export const hintKey = (target: number, partition: number, userKey: Uint8Array): Uint8Array =>
  placeKey(PrivateKind.hint, target, partition, userKey);

export const noteKey = (target: number, partition: number): Uint8Array =>
  placeKey(PrivateKind.note, target, partition, new Uint8Array(0));

/** The user's key of a hint. */
export const userKeyOf = (key: Uint8Array): Uint8Array => key.subarray(PREFIX_BYTES);
export const targetOf = (key: Uint8Array): number => (key[1] << 8) | key[2];
export const partitionOf = (key: Uint8Array): number => (key[3] << 8) | key[4];

/** What a hint takes of its target's bytes: those of its record. */
export const hintBytes = (key: Uint8Array): number => recordBytes(key.length, VALUE_BYTES, false);

/** Keeps a hint or a note. False where the store has no room. */
export function putDated(store: Store, key: Uint8Array, nowMs: number): boolean {
  const value = new Uint8Array(VALUE_BYTES);
  new DataView(value.buffer).setFloat64(0, nowMs);
  return putPrivate(store, key, value);
}

export const hasPrivate = (store: Store, key: Uint8Array): boolean => getPrivate(store, key) !== undefined;

/** Hints in key order behind `after`: those for one target, or all. */
export function pageHints(store: Store, { target, ...page }: PrivatePage & { readonly target?: number }): Hint[] {
  const prefix = target === undefined ? [PrivateKind.hint] : [PrivateKind.hint, target >>> 8, target];
  const pairs = pagePrivate(store, Uint8Array.from(prefix), page);
  return pairs.map(({ key, value }) => ({
    key,
    target: targetOf(key),
    partition: partitionOf(key),
    writtenAtMs: new DataView(value.buffer, value.byteOffset).getFloat64(0),
  }));
}

/**
 * What `run` does with the store, or undefined where the store cannot do it now: its memory waits for the disk, or the disk
 * gives no right record. @throws whatever else it throws
 */
export function attempt<Result>(run: () => Result): Result | undefined {
  try {
    return run();
  } catch (error) {
    const { code } = asStoreError(error);
    if (code === 'KV_OVERLOADED' || code === 'KV_CORRUPT') return undefined;
    throw error;
  }
}

/** A partition that needs anti-entropy with a node. */
export interface Note {
  readonly target: number;
  readonly partition: number;
}

/** Notes in order, behind `after`; before them damaged ones, whose keys say all that is needed. */
export function pageNotes(store: Store, { after, limit }: { readonly after?: Note; readonly limit: number }): Note[] {
  const from = after === undefined ? undefined : noteKey(after.target, after.partition);
  const keys: Uint8Array[] = [];
  const page = { after: from, limit, onCorrupt: (key: Uint8Array) => keys.push(key) };
  for (const { key } of pagePrivate(store, Uint8Array.of(PrivateKind.note), page)) keys.push(key);
  return keys.map((key) => ({ target: targetOf(key), partition: partitionOf(key) }));
}

const keyWords = new Int32Array(512);
const keyBytes = new Uint8Array(keyWords.buffer);

/** Word index of the node's record of a user's key, or -1. @throws StoreError KV_CORRUPT */
export function findUserRecord(store: Store, userKey: Uint8Array): number {
  keyWords[(userKey.length - 1) >>> 2] = 0;
  keyBytes.set(userKey);
  const keySlot = userKey.length | (slotOf(userKey) << 16);
  return store.find(keyWords, hashKey(keyWords, 0, userKey.length), keySlot, 0);
}
