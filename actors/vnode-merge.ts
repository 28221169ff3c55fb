/**
 * How a vnode takes the record of a replica: what it covers is dropped, what covers it is copied as it is, anything else is
 * merged. Two plain records of one replica id are compared in place.
 */
import { nodeOf } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { Standing, type Store } from '../src/actor/ports.js';
import { asStoreError } from '../src/core/errors.js';
import { observe } from '../src/core/hybrid-clock.js';
import { rarely } from '../src/core/rare-path.js';
import { mergeSets, type SiblingSet, sameSet } from '../src/core/siblings.js';
import type { MessageView } from '../src/protocol/header.js';
import { Replicate } from '../src/protocol/messages.js';
import { Ask, failure, isOlderThan, success } from '../src/protocol/outcome.js';
import { clockOf, copyWords, counterOf, Flag, flagsOf, Rec, sameDot, sizeOf } from '../src/protocol/record.js';
import { decodeRecord, encodedBytes, encodeRecord, keyParts } from '../src/protocol/record-set.js';
import { castUnread } from './unread-keys.js';
import { askDurability, findHeld, findOrRenounce, type Renouncing, type VnodeOptions } from './vnode-mint.js';

/** Takes the record at this word of a `replicate`, or of a batch of them, into a partition of this node; the outcome. */
export function takeRecord(
  message: MessageView,
  record: number,
  partition: number,
  { promises, minters }: Pick<VnodeOptions, 'promises' | 'minters'>,
  env: Env,
  isWanted = true,
): number {
  const { store, placement } = env;
  const options = message.u32(Replicate.options);
  try {
    // who has left and has delivered all that it had, or was given up, may know what was deleted and forgotten since
    const isStranger = placement.standingOf(nodeOf(message.from)) === Standing.none;
    if (isOlderThan(options, placement.begunAt[partition])) return failure('KV_STALE_EPOCH');
    if (isStranger || !isWanted) return failure('KV_UNAVAILABLE');
    const isPromised = promises?.covers(message.words, message.bytes, record) === true;
    const outcome = isPromised ? 0 : mergeRecord(message, record, { minters, partition }, env);
    return outcome === 0 ? success(1, askDurability(options, store)) : outcome;
  } catch (error) {
    const { code } = asStoreError(error);
    if (code === 'KV_CORRUPT') castUnread(env, message.words, record + Rec.keyHash, record + Rec.key);
    return failure(code);
  }
}

/** Merges the record at this word of a message; 0, or a failed outcome. @throws StoreError KV_CORRUPT, KV_OVERLOADED */
function mergeRecord(message: MessageView, record: number, own: Renouncing, env: Env): number {
  const { store } = env;
  if (store.refusal !== 0) return store.refusal;
  const { words } = message;
  // where the sender has asked all others, also in place of what cannot be read
  const isRepair = (message.u32(Replicate.options) & Ask.repair) !== 0;
  const existing = isRepair ? findOrRenounce(words, record, own, env) : findHeld(words, record, store);
  store.clock = observe(store.clock, clockOf(words, record), env.wallMs());
  if (existing >= 0) {
    const order = comparePlain(store.words, existing, words, record);
    if (rarely('vnode: plain records are merged the long way', order === 'unknown')) {
      return mergeSetsOf(message, store, existing, record);
    }
    if (order === 'covered') return 0;
  }
  const bytes = sizeOf(words, record);
  const staged = store.reserve(bytes);
  if (rarely("vnode: no room for a replica's record", staged < 0)) return failure('KV_OVERLOADED');
  copyWords(words, record, store.words, staged, bytes >>> 2);
  store.stage(staged, existing);
  return 0;
}

/** What a held record says of an incoming one without decoding: two plain records of one replica id are totally ordered. */
function comparePlain(
  held: Int32Array,
  at: number,
  words: Int32Array,
  record: number,
): 'covered' | 'replaces' | 'unknown' {
  if (((flagsOf(held, at) | flagsOf(words, record)) & Flag.set) !== 0) return 'unknown';
  if (sameDot(held, at, words, record)) return 'covered';
  if (held[at + Rec.replicaLow] !== words[record + Rec.replicaLow]) return 'unknown';
  if (((held[at + Rec.highs] ^ words[record + Rec.highs]) & 0xffff) !== 0) return 'unknown';
  return counterOf(words, record) > counterOf(held, at) ? 'replaces' : 'covered';
}

function mergeSetsOf(message: MessageView, store: Store, existing: number, record: number): number {
  const held = decodeRecord(store.words, store.bytes, existing);
  const merged: SiblingSet = mergeSets(held, decodeRecord(message.words, message.bytes, record));
  if (sameSet(held, merged)) return 0;
  const key = keyParts(message.words, message.bytes, record);
  const staged = store.reserve(encodedBytes(key.bytes.length, merged));
  if (rarely("vnode: no room for a replica's record", staged < 0)) return failure('KV_OVERLOADED');
  encodeRecord(store.words, store.bytes, staged, key, merged);
  store.stage(staged, existing);
  return 0;
}
