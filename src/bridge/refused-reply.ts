/**
 * The answer to a call that the bridge could not pass on: to its sender, as if from its receiver. Where nobody is told, a
 * client would wait for its deadline, and a coordinator for a replica that never heard of the write.
 */
import type { ErrorCode } from '../core/errors.js';
import { Head, putHeader } from '../protocol/header.js';
import { fieldOffsets, MESSAGES, type MessageName, NAME_OF_TAG } from '../protocol/messages.js';
import { failure } from '../protocol/outcome.js';

/** Calls whose reply says how they ended, and which their senders do not ask again by themselves. */
const REPLY_TO: Partial<Record<MessageName, MessageName>> = {
  write: 'written',
  read: 'answered',
  scan: 'page',
  changeRing: 'ringChanged',
  replicate: 'replicated',
  standIn: 'replicated',
  fetch: 'fetched',
  pull: 'pulled',
  exchange: 'exchanged',
  compare: 'compared',
  list: 'listed',
  watch: 'changes',
  // a run of no length is one of all members
  writeMany: 'wroteMany',
  replicateMany: 'replicatedMany',
};
/** CBOR's null as a body: its length, and the byte. */
const NOTHING = [1, 0xf6] as const;

/** The failed reply to the message at this word; undefined where none is due. */
export function refusedReply(words: Int32Array, at: number, code: ErrorCode): Int32Array | undefined {
  const call = NAME_OF_TAG[words[at + Head.size] >>> 24];
  const name = call === undefined ? undefined : REPLY_TO[call];
  if (call === undefined || name === undefined) return undefined;
  const offsets = fieldOffsets(name);
  const body = MESSAGES[name].body === 'cbor' ? NOTHING : [];
  const reply = new Int32Array(offsets.body + body.length);
  reply.set(body, offsets.body);
  const [to, from, request] = [words[at + Head.from], words[at + Head.to], words[at + Head.request]];
  putHeader(reply, 0, MESSAGES[name].tag, reply.length * 4, to, from, request);
  reply[offsets.outcome] = failure(code);
  for (const field of ['mark', 'first']) {
    const asked = fieldOffsets(call)[field];
    if (asked !== undefined && offsets[field] !== undefined) reply[offsets[field]] = words[at + asked];
  }
  return reply;
}
