/** How the records of a group reach the coordinator of another replica: together, in messages of a bounded size. */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { rarely } from '../src/core/rare-path.js';
import { ReplicateMany } from '../src/protocol/batch-messages.js';
import { BATCH_BYTES_MAX } from '../src/protocol/limits.js';
import { Kind, Replicate } from '../src/protocol/messages.js';
import { withEpoch } from '../src/protocol/outcome.js';
import { copyWords, sizeOf } from '../src/protocol/record.js';
import type { WriteGroup } from './write-group.js';
import type { SentWrites } from './write-sends.js';

/** Sends the records of a group to a place, in as few messages as can be; whether all of them found room. */
export function sendGroup(
  writes: SentWrites,
  group: WriteGroup,
  minted: readonly number[],
  place: number,
  env: Env,
): boolean {
  for (let first = 0; first < minted.length; ) {
    let end = first;
    let bytes = 0;
    for (; end < minted.length; end++) {
      const size = sizeOf(env.store.words, minted[end]);
      if (end > first && bytes + size > BATCH_BYTES_MAX) break;
      bytes += size;
    }
    if (!sendPart(writes, group, minted.slice(first, end), { place, first, bytes }, env)) return false;
    first = end;
  }
  return true;
}

interface Part {
  readonly place: number;
  /** Number of its first record. */
  readonly first: number;
  readonly bytes: number;
}

function sendPart(writes: SentWrites, { slot }: WriteGroup, records: readonly number[], part: Part, env: Env): boolean {
  const { table, life } = writes;
  const to = addressOf(Role.coordinator, table.nodeAt(slot, part.place), 0);
  const isFull = rarely('coordinator: a replica cannot be sent to', false);
  const out = isFull
    ? undefined
    : env.open(Kind.replicateMany, to, table.idOf(slot), ReplicateMany.records * 4 + part.bytes);
  if (out === undefined) return false;
  out.words[out.at + Replicate.options] = withEpoch(table.options[slot] & 0x300, env.placement.epoch);
  out.words[out.at + Replicate.mark] = table.markOf(slot, life);
  out.words[out.at + ReplicateMany.first] = part.first;
  out.words[out.at + ReplicateMany.first + 1] = 0;
  const { words } = env.store;
  let next = out.at + ReplicateMany.records;
  for (const at of records) {
    const count = sizeOf(words, at) >>> 2;
    copyWords(words, at, out.words, next, count);
    next += count;
  }
  return true;
}
