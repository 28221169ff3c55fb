/**
 * How a vnode answers a coordinator's question for a key: with the record, or with its versions only, which is the record
 * without its values.
 */
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import type { Store } from '../src/actor/ports.js';
import { asStoreError, type ErrorCode } from '../src/core/errors.js';
import type { MessageView } from '../src/protocol/header.js';
import { Answer, Fetch, Kind } from '../src/protocol/messages.js';
import { AnswerFlag, Ask, failure, isOlderThan, success } from '../src/protocol/outcome.js';
import { copyWords, Flag, flagsOf, Rec, recordBytes, sizeOf, valueWord } from '../src/protocol/record.js';
import { decodeRecord, encodedBytes, encodeRecord, keyParts, withoutValues } from '../src/protocol/record-set.js';
import { castUnread } from './unread-keys.js';
import type { VnodeState } from './vnode.js';

export function fetchRecord({ partition, options: { doubts } }: VnodeState, message: MessageView, env: Env): void {
  const { store, placement } = env;
  const options = message.u32(Fetch.options);
  if (isOlderThan(options, placement.changedAt[partition])) {
    refuse(message, env, 'KV_STALE_EPOCH');
    return;
  }
  const isInDoubt = doubts?.has(partition) === true;
  if (isInDoubt && !answersInDoubt(options, partition, doubts)) {
    refuse(message, env, 'KV_UNAVAILABLE');
    return;
  }
  const versionsOnly = (options & Ask.versions) !== 0;
  let at: number;
  let bytes: number;
  try {
    const { words, at: start } = message;
    at = store.find(words, words[start + Fetch.keyHash], words[start + Fetch.keySlot], start + Fetch.key);
    bytes = at < 0 ? 0 : versionsOnly ? versionBytes(store, at) : sizeOf(store.words, at);
  } catch (error) {
    const { code } = asStoreError(error);
    const { words, at: start } = message;
    // whoever replaces records is not asked to do it again
    const isRepair = (options & Ask.repair) !== 0;
    if (code === 'KV_CORRUPT' && !isRepair) castUnread(env, words, start + Fetch.keyHash, start + Fetch.key);
    refuse(message, env, code);
    return;
  }
  const out = env.open(Kind.fetched, message.from, message.request, Answer.record * 4 + bytes);
  if (out === undefined) return;
  out.words[out.at + Answer.outcome] = success(1, 0);
  out.words[out.at + Answer.detail] =
    (at < 0 ? 0 : AnswerFlag.record) |
    (versionsOnly ? AnswerFlag.versionsOnly : 0) |
    (isInDoubt ? AnswerFlag.doubtful : 0);
  if (at < 0) return;
  const record = out.at + Answer.record;
  if (versionsOnly) putVersions(store, at, out.words, out.bytes, record, bytes);
  else copyWords(store.words, at, out.words, record, bytes >>> 2);
}

/** A read would spread what a disk from the past holds: it may long be deleted. */
const answersInDoubt = (options: number, partition: number, doubts: PartitionDoubts): boolean =>
  (options & Ask.repair) !== 0 || ((options & Ask.available) !== 0 && !doubts.isFromPast(partition));

function refuse(message: MessageView, env: Env, code: ErrorCode): void {
  const out = env.open(Kind.fetched, message.from, message.request, Answer.record * 4);
  if (out === undefined) return;
  out.words[out.at + Answer.outcome] = failure(code);
  out.words[out.at + Answer.detail] = 0;
}

/** Bytes of the record without its values. @throws StoreError KV_CORRUPT */
function versionBytes({ words, bytes }: Store, at: number): number {
  const flags = flagsOf(words, at);
  const keyBytes = words[at + Rec.keySlot] & 0xffff;
  if ((flags & Flag.set) === 0) return recordBytes(keyBytes, 0, (flags & Flag.expires) !== 0);
  return encodedBytes(keyBytes, withoutValues(decodeRecord(words, bytes, at)));
}

function putVersions(store: Store, at: number, words: Int32Array, bytes: Buffer, record: number, size: number): void {
  const flags = flagsOf(store.words, at);
  if ((flags & Flag.set) !== 0) {
    const set = withoutValues(decodeRecord(store.words, store.bytes, at));
    encodeRecord(words, bytes, record, keyParts(store.words, store.bytes, at), set);
    return;
  }
  words.fill(0, record, record + size / 4);
  copyWords(store.words, at, words, record, valueWord(store.words, at));
  words[record + Rec.size] = size | (flags << 24);
  words[record + Rec.valueTag] &= 0xff00_0000;
}
