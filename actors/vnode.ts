/**
 * The actor that owns one partition's replica on one node: it alone mints dots for it and merges what it is sent.
 *
 * Plain records of one replica id, the common case, are compared and copied in place; everything else is decoded into
 * sibling sets and merged by core/siblings. The state is the store: a restarted vnode has lost nothing.
 */
import { instanceOf, nodeOf } from '../src/actor/address.js';
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { Standing, type Store } from '../src/actor/ports.js';
import { asStoreError } from '../src/core/errors.js';
import { driftMs, tick } from '../src/core/hybrid-clock.js';
import type { Clock, Counter, ReplicaId } from '../src/core/ids.js';
import { rarely } from '../src/core/rare-path.js';
import { emptySet, writeSibling } from '../src/core/siblings.js';
import type { MessageView } from '../src/protocol/header.js';
import { StandIn } from '../src/protocol/hint-messages.js';
import { Kind, Minted, Replicate, Replicated, Write } from '../src/protocol/messages.js';
import {
  Ask,
  askedDurability,
  DurabilityCode,
  failure,
  isOlderThan,
  isSuccess,
  success,
} from '../src/protocol/outcome.js';
import { clockOf, copyWords, Flag, flagsOf, getNumber, Rec, setDot, sizeOf } from '../src/protocol/record.js';
import { decodeRecord, decodeVector, encodedBytes, encodeRecord, keyParts } from '../src/protocol/record-set.js';
import type { CollectionPromises } from './dead-records.js';
import { castHint } from './hint-casts.js';
import { isBehind } from './late-write.js';
import { isMintedBy, Minter } from './minter.js';
import { fetchRecord } from './vnode-fetch.js';
import { mergeRecord } from './vnode-merge.js';
import { scanPage } from './vnode-scan.js';

export interface VnodeOptions {
  readonly clockDriftMaxMs: number;
  readonly siblingsMax: number;
  /** Largest record that a client write may leave. */
  readonly recordBytesMax: number;
  /** Partitions that this node does not count for; none where left out. */
  readonly doubts?: PartitionDoubts;
  /** Dead records that are being collected; none where left out. */
  readonly promises?: CollectionPromises;
}

export interface VnodeState {
  readonly partition: number;
  readonly options: VnodeOptions;
  readonly minter: Minter;
}

type Handles = 'mint' | 'replicate' | 'standIn' | 'fetch' | 'scan';

/** The behaviour of every vnode of a node. */
export function vnode(options: VnodeOptions): Behaviour<VnodeState, Handles> {
  return {
    role: 'vnode',
    init: (env) => ({ partition: instanceOf(env.self), options, minter: new Minter() }),
    receive: {
      mint,
      replicate,
      standIn,
      fetch: (state, message, env) => fetchRecord(state, message, env),
      scan: (state, message, env) => scanPage(state, message, env),
    },
  };
}

function mint(state: VnodeState, message: MessageView, env: Env): void {
  let outcome: number;
  let at = -1;
  try {
    const isInDoubt = state.options.doubts?.has(state.partition) === true;
    const wanted = isInDoubt ? ~failure('KV_UNAVAILABLE') : mintRecord(state, message, env);
    if (wanted < 0) outcome = ~wanted;
    else {
      at = wanted;
      outcome = success(1, ask(message.u32(Write.options), env.store));
    }
  } catch (error) {
    outcome = failure(asStoreError(error).code);
  }
  const out = env.open(Kind.minted, message.from, message.request, Minted.end * 4);
  if (out === undefined) return;
  out.words[out.at + Minted.outcome] = outcome;
  out.words[out.at + Minted.position] = at;
}

/** Durability code of this turn, once it commits. */
function ask(options: number, store: Store): number {
  const durability = askedDurability(options);
  if (durability === DurabilityCode.sync) store.requireSync();
  else if (durability === DurabilityCode.interval) store.requireSyncSoon();
  return durability;
}

/** Word index of the staged record, or the complement of an outcome. @throws StoreError KV_CORRUPT, KV_OVERLOADED */
function mintRecord(state: VnodeState, message: MessageView, env: Env): number {
  const { store } = env;
  if (store.refusal !== 0) return ~store.refusal;
  const { words, at } = message;
  const record = at + Write.record;
  const callerClock = getNumber(words, at + Write.callerClock) as Clock;
  if (driftMs(callerClock, env.wallMs()) > state.options.clockDriftMaxMs) return ~failure('KV_CLOCK_DRIFT');
  const existing = store.find(words, words[record + Rec.keyHash], words[record + Rec.keySlot], record + Rec.key);
  let newest = maxClock(callerClock, store.clock);
  if (existing >= 0) newest = maxClock(newest, clockOf(store.words, existing));
  const clock = tick(newest, env.wallMs());
  store.clock = clock;
  if (isBehind(message, clock)) return ~failure('KV_DEADLINE_EXCEEDED');
  const hasContext = (message.u32(Write.options) & Ask.context) !== 0;
  const replica = state.minter.idFor(state.partition, env);
  const isPlain = !hasContext && extendsPlainly(store, existing, replica);
  if (rarely('vnode: a plain record is written the long way', !isPlain))
    return mintSet(state.options, message, store, existing, { replica, clock });
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

/** The general write: with a context, over siblings, or over another replica's record. */
function mintSet(
  options: VnodeOptions,
  message: MessageView,
  store: Store,
  existing: number,
  { replica, clock }: { readonly replica: ReplicaId; readonly clock: Clock },
): number {
  const { words, bytes, at } = message;
  const record = at + Write.record;
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

function replicate(state: VnodeState, message: MessageView, env: Env): void {
  confirm(state, message, env, Replicate.record);
}

/** Takes a record in place of a primary: the hint keeper hears of it in the same turn. */
function standIn(state: VnodeState, message: MessageView, env: Env): void {
  const isMember = env.placement.standingOf(env.node) === Standing.member;
  if (!confirm(state, message, env, StandIn.record, isMember)) return;
  const record = message.at + StandIn.record;
  castHint(env, message.u32(StandIn.target), message.words, record + Rec.keyHash, record + Rec.key);
}

/** Merges the record of a message and says how that went; whether it is held now. */
function confirm(
  { partition, options: { promises } }: VnodeState,
  message: MessageView,
  env: Env,
  record: number,
  isWanted = true,
): boolean {
  const { store, placement } = env;
  const options = message.u32(Replicate.options);
  let outcome: number;
  try {
    // who has left and has delivered all that it had, or was given up, may know what was deleted and forgotten since
    const isStranger = placement.standingOf(nodeOf(message.from)) === Standing.none;
    const isBehind = isOlderThan(options, placement.begunAt[partition]);
    if (isBehind) outcome = failure('KV_STALE_EPOCH');
    else if (isStranger || !isWanted) outcome = failure('KV_UNAVAILABLE');
    else if (promises?.covers(message.words, message.bytes, message.at + record) === true) outcome = 0;
    else outcome = mergeRecord(message, message.at + record, env);
    if (outcome === 0) outcome = success(1, ask(options, store));
  } catch (error) {
    outcome = failure(asStoreError(error).code);
  }
  const out = env.open(Kind.replicated, message.from, message.request, Replicated.end * 4);
  if (out !== undefined) {
    out.words[out.at + Replicated.outcome] = outcome;
    out.words[out.at + Replicated.mark] = message.words[message.at + Replicate.mark];
  }
  return isSuccess(outcome);
}

function maxClock(a: Clock, b: Clock): Clock {
  return Math.max(a, b) as Clock;
}
