/**
 * What the replicas of a group answer. Where all is well a place confirms all of it with one message; a record that a place
 * refuses is set apart, and goes on as a write that was sent alone would.
 */
import { nodeOf } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { ReplicatedMany } from '../src/protocol/batch-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { Replicated } from '../src/protocol/messages.js';
import { durabilityOf, errorOf, isSuccess } from '../src/protocol/outcome.js';
import { heard } from './coordinator-writes.js';
import type { WriteGroup } from './write-group.js';
import type { SentWrites } from './write-sends.js';
import { confirm, settle } from './write-settlement.js';
import type { WriteTable } from './write-table.js';

/** A place has answered for a run of records of a group. */
export function replicatedMany(writes: SentWrites, message: MessageView, env: Env): void {
  const { table } = writes;
  const slot = table.slotOf(message.request);
  const group = slot < 0 ? undefined : table.groups[slot];
  if (group === undefined || message.words[message.at + Replicated.mark] !== table.markOf(slot, writes.life)) return;
  const place = table.placeOf(slot, nodeOf(message.from));
  if (place < 0) return;
  const first = message.u32(ReplicatedMany.first);
  const end = group.hear(place, first, message.u32(ReplicatedMany.count));
  const outcome = message.words[message.at + Replicated.outcome];
  if (end < 0) {
    if (isSuccess(outcome) || !group.isAhead(place, first)) return;
    // a bridge could not pass a later part on: nobody will answer for it
    fail(table, group, place);
    settle(writes, slot, env);
    return;
  }
  const isWhole = first === 0 && end === group.count && group.apart.size === 0;
  if (isSuccess(outcome)) {
    for (const [record, id] of group.apart)
      if (record >= first && record < end) hearApart(writes, id, place, outcome, env);
    table.durability[slot] = Math.min(table.durability[slot], durabilityOf(outcome));
    confirmHeard(table, group, place);
  } else if (isWhole && errorOf(outcome) !== 'KV_STALE_EPOCH') fail(table, group, place);
  else refuseRun(writes, group, { place, first, end, outcome }, env);
  // nobody waits for it any more, but other places still answer for what was set apart by its id
  if (group.isEmpty && !table.isLingering(slot)) table.linger(slot);
  settle(writes, slot, env);
}

/** The place holds all of the group when it has answered for its last record: what it refused is none of it any more. */
function confirmHeard(table: WriteTable, group: WriteGroup, place: number): void {
  const { slot } = group;
  const isAll = group.heard[place] === group.count && ((table.failed[slot] >>> place) & 1) === 0;
  if (isAll) confirm(table, slot, place, table.durability[slot]);
}

/** The place has failed for the group as a whole. */
function fail(table: WriteTable, group: WriteGroup, place: number): void {
  table.failed[group.slot] |= 1 << place;
  group.refused |= 1 << place;
}

interface RefusedRun {
  readonly place: number;
  readonly first: number;
  readonly end: number;
  readonly outcome: number;
}

/** Sets the records apart that a place refused; where there is no slot for one, the place has failed for the group. */
function refuseRun(writes: SentWrites, group: WriteGroup, run: RefusedRun, env: Env): void {
  const { table } = writes;
  const { place, first, end, outcome } = run;
  for (let record = first; record < end; record++) {
    const id = group.apart.get(record) ?? setApart(writes, group, record, place);
    if (id < 0) fail(table, group, place);
    else hearApart(writes, id, place, outcome, env);
  }
  confirmHeard(table, group, place);
}

function hearApart(writes: SentWrites, id: number, place: number, outcome: number, env: Env): void {
  const slot = writes.table.slotOf(id);
  if (slot >= 0) heard(writes, slot, place, outcome, env);
}

/** Gives a record a slot of its own, with what is known of it so far; its id, or -1 where all slots are taken. */
function setApart({ table }: SentWrites, group: WriteGroup, record: number, refusedBy: number): number {
  const from = group.slot;
  const slot = table.open();
  if (slot < 0) return -1;
  for (let place = 0; place < table.places[from]; place++) table.addPlace(slot, table.nodeAt(from, place));
  for (const column of [table.client, table.request, table.options, table.deadline, table.epoch]) {
    column[slot] = column[from];
  }
  for (const column of [table.current, table.next, table.failed, table.hinted, table.durability]) {
    column[slot] = column[from];
  }
  table.clock[slot * 2] = table.clock[from * 2];
  table.clock[slot * 2 + 1] = table.clock[from * 2 + 1];
  table.siblings[slot] = 1;
  table.member[slot] = group.members[record];
  table.partition[slot] = group.partitions[record];
  table.key[slot] = group.keys[record];
  table.confirmed[slot] = (table.confirmed[from] | group.holdersOf(record)) & ~(1 << refusedBy);
  if (table.isLingering(from)) table.linger(slot);
  const id = table.idOf(slot);
  group.apart.set(record, id);
  return id;
}
