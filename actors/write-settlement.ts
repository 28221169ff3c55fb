/**
 * How a write ends: its client is answered as soon as core/write-quorum allows, its slot is kept until every place has
 * confirmed or failed, and whoever misses it is hinted.
 */
import type { Env } from '../src/actor/env.js';
import { rarely } from '../src/core/rare-path.js';
import { countPlaces } from '../src/core/write-quorum.js';
import { failure, success } from '../src/protocol/outcome.js';
import { putNumber } from '../src/protocol/record.js';
import { castHint, castNote } from './hint-casts.js';
import type { KeyRing } from './key-ring.js';
import { decideWrite, detailOf } from './write-needs.js';
import { reply } from './write-replies.js';
import type { SentWrites } from './write-sends.js';
import type { WriteTable } from './write-table.js';
import { hasStandIn } from './write-targets.js';

/** A free slot, or that of a write whose client has its answer already; -1 where all are needed. */
export function openSlot(writes: SentWrites, env: Env): number {
  const slot = rarely('coordinator: too many writes are under way', false) ? -1 : writes.table.open();
  if (slot >= 0) return slot;
  const lingering = writes.table.someLingering();
  if (lingering < 0) return -1;
  finish(writes, lingering, env);
  return writes.table.open();
}

/** A place holds the write of this slot, durably so. */
export function confirm(table: WriteTable, slot: number, place: number, durability: number): void {
  table.confirmed[slot] |= 1 << place;
  const counts = (((table.current[slot] | table.next[slot]) >>> place) & 1) === 1;
  if (counts && durability < table.durability[slot]) table.durability[slot] = durability;
}

/** Answers the client as soon as it can be, and ends the write when every place has confirmed or failed. */
export function settle(writes: SentWrites, slot: number, env: Env): void {
  const { table } = writes;
  if (!table.isLingering(slot)) {
    switch (decideWrite(table, slot)) {
      case 'wait':
        return;
      case 'acked':
        reply(env, table, slot, acknowledged(table, slot), table.siblings[slot]);
        break;
      case 'unmet':
        reply(env, table, slot, failure('KV_WRITE_QUORUM_UNMET'), detailOf(table, slot, table.confirmed[slot]));
    }
    table.linger(slot);
  }
  if (table.isComplete(slot)) finish(writes, slot, env);
}

function acknowledged({ confirmed, standIns, durability }: WriteTable, slot: number): number {
  const primaries = countPlaces(confirmed[slot] & ~standIns[slot]);
  return success(primaries, durability[slot], countPlaces(confirmed[slot] & standIns[slot]));
}

/** Forgets the write; this node keeps a hint for each primary that does not hold it and that nobody stands in for. */
export function finish(writes: SentWrites, slot: number, env: Env): void {
  const { table } = writes;
  const missing = ~table.confirmed[slot] & ~table.hinted[slot] & ~table.standIns[slot];
  for (let place = 0, left = missing & ((1 << table.places[slot]) - 1); left !== 0; place++, left >>>= 1) {
    if ((left & 1) === 1 && !hasStandIn(table, slot, place, table.confirmed[slot]))
      hintMissing(writes, slot, place, env);
  }
  table.close(slot);
}

/** Keeps a hint of the write of this slot, or of each record of its group, for the primary at a place. */
export function hintMissing({ table, keys }: SentWrites, slot: number, place: number, env: Env): void {
  const target = table.nodeAt(slot, place);
  const group = table.groups[slot];
  if (group === undefined) hintKey(keys, table.key[slot], target, table.partition[slot], env);
  for (let record = 0; group !== undefined && record < group.count; record++) {
    if (!group.apart.has(record)) hintKey(keys, group.keys[record], target, group.partitions[record], env);
  }
}

/** A hint, or where the key is forgotten by now a note. */
function hintKey(keys: KeyRing, entry: number, target: number, partition: number, env: Env): void {
  const key = keys.find(entry);
  if (key >= 0) castHint(env, target, keys.words, key, key + 2);
  else castNote(env, target, partition);
}

/** Ends a write that no replica holds. */
export function failUnminted(
  env: Env,
  table: WriteTable,
  slot: number,
  outcome: number,
  { clock = 0, detail = 0 } = {},
): void {
  putNumber(table.clock, slot * 2, clock);
  reply(env, table, slot, outcome, detail);
  table.close(slot);
}
