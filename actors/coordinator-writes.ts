/**
 * The writes of a coordinator: has its own vnode mint each, sends it to the other places, answers when
 * core/write-quorum says so, and sees to it that whoever misses the write is hinted.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { Standing } from '../src/actor/ports.js';
import type { ErrorCode } from '../src/core/errors.js';
import type { NodeIndex } from '../src/core/ids.js';
import { rarely } from '../src/core/rare-path.js';
import { countPlaces } from '../src/core/write-quorum.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind, Minted, Replicated, Write, Written } from '../src/protocol/messages.js';
import { durabilityOf, errorOf, failure, isOlderThan, isSuccess, success } from '../src/protocol/outcome.js';
import { putNumber, Rec, siblingCount } from '../src/protocol/record.js';
import { castHint, castNote } from './hint-casts.js';
import { KeyRing } from './key-ring.js';
import { isPast, whyLate } from './late-write.js';
import { decideWrite, detailOf } from './write-needs.js';
import { refusedAsStale, type SentWrites, sendAgain, sendTo } from './write-sends.js';
import { WriteTable } from './write-table.js';
import { chooseTargets, hasStandIn } from './write-targets.js';

export interface Writes extends SentWrites {
  /** The node's. */
  readonly incarnation: number;
}

/** Words of the key ring for each write: enough for keys of two dozen bytes. */
const KEY_WORDS = 8;

export function startWrites(incarnation: number, writesMax: number, env: Env): Writes {
  const table = new WriteTable(writesMax, env.random());
  return { incarnation, life: env.random() | 0, table, keys: new KeyRing(Math.max(4_096, writesMax * KEY_WORDS)) };
}

export function write(writes: Writes, message: MessageView, env: Env): void {
  const { table } = writes;
  const options = message.words[message.at + Write.options];
  const partition = partitionOf(message, env);
  const code = refusal(writes, message, partition, env);
  const slot = code === undefined ? openSlot(writes, env) : -1;
  if (slot < 0) {
    refuse(env, message, code ?? 'KV_OVERLOADED', 0);
    return;
  }
  table.client[slot] = message.from;
  table.request[slot] = message.request;
  table.partition[slot] = partition;
  table.options[slot] = options;
  table.deadline[slot] = message.words[message.at + Write.deadline];
  const reachable = chooseTargets(env.placement, env.node, table, slot);
  if (reachable < 0 || decideWrite(table, slot) === 'unmet') {
    const detail = detailOf(table, slot, reachable < 0 ? 0 : ~table.failed[slot]);
    table.close(slot);
    // the partition has settled on others since the request was routed: whoever sent it finds them by the newer ring
    const hasLeft = reachable < 0 && isOlderThan(options, env.placement.changedAt[partition]);
    refuse(env, message, hasLeft ? 'KV_STALE_EPOCH' : 'KV_UNAVAILABLE', detail);
    return;
  }
  env.forward(message, Kind.mint, addressOf(Role.vnode, env.node, partition), table.idOf(slot));
}

function partitionOf({ words, at }: MessageView, { placement }: Env): number {
  return (words[at + Write.record + Rec.keySlot] >>> 16) >>> placement.slotShift;
}

/** Why a write is not even begun. */
function refusal({ incarnation }: Writes, message: MessageView, partition: number, env: Env): ErrorCode | undefined {
  const late = whyLate(message, incarnation, env);
  if (late !== undefined) return late;
  const { placement } = env;
  const options = message.u32(Write.options);
  if (isOlderThan(options, placement.begunAt[partition])) return 'KV_STALE_EPOCH';
  if (placement.standingOf(env.node) === Standing.member) return undefined;
  // a node that is yet to join, and may be ended and cleared before, or that has left: nobody keeps what it takes
  return isOlderThan(options, placement.epoch) ? 'KV_STALE_EPOCH' : 'KV_UNAVAILABLE';
}

/** A free slot, or that of a write whose client has its answer already; -1 where all are needed. */
function openSlot(writes: Writes, env: Env): number {
  const slot = rarely('coordinator: too many writes are under way', false) ? -1 : writes.table.open();
  if (slot >= 0) return slot;
  const lingering = writes.table.someLingering();
  if (lingering < 0) return -1;
  finish(writes, lingering, env);
  return writes.table.open();
}

export function minted(writes: Writes, message: MessageView, env: Env): void {
  const { table, keys } = writes;
  const slot = table.slotOf(message.request);
  if (slot < 0) return;
  const outcome = message.words[message.at + Minted.outcome];
  if (!isSuccess(outcome)) {
    // who tries again must know what its clock has to reach
    const isLate = errorOf(outcome) === 'KV_DEADLINE_EXCEEDED';
    failUnminted(env, table, slot, outcome, isLate ? env.store.clock : 0);
    return;
  }
  const at = message.words[message.at + Minted.position];
  const { words } = env.store;
  table.clock[slot * 2] = words[at + Rec.clockLow];
  table.clock[slot * 2 + 1] = words[at + Rec.clockHigh];
  table.siblings[slot] = siblingCount(words, at);
  table.key[slot] = keys.put(words, at);
  table.epoch[slot] = env.placement.epoch;
  confirm(table, slot, table.placeOf(slot, env.node), durabilityOf(outcome));
  for (let place = 0; place < table.places[slot]; place++) {
    if ((((table.failed[slot] | table.confirmed[slot]) >>> place) & 1) === 0) sendTo(writes, slot, place, at, env);
  }
  if (table.failed[slot] !== 0 || table.standIns[slot] !== 0) hintOwn(writes, slot, at, env);
  settle(writes, slot, env);
}

/** Hints beside the copy of this node: in the turn that logs it, for whom nobody else stands in. */
function hintOwn({ table }: Writes, slot: number, at: number, env: Env): void {
  const { words } = env.store;
  const own = table.insteadOf(slot, table.placeOf(slot, env.node));
  const asked = ~table.failed[slot] & ~table.confirmed[slot];
  for (let place = 0; place < table.primaries(slot); place++) {
    const isOwed = ((table.failed[slot] >>> place) & 1) === 1 && !hasStandIn(table, slot, place, asked);
    if (!isOwed && place !== own) continue;
    castHint(env, table.nodeAt(slot, place), words, at + Rec.keyHash, at + Rec.key);
    table.hinted[slot] |= 1 << place;
  }
}

function confirm(table: WriteTable, slot: number, place: number, durability: number): void {
  table.confirmed[slot] |= 1 << place;
  const counts = (((table.current[slot] | table.next[slot]) >>> place) & 1) === 1;
  if (counts && durability < table.durability[slot]) table.durability[slot] = durability;
}

export function replicated(writes: Writes, message: MessageView, env: Env): void {
  const { table } = writes;
  const slot = table.slotOf(message.request);
  if (slot < 0 || message.words[message.at + Replicated.mark] !== writes.life) return;
  const place = table.placeOf(slot, nodeOf(message.from));
  if (place < 0 || ((table.confirmed[slot] >>> place) & 1) === 1) return;
  const outcome = message.words[message.at + Replicated.outcome];
  if (isSuccess(outcome)) confirm(table, slot, place, durabilityOf(outcome));
  else if (errorOf(outcome) === 'KV_STALE_EPOCH') refusedAsStale(writes, slot, place, env);
  else table.failed[slot] |= 1 << place;
  settle(writes, slot, env);
}

/** Answers the client as soon as it can be, and ends the write when every place has confirmed or failed. */
function settle(writes: Writes, slot: number, env: Env): void {
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
function finish({ table, keys }: Writes, slot: number, env: Env): void {
  const missing = ~table.confirmed[slot] & ~table.hinted[slot] & ~table.standIns[slot];
  for (let place = 0, left = missing & ((1 << table.places[slot]) - 1); left !== 0; place++, left >>>= 1) {
    if ((left & 1) === 0 || hasStandIn(table, slot, place, table.confirmed[slot])) continue;
    const key = keys.find(table.key[slot]);
    const target = table.nodeAt(slot, place);
    if (key >= 0) castHint(env, target, keys.words, key, key + 2);
    else castNote(env, target, table.partition[slot]);
  }
  table.close(slot);
}

/** Ends a write that no replica holds. */
function failUnminted(env: Env, table: WriteTable, slot: number, outcome: number, clock = 0): void {
  putNumber(table.clock, slot * 2, clock);
  reply(env, table, slot, outcome, 0);
  table.close(slot);
}

function reply(env: Env, table: WriteTable, slot: number, outcome: number, detail: number): void {
  const out = env.open(Kind.written, table.client[slot], table.request[slot], Written.end * 4);
  if (out === undefined) return;
  out.words[out.at + Written.outcome] = outcome;
  out.words[out.at + Written.detail] = detail;
  out.words[out.at + Written.clock] = table.clock[slot * 2];
  out.words[out.at + Written.clock + 1] = table.clock[slot * 2 + 1];
}

function refuse(env: Env, message: MessageView, code: ErrorCode, detail: number): void {
  const out = env.open(Kind.written, message.from, message.request, Written.end * 4);
  if (out === undefined) return;
  out.words[out.at + Written.outcome] = failure(code);
  out.words[out.at + Written.detail] = detail;
  out.words[out.at + Written.clock] = 0;
  out.words[out.at + Written.clock + 1] = 0;
}

/** Ends what is past its deadline, and no longer waits for who went down. */
export function sweepWrites(writes: Writes, env: Env): void {
  const { table } = writes;
  for (let slot = 0, left = table.active; left > 0 && slot < table.slots; slot++) {
    if (!table.isOpen(slot)) continue;
    left--;
    sweepWrite(writes, slot, env);
  }
}

function sweepWrite(writes: Writes, slot: number, env: Env): void {
  const { table } = writes;
  // a vnode answers in the turn that asked it: without an answer by now its handler threw, and nothing of it is left
  if (table.confirmed[slot] === 0) failUnminted(env, table, slot, failure('KV_INTERNAL'));
  else if (isPast(table.deadline[slot], env.nowMs())) {
    if (!table.isLingering(slot)) {
      reply(env, table, slot, failure('KV_WRITE_QUORUM_UNMET'), detailOf(table, slot, table.confirmed[slot]));
    }
    finish(writes, slot, env);
  } else {
    const waits = table.stale[slot] !== 0;
    sendAgain(writes, slot, env);
    if (giveUpOnDown(table, slot, env) || waits) settle(writes, slot, env);
  }
}

/** Counts places as failed that went down without an answer; whether there were any. */
function giveUpOnDown(table: WriteTable, slot: number, { placement }: Env): boolean {
  let lost = 0;
  const heard = table.confirmed[slot] | table.failed[slot];
  for (let place = 0; place < table.places[slot]; place++) {
    const isHeard = ((heard >>> place) & 1) === 1;
    if (!isHeard && !placement.isUp(table.nodeAt(slot, place) as NodeIndex)) lost |= 1 << place;
  }
  table.failed[slot] |= lost;
  return lost !== 0;
}
