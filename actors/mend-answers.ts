/** What a coordinator makes of the answers for a key that its node cannot read, and how that takes the record's place. */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { asStoreError } from '../src/core/errors.js';
import type { NodeIndex } from '../src/core/ids.js';
import type { MendPeer } from '../src/core/mend.js';
import { emptySet, type SiblingSet } from '../src/core/siblings.js';
import type { MessageView } from '../src/protocol/header.js';
import { Answer, Write } from '../src/protocol/messages.js';
import { AnswerFlag, failure, isSuccess } from '../src/protocol/outcome.js';
import { decodeRecord, encodedBytes, encodeRecord, fitsRecord, type KeyParts } from '../src/protocol/record-set.js';
import { readList } from './read-targets.js';
import { sendRecord } from './record-transfer.js';
import { findHeld } from './vnode-mint.js';

/** The id of a message to the own vnode whose answer nobody waits for: none of a write, nor of a read. */
const NO_REPLY = -1;

/**
 * Has a vnode of this node take what the others hold of a key in place of what it cannot read; false where that is more than
 * a record.
 */
export function replaceUnreadable(partition: number, key: KeyParts, held: SiblingSet, env: Env): boolean {
  if (!fitsRecord(key.bytes.length, held)) return false;
  const words = new Int32Array(encodedBytes(key.bytes.length, held) / 4);
  encodeRecord(words, Buffer.from(words.buffer), 0, key, held);
  const to = addressOf(Role.vnode, env.node, partition);
  sendRecord(env, { to, request: NO_REPLY, words, at: 0, replacesUnreadable: true });
  return true;
}

/** The other holders that acknowledged writes are on, and how they stand. */
export function othersOf(
  partition: number,
  outcomes: ReadonlyMap<NodeIndex, number>,
  { placement, node: self }: Env,
): MendPeer[] {
  const others = readList(placement, partition).filter((node) => node !== self);
  return others.map((node) => {
    const outcome = outcomes.get(node);
    if (outcome !== undefined && isSuccess(outcome)) return { node, state: 'answered' };
    if (outcome === failure('KV_CORRUPT')) return { node, state: 'unreadable' };
    // one that refuses may yet answer: it is in doubt, or knows another ring
    return { node, state: placement.isUp(node) ? 'asked' : 'away' };
  });
}

/** A damaged record of another is no answer. */
export function decodeFetched(message: MessageView): { outcome: number; held: SiblingSet } {
  const outcome = message.u32(Answer.outcome);
  const has = isSuccess(outcome) && (message.u32(Answer.detail) & AnswerFlag.record) !== 0;
  if (!has) return { outcome, held: emptySet() };
  try {
    return { outcome, held: decodeRecord(message.words, message.bytes, message.at + Answer.record) };
  } catch (error) {
    return { outcome: failure(asStoreError(error).code), held: emptySet() };
  }
}

/** Whether what the store holds of the key of a write cannot be read. */
export function isUnreadable({ words, at }: MessageView, { store }: Env): boolean {
  try {
    findHeld(words, at + Write.record, store);
    return false;
  } catch (error) {
    // where the store cannot say now, the vnode will
    return asStoreError(error).code === 'KV_CORRUPT';
  }
}
