/**
 * How a write becomes a record of its coordinator's node: a dot, a clock greater than all that is known of the key, and a
 * place in the turn's log. A plain record over nothing, or over a plain one of the same replica id, is copied as it is;
 * anything else is decoded and written into the sibling set (core/siblings).
 */
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import type { Store } from '../src/actor/ports.js';
import { asStoreError, StoreError } from '../src/core/errors.js';
import { driftMs, tick } from '../src/core/hybrid-clock.js';
import type { Clock, Counter, ReplicaId } from '../src/core/ids.js';
import { rarely } from '../src/core/rare-path.js';
import { emptySet, writeSibling } from '../src/core/siblings.js';
import type { MessageView } from '../src/protocol/header.js';
import { Write } from '../src/protocol/messages.js';
import { Ask, askedDurability, DurabilityCode, failure } from '../src/protocol/outcome.js';
import { clockOf, copyWords, Flag, flagsOf, getNumber, Rec, setDot, sizeOf } from '../src/protocol/record.js';
import { decodeRecord, decodeVector, encodedBytes, encodeRecord, keyParts } from '../src/protocol/record-set.js';
import type { ChangeWatches } from './change-watches.js';
import type { CollectionPromises } from './dead-records.js';
import { isBehind } from './late-write.js';
import { isMintedBy, type Minters } from './minter.js';
import type { UnreadKeys } from './unread-keys.js';

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
  /** Keys whose writes wait for a record that can be read; none where left out. */
  readonly unread?: UnreadKeys;
  /** Who is told which keys change; nobody where left out. */
  readonly watches?: ChangeWatches;
}

/** What `mintFor` says where the record that the node holds cannot be read. */
export const UNREADABLE = ~failure('KV_CORRUPT');

/** Durability code of this turn, once it commits. */
export function askDurability(options: number, store: Store): number {
  const durability = askedDurability(options);
  if (durability === DurabilityCode.sync) store.requireSync();
  else if (durability === DurabilityCode.interval) store.requireSyncSoon();
  return durability;
}

/**
 * What a write knows of the record that it is minted over: nothing; or that it had to wait for it, and that it is whole now,
 * or lost: what cannot be read counts as nothing.
 */
export type Mended = 'no' | 'whole' | 'lost';

/** Mints the record at this word of a write for its partition: word index of the staged record, or the complement of an outcome. */
export function mintFor(
  options: VnodeOptions,
  partition: number,
  message: MessageView,
  record: number,
  env: Env,
  mended: Mended = 'no',
): number {
  try {
    if (options.doubts?.has(partition) === true) return ~failure('KV_UNAVAILABLE');
    if (mended === 'no' && options.unread?.has(message.bytes, message.words, record) === true) return UNREADABLE;
    return mintRecord(options, message, { record, partition, isLost: mended === 'lost' }, env);
  } catch (error) {
    return ~failure(asStoreError(error).code);
  }
}

/** Word index of what is held of the key of the record at this word, or -1. @throws StoreError KV_CORRUPT, KV_OVERLOADED */
export const findHeld = (words: Int32Array, record: number, store: Store): number =>
  store.find(words, words[record + Rec.keyHash], words[record + Rec.keySlot], record + Rec.key);

export interface Renouncing {
  readonly minters: Minters;
  readonly partition: number;
}

/** The same; -1 for one that cannot be read, and that is about to be replaced. @throws StoreError KV_OVERLOADED */
export function findOrRenounce(
  words: Int32Array,
  record: number,
  { minters, partition }: Renouncing,
  env: Env,
): number {
  try {
    return findHeld(words, record, env.store);
  } catch (error) {
    if (asStoreError(error).code !== 'KV_CORRUPT') throw error;
  }
  if (!minters.of(partition).renounce(words[record + Rec.keyHash], env)) {
    throw new StoreError('KV_OVERLOADED', 'there is no room for a new replica id');
  }
  // the tree may have taken it in while it could be read
  env.store.watch?.replacedUnread(words, record);
  minters.replaced++;
  return -1;
}

interface MintOrder {
  readonly record: number;
  readonly partition: number;
  readonly isLost: boolean;
}

/** See mintFor. @throws StoreError KV_CORRUPT, KV_OVERLOADED */
function mintRecord(options: VnodeOptions, message: MessageView, order: MintOrder, env: Env): number {
  const { store } = env;
  const { record, partition, isLost } = order;
  if (store.refusal !== 0) return ~store.refusal;
  const { words, at } = message;
  const callerClock = getNumber(words, at + Write.callerClock) as Clock;
  if (driftMs(callerClock, env.wallMs()) > options.clockDriftMaxMs) return ~failure('KV_CLOCK_DRIFT');
  const { minters } = options;
  const existing = isLost ? findOrRenounce(words, record, { minters, partition }, env) : findHeld(words, record, store);
  const replica = minters.of(partition).idFor(words[record + Rec.keyHash], env);
  const newest = existing >= 0 ? maxClock(store.clock, clockOf(store.words, existing)) : store.clock;
  // a write that is refused takes nothing of its caller's clock along
  const own = tick(newest, env.wallMs());
  store.clock = own;
  const clock = own > callerClock ? own : ((callerClock + 1) as Clock);
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
