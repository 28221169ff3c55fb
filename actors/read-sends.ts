/** What the coordinator of a read sends to replicas: a question for what they hold of the key, and what they lack of it. */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import type { NodeIndex } from '../src/core/ids.js';
import { addReadReply } from '../src/core/read-quorum.js';
import type { SiblingSet } from '../src/core/siblings.js';
import { Fetch, Kind, Replicate } from '../src/protocol/messages.js';
import { Ask, DurabilityCode, packOptions, withEpoch } from '../src/protocol/outcome.js';
import { encodedBytes, encodeRecord } from '../src/protocol/record-set.js';
import type { OpenRead } from './coordinator-reads.js';

/** The id of a repair whose confirmation nobody waits for. */
export const NO_REPLY = 0xffff_ffff | 0;

/** Asks a replica; one whose mailbox has no room has failed. */
export function ask(env: Env, id: number, open: OpenRead, node: NodeIndex, versionsOnly: boolean): void {
  const { key, partition } = open;
  const keyWords = (key.bytes.length + 3) >>> 2;
  const bytes = (Fetch.key * 4 + keyWords * 4 + 7) & ~7;
  const out = env.open(Kind.fetch, addressOf(Role.vnode, node, partition), id, bytes);
  if (out === undefined) {
    open.state = addReadReply(open.state, { node, failed: 'KV_OVERLOADED' });
    return;
  }
  const flags = (versionsOnly ? Ask.versions : 0) | (open.doubtful.includes(node) ? Ask.available : 0);
  out.words[out.at + Fetch.options] = withEpoch(packOptions(0, 0, flags), open.epoch);
  out.words[out.at + Fetch.options + 1] = 0;
  out.words[out.at + Fetch.keyHash] = key.hash;
  out.words[out.at + Fetch.keySlot] = key.bytes.length | (key.slot << 16);
  out.words[out.at + Fetch.key + keyWords - 1] = 0;
  out.bytes.set(key.bytes, (out.at + Fetch.key) * 4);
}

/** Sends a replica a record; false where its mailbox has no room. `id`: the read's, or NO_REPLY. */
export function repair(env: Env, open: OpenRead, node: NodeIndex, set: SiblingSet, id: number): boolean {
  const bytes = encodedBytes(open.key.bytes.length, set);
  const to = addressOf(Role.vnode, node, open.partition);
  const out = env.open(Kind.replicate, to, id, Replicate.record * 4 + bytes);
  if (out === undefined) return false;
  out.words[out.at + Replicate.options] = withEpoch(DurabilityCode.interval << 8, open.epoch);
  out.words[out.at + Replicate.mark] = open.rounds.length - 1;
  encodeRecord(out.words, out.bytes, out.at + Replicate.record, open.key, set);
  return true;
}
