/**
 * How a write becomes a record of its coordinator's node: a dot, a clock greater than all that is known of the key, and a
 * place in the turn's log. A plain record over nothing, or over a plain one of the same replica id, is copied as it is;
 * anything else is decoded and written into the sibling set (core/siblings).
 */
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import type { Store } from '../src/actor/ports.js';
import { asStoreError } from '../src/core/errors.js';
import { driftMs, tick } from '../src/core/hybrid-clock.js';
import type { Clock, Counter, ReplicaId } from '../src/core/ids.js';
import { rarely } from '../src/core/rare-path.js';
import { emptySet, writeSibling } from '../src/core/siblings.js';
import type { MessageView } from '../src/protocol/header.js';
import { Write } from '../src/protocol/messages.js';
import { Ask, askedDurability, DurabilityCode, failure } from '../src/protocol/outcome.js';
import { clockOf, copyWords, Flag, flagsOf, getNumber, Rec, setDot, sizeOf } from '../src/protocol/record.js';
import { decodeRecord, decodeVector, encodedBytes, encodeRecord, keyParts } from '../src/protocol/record-set.js';
import type { CollectionPromises } from './dead-records.js';
import { isBehind } from './late-write.js';
import { isMintedBy, type Minters } from './minter.js';

export interface VnodeOptions {
  readonly clockDriftMaxMs: number;
  readonly siblingsMax: number;
  /** Largest record that a client write may leave. */
  readonly recordBytesMax: number;
  /** Partitions that this node does not count for; none where left out. */
  readonly doubts?: PartitionDoubts;
  /** Dead records that are being collected; none where left out. */
  readonly promises?: CollectionPromises;
  readonly minters: Minters;
}

/** Durability code of this turn, once it commits. */
export function askDurability(options: number, store: Store): number {
  const durability = askedDurability(options);
  if (durability === DurabilityCode.sync) store.requireSync();
  else if (durability === DurabilityCode.interval) store.requireSyncSoon();
  return durability;
}

/** Mints the record at this word of a write for its partition: word index of the staged record, or the complement of an outcome. */
export function mintFor(
  options: VnodeOptions,
  partition: number,
  message: MessageView,
  record: number,
  env: Env,
): number {
  try {
    if (options.doubts?.has(partition) === true) return ~failure('KV_UNAVAILABLE');
    return mintRecord(options, message, record, options.minters.of(partition).idFor(partition, env), env);
  } catch (error) {
    return ~failure(asStoreError(error).code);
  }
}

/**
 * Mints the record at this word of a write under a replica id: word index of the staged record, or the complement of an
 * outcome. @throws StoreError KV_CORRUPT, KV_OVERLOADED
 */
function mintRecord(options: VnodeOptions, message: MessageView, record: number, replica: ReplicaId, env: Env): number {
  const { store } = env;
  if (store.refusal !== 0) return ~store.refusal;
  const { words, at } = message;
  const callerClock = getNumber(words, at + Write.callerClock) as Clock;
  if (driftMs(callerClock, env.wallMs()) > options.clockDriftMaxMs) return ~failure('KV_CLOCK_DRIFT');
  const existing = store.find(words, words[record + Rec.keyHash], words[record + Rec.keySlot], record + Rec.key);
  const newest = existing >= 0 ? maxClock(store.clock, clockOf(store.words, existing)) : store.clock;
  // a write that is refused takes nothing of its caller's clock along
  store.clock = tick(newest, env.wallMs());
  const clock = store.clock > callerClock ? store.clock : ((callerClock + 1) as Clock);
  if (isBehind(message, clock)) return ~failure('KV_DEADLINE_EXCEEDED');
  store.clock = clock;
  const hasContext = (message.u32(Write.options) & Ask.context) !== 0;
  const isPlain = !hasContext && extendsPlainly(store, existing, replica);
  if (rarely('vnode: a plain record is written the long way', !isPlain))
    return mintSet(options, message, record, { store, existing, replica, clock });
  const bytes = sizeOf(words, record);
  const counter = store.nextCounter;
  const staged = store.reserve(bytes);
  if (rarely('vnode: no room for a mint', staged < 0)) return ~failure('KV_OVERLOADED');
  copyWords(words, record, store.words, staged, bytes >>> 2);
  setDot(store.words, staged, replica, counter, clock);
  store.stage(staged, existing);
  return staged;
}

/** Whether a plain record of this replica id follows what is held: nothing, or a plain one of its own. */
function extendsPlainly(store: Store, existing: number, replica: ReplicaId): boolean {
  if (existing < 0) return true;
  if ((flagsOf(store.words, existing) & Flag.set) !== 0) return false;
  return isMintedBy(store, existing, replica);
}

interface Mint {
  readonly store: Store;
  /** Word index of what is held of the key, or -1. */
  readonly existing: number;
  readonly replica: ReplicaId;
  readonly clock: Clock;
}

/** The general write: with a context, over siblings, or over another replica's record. */
function mintSet(
  options: VnodeOptions,
  message: MessageView,
  record: number,
  { store, existing, replica, clock }: Mint,
): number {
  const { words, bytes } = message;
  const held = existing < 0 ? emptySet() : decodeRecord(store.words, store.bytes, existing);
  const [written] = decodeRecord(words, bytes, record).siblings;
  const contextAt = record + sizeOf(words, record) / 4;
  const hasContext = (message.u32(Write.options) & Ask.context) !== 0;
  const context = hasContext ? decodeVector(words, contextAt, message.end) : undefined;
  const dot = { replica, counter: store.nextCounter as Counter };
  const set = writeSibling(held, context, { ...written, dot, clock });
  const key = keyParts(words, bytes, record);
  const size = encodedBytes(key.bytes.length, set);
  if (set.siblings.length > 1 && (set.siblings.length > options.siblingsMax || size > options.recordBytesMax)) {
    return ~failure('KV_TOO_MANY_SIBLINGS');
  }
  const staged = store.reserve(size);
  if (rarely('vnode: no room for a mint', staged < 0)) return ~failure('KV_OVERLOADED');
  encodeRecord(store.words, store.bytes, staged, key, set);
  store.stage(staged, existing);
  return staged;
}

function maxClock(a: Clock, b: Clock): Clock {
  return Math.max(a, b) as Clock;
}
