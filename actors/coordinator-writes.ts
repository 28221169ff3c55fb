/**
 * The writes of a coordinator: has its own vnode mint each, sends it to the other places, answers when
 * core/write-quorum says so, and sees to it that whoever misses the write is hinted.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { Standing } from '../src/actor/ports.js';
import type { ErrorCode } from '../src/core/errors.js';
import type { NodeIndex } from '../src/core/ids.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind, Minted, Replicated, Write } from '../src/protocol/messages.js';
import { durabilityOf, errorOf, failure, isOlderThan, isSuccess } from '../src/protocol/outcome.js';
import { Rec, siblingCount } from '../src/protocol/record.js';
import { castHint } from './hint-casts.js';
import { KeyRing } from './key-ring.js';
import { isPast, whyLate } from './late-write.js';
import { Mending } from './mending.js';
import { UnreadKeys } from './unread-keys.js';
import type { VnodeOptions } from './vnode-mint.js';
import { decideWrite, detailOf } from './write-needs.js';
import { Runs, refuse, reply } from './write-replies.js';
import { refusedAsStale, type SentWrites, sendAgain, sendTo } from './write-sends.js';
import { confirm, failUnminted, finish, openSlot, settle } from './write-settlement.js';
import { WriteTable } from './write-table.js';
import { chooseTargets, hasStandIn } from './write-targets.js';

export interface Writes extends SentWrites {
  /** The node's. */
  readonly incarnation: number;
  /** What its vnodes go by: a batch does as they would. */
  readonly vnodes: VnodeOptions;
  /** Writes of keys whose record here cannot be read. */
  readonly mending: Mending;
}

export interface WritesOptions {
  readonly incarnation: number;
  readonly vnodes: VnodeOptions;
  readonly writesMax: number;
  /** The smallest W of writes. */
  readonly w: number;
}

/** A write where it stands: in a message of its own, or as a member of a batch. */
export interface WriteAt {
  readonly message: MessageView;
  readonly client: number;
  /** Word index of the record. */
  readonly record: number;
  /** Its number in the batch, or -1. */
  readonly member: number;
}

const NOTHING = { clock: 0, detail: 0 };
/** Words of the key ring for each write: enough for keys of two dozen bytes. */
const KEY_WORDS = 8;

export function startWrites({ incarnation, vnodes, writesMax, w }: WritesOptions, env: Env): Writes {
  const table = new WriteTable(writesMax, env.random());
  return {
    incarnation,
    vnodes,
    life: env.random() | 0,
    table,
    mending: new Mending(table, w, vnodes.unread ?? new UnreadKeys(), env),
    keys: new KeyRing(Math.max(4_096, writesMax * KEY_WORDS)),
  };
}

export function write(writes: Writes, message: MessageView, env: Env): void {
  const late = whyLate(message, writes.incarnation, env);
  if (late !== undefined) {
    refuse(env, message, late, 0);
    return;
  }
  const record = message.at + Write.record;
  const slot = beginWrite(writes, { message, client: message.from, record, member: -1 }, env);
  if (slot < 0) return;
  const vnode = addressOf(Role.vnode, env.node, writes.table.partition[slot]);
  env.forward(message, Kind.mint, vnode, writes.table.idOf(slot));
}

/** The slot of a write that is to be minted; -1 where it was refused. */
export function beginWrite(writes: Writes, at: WriteAt, env: Env): number {
  const { table } = writes;
  const { message, record, member } = at;
  const options = message.words[message.at + Write.options];
  const partition = partitionOf(message, record, env);
  const code = refusal(options, partition, env);
  const slot = code === undefined ? openSlot(writes, env) : -1;
  if (slot < 0) {
    refuseAt(env, at, code ?? 'KV_OVERLOADED', 0);
    return -1;
  }
  table.client[slot] = at.client;
  table.request[slot] = message.request;
  table.member[slot] = member;
  table.partition[slot] = partition;
  table.options[slot] = options;
  table.deadline[slot] = message.words[message.at + Write.deadline];
  const reachable = chooseTargets(env.placement, env.node, table, slot);
  if (reachable >= 0 && decideWrite(table, slot) !== 'unmet') return slot;
  const detail = detailOf(table, slot, reachable < 0 ? 0 : ~table.failed[slot]);
  table.close(slot);
  // the partition has settled on others since the request was routed: whoever sent it finds them by the newer ring
  const hasLeft = reachable < 0 && isOlderThan(options, env.placement.changedAt[partition]);
  refuseAt(env, at, hasLeft ? 'KV_STALE_EPOCH' : 'KV_UNAVAILABLE', detail);
  return -1;
}

function refuseAt(env: Env, { message, client, member }: WriteAt, code: ErrorCode, detail: number): void {
  if (member < 0) {
    refuse(env, message, code, detail);
    return;
  }
  const run = new Runs(client, message.request, env);
  run.add(member, failure(code), detail, 0, 0);
  run.send();
}

/** Why a write is not even begun. */
function refusal(options: number, partition: number, { node, placement }: Env): ErrorCode | undefined {
  if (isOlderThan(options, placement.begunAt[partition])) return 'KV_STALE_EPOCH';
  if (placement.standingOf(node) === Standing.member) return undefined;
  // a node that is yet to join, and may be ended and cleared before, or that has left: nobody keeps what it takes
  return isOlderThan(options, placement.epoch) ? 'KV_STALE_EPOCH' : 'KV_UNAVAILABLE';
}

/** Partition of the record at this word. */
export function partitionOf({ words }: MessageView, record: number, { placement }: Env): number {
  return (words[record + Rec.keySlot] >>> 16) >>> placement.slotShift;
}

export function minted(writes: Writes, message: MessageView, env: Env): void {
  const { table } = writes;
  writes.mending.minted(message.request, env);
  const slot = table.slotOf(message.request);
  if (slot < 0) return;
  const outcome = message.words[message.at + Minted.outcome];
  if (!isSuccess(outcome)) {
    failUnminted(env, table, slot, outcome, reachedBy(outcome, env));
    return;
  }
  mintedAt(writes, slot, message.words[message.at + Minted.position], durabilityOf(outcome), env);
}

/** The record of this write stands at a word of the store: it goes to the other places. */
export function mintedAt(writes: Writes, slot: number, at: number, durability: number, env: Env): void {
  const { table, keys } = writes;
  const { words } = env.store;
  table.clock[slot * 2] = words[at + Rec.clockLow];
  table.clock[slot * 2 + 1] = words[at + Rec.clockHigh];
  table.siblings[slot] = siblingCount(words, at);
  table.key[slot] = keys.put(words, at);
  table.epoch[slot] = env.placement.epoch;
  confirm(table, slot, table.placeOf(slot, env.node), durability);
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

export function replicated(writes: Writes, message: MessageView, env: Env): void {
  const { table } = writes;
  const slot = table.slotOf(message.request);
  if (slot < 0 || table.groups[slot] !== undefined) return;
  if (message.words[message.at + Replicated.mark] !== table.markOf(slot, writes.life)) return;
  const place = table.placeOf(slot, nodeOf(message.from));
  if (place < 0 || ((table.confirmed[slot] >>> place) & 1) === 1) return;
  heard(writes, slot, place, message.words[message.at + Replicated.outcome], env);
}

/** What a place has answered for the write of this slot. */
export function heard(writes: SentWrites, slot: number, place: number, outcome: number, env: Env): void {
  const { table } = writes;
  if (isSuccess(outcome)) confirm(table, slot, place, durabilityOf(outcome));
  else if (errorOf(outcome) === 'KV_STALE_EPOCH') refusedAsStale(writes, slot, place, env);
  else table.failed[slot] |= 1 << place;
  settle(writes, slot, env);
}

/** Ends what is past its deadline, and no longer waits for who went down. */
export function sweepWrites(writes: Writes, env: Env): void {
  const { table } = writes;
  for (let slot = 0, left = table.active; left > 0 && slot < table.slots; slot++) {
    if (!table.isOpen(slot)) continue;
    left--;
    sweepWrite(writes, slot, env);
  }
  // last: what it sends to be minted has no answer of its vnode yet
  writes.mending.visit(env);
}

function sweepWrite(writes: Writes, slot: number, env: Env): void {
  const { table } = writes;
  if (writes.mending.holds(table.idOf(slot))) return;
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

/** What whoever tries again must know: the clock that a write came behind its `latest` for, and the wall; nothing of others. */
export const reachedBy = (outcome: number, env: Env): { readonly clock: number; readonly detail: number } =>
  errorOf(outcome) === 'KV_DEADLINE_EXCEEDED' ? { clock: env.store.clock, detail: env.wallMs() | 0 } : NOTHING;
