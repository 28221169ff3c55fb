/**
 * The actor that has dead records forgotten for good, one for each node: as owner of a partition it collects its tombstones
 * and expired values, a batch at a time (core/collection.ts); as member it confirms, keeps its promise, and forgets.
 *
 * A tombstone must outlive every older value that any node holds, keeps a hint of, or has on its way to another: only then
 * may it go, everywhere (Riak's reaping and Cassandra's gc_grace hope for that after a time; this waits for it).
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { Phase, type Store } from '../src/actor/ports.js';
import { addConfirmation, addFlush, type Collection, phaseOf, startCollection } from '../src/core/collection.js';
import { asStoreError } from '../src/core/errors.js';
import type { PartitionId } from '../src/core/ids.js';
import { bodyMessageBytes, encodeBody, putBody, readBody } from '../src/protocol/body.js';
import { Barrier, Collect, Confirm, Confirmed, Stage } from '../src/protocol/collection-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { Flag, flagsOf } from '../src/protocol/record.js';
import { keyAt } from '../src/protocol/record-digest.js';
import { sendBarrier } from './barriers.js';
import { type CollectionPromises, DeadRecord, isDead, packDead } from './dead-records.js';
import { forgetStray } from './forgetting.js';
import { hasPrivate, hintKey } from './hint-records.js';
import type { Debts } from './ring-leavers.js';

export interface CollectorOptions {
  /** Between two looks at the same partition. */
  readonly intervalMs: number;
  /** Which partitions may hold dead records: set by whoever stages one, cleared by a look that found none. */
  readonly mayHoldDead: Uint8Array;
  readonly promises: CollectionPromises;
  /** What the node's hint keeper has. */
  readonly debts: Debts;
  readonly doubts: PartitionDoubts | undefined;
  /** Clocks of nodes differ by less: an expired value is dead so long after its time. */
  readonly clockDriftMaxMs: number;
  /** Told how many records this owner has had collected. */
  readonly onCollected: (records: number) => void;
}

interface Batch {
  readonly id: number;
  readonly partition: PartitionId;
  readonly epoch: number;
  readonly records: readonly Uint8Array[];
  readonly sinceMs: number;
  collection: Collection;
  isFlushing: boolean;
}

export interface CollectorState {
  readonly options: CollectorOptions;
  /** Random: a promise of an earlier start of the actor is none. */
  readonly life: number;
  batch: Batch | undefined;
  nextBatch: number;
  /** The look at the partitions: which one, behind which key, and whether it has found anything in it. */
  partition: number;
  after: Uint8Array | undefined;
  found: boolean;
  /** Milliseconds of the next round over the partitions. */
  roundAtMs: number;
  readonly timer: number;
}

type Handles = 'confirm' | 'confirmed' | 'barrier' | 'collect';

const TICK_MS = 20;
const IDLE_MS = 500;
const SLICE_RECORDS = 128;
const BATCH_RECORDS = 256;
const BATCH_BYTES = 24 * 1024;
/** A batch that some member does not go on with for so long is given up, and tried again later. */
const BATCH_MS = 5_000;

export function collector(options: CollectorOptions): Behaviour<CollectorState, Handles> {
  return {
    role: 'collector',
    init(env) {
      options.mayHoldDead.fill(1);
      const timer = env.random() | 0;
      env.timer(TICK_MS, timer);
      const life = env.random() | 0;
      const roundAtMs = (env.nowMs() + options.intervalMs) | 0;
      const look = { partition: env.placement.partitions, after: undefined, found: false, roundAtMs };
      const batches = { batch: undefined, nextBatch: env.random() >>> 1 };
      return { options, life, ...batches, ...look, timer };
    },
    receive: { confirm, confirmed, barrier, collect },
    onTimer(state, token, env) {
      if (token !== state.timer) return;
      if (state.batch !== undefined) advance(state, state.batch, env);
      else look(state, env);
      env.timer(isBusy(state, env) ? TICK_MS : IDLE_MS, state.timer);
    },
  };
}

const isBusy = ({ batch, partition }: CollectorState, env: Env): boolean =>
  batch !== undefined || partition < env.placement.partitions;

/** One slice of the look for dead records; what it finds becomes a batch. */
function look(state: CollectorState, env: Env): void {
  const { placement } = env;
  // nobody can promise for a node that is away, nor for one that has left and may still deliver hints
  if (placement.ring.leavers.length > 0 || placement.members.some((node) => !placement.isUp(node))) {
    if (state.partition < placement.partitions) state.options.mayHoldDead[state.partition] = 1;
    state.partition = placement.partitions;
    // a round that is due stays so, however long this goes on: the clock wraps
    if (((env.nowMs() - state.roundAtMs) | 0) > 0) state.roundAtMs = env.nowMs();
    return;
  }
  if (state.partition >= placement.partitions) {
    if (((env.nowMs() - state.roundAtMs) | 0) < 0) return;
    state.roundAtMs = (env.nowMs() + state.options.intervalMs) | 0;
    state.partition = -1;
    nextPartition(state, env);
    return;
  }
  const records: Uint8Array[] = [];
  let bytes = 0;
  const beforeMs = env.wallMs() - state.options.clockDriftMaxMs;
  const { after } = state;
  const partition = state.partition as PartitionId;
  const request = { ...(after !== undefined && { gt: after }), limit: SLICE_RECORDS, onCorrupt: () => undefined };
  const more = env.store.page(partition, request, (words, at) => {
    state.after = keyAt(words, at);
    const isExpiring = (flagsOf(words, at) & (Flag.tombstone | Flag.expires | Flag.set)) !== 0;
    if (!isExpiring) return true;
    state.found = true;
    const view = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
    if (!isDead(words, view, at, beforeMs)) return true;
    const packed = packDead(words, view, at);
    records.push(packed);
    bytes += packed.length;
    return records.length < BATCH_RECORDS && bytes < BATCH_BYTES;
  });
  if (!more) nextPartition(state, env);
  if (records.length > 0) begin(state, partition, records, env);
}

/** Goes on to the next partition of this owner that is settled and may hold dead records. */
function nextPartition(state: CollectorState, { placement, node }: Env): void {
  const { mayHoldDead } = state.options;
  if (state.found) mayHoldDead[state.partition] = 1;
  state.found = false;
  state.after = undefined;
  const { n, preference, phases, partitions } = placement;
  do state.partition++;
  while (
    state.partition < partitions &&
    (mayHoldDead[state.partition] === 0 ||
      preference[state.partition * n] !== node ||
      phases[state.partition] !== Phase.settled)
  );
  // what is written from here on sets it again
  if (state.partition < partitions) mayHoldDead[state.partition] = 0;
}

function begin(state: CollectorState, partition: PartitionId, records: readonly Uint8Array[], env: Env): void {
  const { members, epoch } = env.placement;
  state.nextBatch = (state.nextBatch + 1) & 0x7fff_ffff;
  const collection = startCollection(members, records.length);
  const sinceMs = env.nowMs();
  state.batch = { id: state.nextBatch, partition, epoch, records, sinceMs, collection, isFlushing: false };
  const body = encodeBody({ records });
  for (const member of members) {
    const to = addressOf(Role.collector, member, 0);
    const out = env.open(Kind.confirm, to, state.nextBatch, bodyMessageBytes(Confirm.body, body));
    if (out === undefined) continue;
    out.words[out.at + Confirm.partition] = partition;
    out.words[out.at + Confirm.epoch] = epoch;
    putBody(out.words, out.bytes, out.at + Confirm.body, body);
  }
}

/** A member confirms what it holds just so on its disk, and what it holds nothing of. */
function confirm(state: CollectorState, message: MessageView, env: Env): void {
  const { promises, doubts } = state.options;
  const partition = message.u32(Confirm.partition);
  const owner = nodeOf(message.from);
  const { records } = readBody(message, Confirm.body) as { records: readonly Uint8Array[] };
  const { placement } = env;
  const isReady =
    message.u32(Confirm.epoch) === placement.epoch &&
    placement.phases[partition] === Phase.settled &&
    doubts?.has(partition) !== true;
  promises.release(owner);
  const confirms = records.map((packed) => {
    const dead = new DeadRecord(packed);
    if (!isReady || !holdsJust(dead, partition, env, state.options)) return false;
    promises.add(owner, message.request, dead);
    return true;
  });
  env.store.requireSync();
  const body = encodeBody({ confirms: Uint8Array.from(confirms, Number) });
  const out = env.open(Kind.confirmed, message.from, message.request, bodyMessageBytes(Confirmed.body, body));
  if (out === undefined) return;
  out.words[out.at + Confirmed.life] = state.life;
  putBody(out.words, out.bytes, out.at + Confirmed.body, body);
}

function holdsJust(dead: DeadRecord, partition: number, env: Env, options: CollectorOptions): boolean {
  const { store, placement } = env;
  const { key } = dead;
  if (placement.members.some((target) => hasPrivate(store, hintKey(target, partition, key)))) return false;
  const at = findReadable(dead, store);
  if (at < 0) return at === ABSENT;
  // what came late to a node that holds the partition no longer would hold this up until the next sweep
  if (!dead.isAt(store, at)) return forgetStray(partition, at, options.debts, env);
  if (isDead(store.words, store.bytes, at, 0)) return true;
  // another clock may be behind: what is buried stays dead whatever the time
  return isDead(store.words, store.bytes, at, env.wallMs() - options.clockDriftMaxMs) && dead.bury(store, at);
}

const ABSENT = -1;
const UNREADABLE = -2;

/** Word index of what the node holds of the key, ABSENT, or UNREADABLE where the disk gives no right record. */
function findReadable(dead: DeadRecord, store: Store): number {
  try {
    return dead.findIn(store);
  } catch (error) {
    if (asStoreError(error).code === 'KV_INTERNAL') throw error;
    return UNREADABLE;
  }
}

function confirmed(state: CollectorState, message: MessageView, env: Env): void {
  const { batch } = state;
  if (batch === undefined || message.request !== batch.id || batch.isFlushing) return;
  const { confirms } = readBody(message, Confirmed.body) as { confirms: Uint8Array };
  const answer = {
    node: nodeOf(message.from),
    life: message.u32(Confirmed.life) | 0,
    confirms: [...confirms].map((one) => one === 1),
  };
  batch.collection = addConfirmation(batch.collection, answer);
  advance(state, batch, env);
}

function barrier(state: CollectorState, message: MessageView, env: Env): void {
  const batch = message.u32(Barrier.batch);
  const owner = message.u32(Barrier.owner);
  const origin = message.u32(Barrier.origin);
  if (message.u32(Barrier.stage) === Stage.passing) {
    const to = addressOf(Role.collector, owner, 0);
    sendBarrier(env, to, { stage: Stage.passed, batch, owner, origin, life: state.life });
    return;
  }
  if (state.batch === undefined || state.batch.id !== batch) return;
  const flush = { from: origin, to: nodeOf(message.from), life: message.u32(Barrier.life) | 0 };
  state.batch.collection = addFlush(state.batch.collection, flush as Parameters<typeof addFlush>[1]);
  advance(state, state.batch, env);
}

/** Does what the batch waits for, or gives it up. */
function advance(state: CollectorState, batch: Batch, env: Env): void {
  const phase = phaseOf(batch.collection);
  const { placement } = env;
  const isStale = batch.epoch !== placement.epoch || ((env.nowMs() - batch.sinceMs) | 0) > BATCH_MS;
  if (phase === 'void' || (isStale && phase !== 'collect')) end(state, batch, [], env);
  else if (phase === 'flush' && !batch.isFlushing) {
    batch.isFlushing = true;
    for (const member of batch.collection.members) {
      const to = addressOf(Role.coordinator, member, 0);
      sendBarrier(env, to, { stage: Stage.begin, batch: batch.id, owner: env.node, origin: 0, life: 0 });
    }
  } else if (phase === 'collect') {
    const agreed = batch.records.filter((_, index) => batch.collection.agreed[index]);
    end(state, batch, agreed, env);
    state.options.onCollected(agreed.length);
  }
}

/** Has every member forget these records, and keep its promise no longer. */
function end(state: CollectorState, batch: Batch, records: readonly Uint8Array[], env: Env): void {
  state.batch = undefined;
  const body = encodeBody({ records });
  for (const member of batch.collection.members) {
    const out = env.open(Kind.collect, addressOf(Role.collector, member, 0), 0, bodyMessageBytes(Collect.body, body));
    if (out === undefined) continue;
    out.words[out.at + Collect.batch] = batch.id;
    out.words[out.at + Collect.owner] = env.node;
    putBody(out.words, out.bytes, out.at + Collect.body, body);
  }
}

function collect(state: CollectorState, message: MessageView, env: Env): void {
  state.options.promises.release(message.u32(Collect.owner));
  const { records } = readBody(message, Collect.body) as { records: readonly Uint8Array[] };
  const { store } = env;
  for (const packed of records) {
    const dead = new DeadRecord(packed);
    const at = findReadable(dead, store);
    if (at >= 0 && dead.isAt(store, at) && isDead(store.words, store.bytes, at, 0)) store.forget(at);
  }
}
