/** What a coordinator is asked by a read, what replicas say to it, and what it answers. */
import type { Env } from '../src/actor/env.js';
import { asStoreError, type ErrorCode } from '../src/core/errors.js';
import type { ReadAnswer, ReadDecision, ReadState } from '../src/core/read-quorum.js';
import { emptySet, type SiblingSet } from '../src/core/siblings.js';
import type { MessageView } from '../src/protocol/header.js';
import { Answer, Kind, Read } from '../src/protocol/messages.js';
import { AnswerFlag, failure, success } from '../src/protocol/outcome.js';
import { decodeRecord, encodedBytes, encodeRecord, fitsRecord, type KeyParts } from '../src/protocol/record-set.js';
import type { OpenRead } from './coordinator-reads.js';

export function answer(
  env: Env,
  { key, client, request }: Pick<OpenRead, 'key' | 'client' | 'request'>,
  { set, replicas, fallbacks, holders }: ReadAnswer,
): void {
  const has = set.vector.length > 0;
  const bytes = has ? encodedBytes(key.bytes.length, set) : 0;
  const out = env.open(Kind.answered, client, request, Answer.record * 4 + bytes);
  if (out === undefined) return;
  out.words[out.at + Answer.outcome] = success(replicas, 0, fallbacks);
  out.words[out.at + Answer.detail] = (has ? AnswerFlag.record : 0) | (holders << 8);
  if (has) encodeRecord(out.words, out.bytes, out.at + Answer.record, key, set);
}

export function answerError(env: Env, client: number, request: number, code: ErrorCode, detail: number): void {
  const out = env.open(Kind.answered, client, request, Answer.record * 4);
  if (out === undefined) return;
  out.words[out.at + Answer.outcome] = failure(code);
  out.words[out.at + Answer.detail] = detail;
}

/** Whether what is to be shown, or to be taken by others first, is more than a record holds: of replicas that were apart. */
export const isTooLarge = ({ key }: Pick<OpenRead, 'key'>, decision: ReadDecision): boolean =>
  (decision.kind === 'answer' || decision.kind === 'repair') && !fitsRecord(key.bytes.length, decision.set);

/** The key of a read. */
export function keyOf(message: MessageView): KeyParts {
  const keySlot = message.u32(Read.keySlot);
  const start = (message.at + Read.key) * 4;
  const bytes = message.bytes.subarray(start, start + (keySlot & 0xffff));
  return { bytes: Uint8Array.prototype.slice.call(bytes), hash: message.u32(Read.keyHash) | 0, slot: keySlot >>> 16 };
}

/** One replica's damaged record fails that replica, not all that this coordinator has under way. */
export function decodeFetched(
  message: MessageView,
): { set: SiblingSet; versionsOnly: boolean; isDoubtful: boolean } | { failed: ErrorCode } {
  const detail = message.u32(Answer.detail);
  const isDoubtful = (detail & AnswerFlag.doubtful) !== 0;
  // nothing has no values to fetch
  if ((detail & AnswerFlag.record) === 0) return { set: emptySet(), versionsOnly: false, isDoubtful };
  const versionsOnly = (detail & AnswerFlag.versionsOnly) !== 0;
  try {
    const set = decodeRecord(message.words, message.bytes, message.at + Answer.record);
    return { set, versionsOnly, isDoubtful };
  } catch (error) {
    return { failed: asStoreError(error).code };
  }
}

/** Why too few answered, where it is worth telling. */
const TOLD: readonly ErrorCode[] = ['KV_CORRUPT', 'KV_STALE_EPOCH'];

export function worst({ failures }: ReadState): ErrorCode {
  return TOLD.find((code) => failures.some(({ failed }) => failed === code)) ?? 'KV_READ_QUORUM_UNMET';
}
