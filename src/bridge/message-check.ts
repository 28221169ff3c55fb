/**
 * Every message of a peer, looked at before anybody acts on it. Who sent it is known from the connection: a message speaks
 * for nodes and seats of that peer only, to nodes and seats of this host only, along the paths that are exported.
 */
import { instanceOf, nodeOf, Role, roleOf } from '../actor/address.js';
import { HEADER_WORDS, Head } from '../protocol/header.js';
import { BODY_BYTES_MAX } from '../protocol/limits.js';
import { fieldOffsets, MESSAGES, NAME_OF_TAG } from '../protocol/messages.js';
import { RECORD_HEADER_BYTES, Rec } from '../protocol/record.js';
import { type NodeRange, SEATS_MAX } from '../runtime/post-office.js';
import { isBoundedCbor } from './cbor-bounds.js';
import { isExported } from './exports.js';
import { holds } from './host-address.js';
import type { RefusalReason } from './refusal.js';

/** Of each tag: words up to the body; 0 where there is no such message. */
const BODY_WORD_OF = NAME_OF_TAG.map((name) => (name === undefined ? 0 : fieldOffsets(name).body));
const BODY_OF = NAME_OF_TAG.map((name) => (name === undefined ? 'none' : MESSAGES[name].body));

export interface Border {
  readonly own: NodeRange;
  readonly peer: NodeRange;
}

/** What is wrong with the message at this word, of whose frame `room` bytes are left; undefined: nothing. */
export function checkMessage(words: Int32Array, at: number, room: number, border: Border): RefusalReason | undefined {
  const bytes = words[at + Head.size] & 0xff_ff_ff;
  if (bytes < HEADER_WORDS * 4 || bytes > room || (bytes & 7) !== 0) return 'message-size';
  const tag = words[at + Head.size] >>> 24;
  const bodyWord = BODY_WORD_OF[tag];
  if (bodyWord === 0) return 'message-kind';
  if (bytes < bodyWord * 4) return 'message-size';
  const from = words[at + Head.from];
  const to = words[at + Head.to];
  if (!isExported(tag, roleOf(from), roleOf(to))) return 'not-exported';
  if (!isAt(from, border.peer)) return 'sender';
  if (!isAt(to, border.own)) return 'receiver';
  return hasBody(words, at, tag, at + bodyWord, at + bytes / 4) ? undefined : 'message-size';
}

/** A client is known by its seat; its node is the tenancy of that. */
const isAt = (address: number, range: NodeRange): boolean =>
  roleOf(address) === Role.client ? instanceOf(address) < SEATS_MAX : holds(range, nodeOf(address));

/** Whether what the message carries lies within it. */
function hasBody(words: Int32Array, start: number, tag: number, at: number, end: number): boolean {
  switch (BODY_OF[tag]) {
    case 'cbor':
      return hasCbor(words, at, end);
    case 'key':
      // The key's length and slot are the word before it, in every message that carries one.
      return (words[at - 1] & 0xffff) <= (end - at) * 4;
    case 'record':
    case 'record+context':
      return at === end || hasRecord(words, at, end);
    case 'records':
      return start < end && hasRecords(words, at, end);
    default:
      return true;
  }
}

function hasCbor(words: Int32Array, at: number, end: number): boolean {
  if (at >= end) return false;
  const length = words[at];
  if (length < 0 || length > BODY_BYTES_MAX || length > (end - at - 1) * 4) return false;
  const bytes = new Uint8Array(words.buffer, words.byteOffset + (at + 1) * 4, length);
  return isBoundedCbor(bytes, { allowsTags: true });
}

function hasRecord(words: Int32Array, at: number, end: number): boolean {
  if (end - at < RECORD_HEADER_BYTES / 4) return false;
  const size = words[at + Rec.size] & 0xff_ff_ff;
  const inside = (words[at + Rec.keySlot] & 0xffff) + (words[at + Rec.valueTag] & 0xff_ff_ff);
  return size >= RECORD_HEADER_BYTES + inside && (size & 7) === 0 && size <= (end - at) * 4;
}

function hasRecords(words: Int32Array, at: number, end: number): boolean {
  let next = at;
  while (next < end) {
    if (!hasRecord(words, next, end)) return false;
    next += (words[next + Rec.size] & 0xff_ff_ff) / 4;
  }
  return true;
}
