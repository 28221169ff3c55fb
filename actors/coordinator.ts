/**
 * The actor that runs quorums, one for each node (DeCandia et al., "Dynamo", SOSP 2007, section 4.5).
 *
 *   write    client -> here -> own vnode (mint) -> here -> the other replicas (replicate) -> here -> client, after W
 *   read     client -> here -> R replicas (fetch) -> here -> client; stale replicas get what they lack (replicate)
 *
 * What is acknowledged is decided by core/write-quorum and core/read-quorum; this file sends what they decide.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { Placement } from '../src/actor/ports.js';
import type { ErrorCode } from '../src/core/errors.js';
import type { NodeIndex } from '../src/core/ids.js';
import { rarely } from '../src/core/rare-path.js';
import { settleWrite } from '../src/core/write-quorum.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind, Minted, Replicate, Replicated, Write, Written } from '../src/protocol/messages.js';
import { durabilityOf, failure, isSuccess, quorumOf, success } from '../src/protocol/outcome.js';
import { copyWords, Rec, siblingCount, sizeOf } from '../src/protocol/record.js';
import { fetched, type Reads, read, readReplicated, sweepReads } from './coordinator-reads.js';
import { isPast, whyLate } from './late-write.js';
import { WriteTable } from './write-table.js';

export interface CoordinatorOptions {
  /** The node's: writes that name another one are refused. */
  readonly incarnation: number;
  /** Writes under way at the same time; more are refused. */
  readonly writesMax?: number;
}

export interface CoordinatorState {
  readonly incarnation: number;
  /** Random: marks what this start of the actor sends, so that answers to an earlier one count for nothing. */
  readonly life: number;
  readonly writes: WriteTable;
  readonly reads: Reads;
  sweeping: boolean;
}

type Handles = 'write' | 'minted' | 'replicated' | 'read' | 'fetched';

const WRITES_MAX = 32_768;
const SWEEP_MS = 25;

/** The behaviour of a node's coordinator. */
export function coordinator(options: CoordinatorOptions): Behaviour<CoordinatorState, Handles> {
  const { incarnation, writesMax = WRITES_MAX } = options;
  return {
    role: 'coordinator',
    init: (env) => {
      const reads = { open: new Map(), next: env.random() >>> 1 };
      const life = env.random() | 0;
      return { incarnation, life, writes: new WriteTable(writesMax, env.random()), reads, sweeping: false };
    },
    receive: {
      write,
      minted,
      replicated,
      read: beginRead,
      fetched: (state, message, env) => fetched(state.reads, message, env),
    },
    onTimer: sweep,
  };
}

function beginRead(state: CoordinatorState, message: MessageView, env: Env): void {
  armSweep(state, env);
  read(state.reads, message, env);
}

function write(state: CoordinatorState, message: MessageView, env: Env): void {
  const { placement } = env;
  const { writes } = state;
  const late = whyLate(message, state.incarnation, env);
  if (late !== undefined) {
    refuse(env, message, late, 0);
    return;
  }
  const options = message.words[message.at + Write.options];
  const record = message.at + Write.record;
  const partition = (message.words[record + Rec.keySlot] >>> 16) >>> placement.slotShift;
  const reachable = countReachable(placement, partition, env.node);
  if (reachable < quorumOf(options)) {
    refuse(env, message, 'KV_UNAVAILABLE', (quorumOf(options) << 8) | Math.max(0, reachable));
    return;
  }
  const slot = rarely('coordinator: too many writes are under way', false) ? -1 : writes.open();
  if (slot < 0) {
    refuse(env, message, 'KV_OVERLOADED', 0);
    return;
  }
  writes.client[slot] = message.from;
  writes.request[slot] = message.request;
  writes.partition[slot] = partition;
  writes.options[slot] = options;
  writes.deadline[slot] = message.words[message.at + Write.deadline];
  armSweep(state, env);
  env.forward(message, Kind.mint, addressOf(Role.vnode, env.node, partition), writes.idOf(slot));
}

/** Replicas of the partition that are up, this node among them; -1 where this node is none of them. */
function countReachable(placement: Placement, partition: number, self: NodeIndex): number {
  const first = partition * placement.n;
  let reachable = 0;
  let member = false;
  for (let i = first; i < first + placement.n; i++) {
    const node = placement.preference[i] as NodeIndex;
    if (node === self) member = true;
    if (node === self || placement.isUp(node)) reachable++;
  }
  return member ? reachable : -1;
}

function minted(state: CoordinatorState, message: MessageView, env: Env): void {
  const { writes } = state;
  const slot = writes.slotOf(message.request);
  if (slot < 0) return;
  const outcome = message.words[message.at + Minted.outcome];
  if (!isSuccess(outcome)) {
    failUnminted(env, writes, slot, outcome);
    return;
  }
  const at = message.words[message.at + Minted.position];
  const { words } = env.store;
  writes.clock[slot * 2] = words[at + Rec.clockLow];
  writes.clock[slot * 2 + 1] = words[at + Rec.clockHigh];
  writes.confirmed[slot] = 1;
  writes.siblings[slot] = siblingCount(words, at);
  writes.durability[slot] = durabilityOf(outcome);
  sendToReplicas(env, state, slot, at);
  settle(env, writes, slot);
}

/** Sends the minted record to the other replicas; those that cannot be sent to count as failed. */
function sendToReplicas(env: Env, { writes, life }: CoordinatorState, slot: number, at: number): void {
  const { placement, store } = env;
  const { words } = store;
  const bytes = sizeOf(words, at);
  const partition = writes.partition[slot];
  const first = partition * placement.n;
  const durability = writes.options[slot] & 0x300;
  let answered = 0;
  for (let i = first; i < first + placement.n; i++) {
    const node = placement.preference[i] as NodeIndex;
    if (node === env.node) {
      answered |= 1 << (i - first);
      continue;
    }
    const sendable = placement.isUp(node) && !rarely('coordinator: a replica cannot be sent to', false);
    const out = sendable
      ? env.open(
          Kind.replicate,
          addressOf(Role.vnode, node, partition),
          writes.idOf(slot),
          Replicate.record * 4 + bytes,
        )
      : undefined;
    if (out === undefined) {
      writes.failed[slot]++;
      answered |= 1 << (i - first);
      continue;
    }
    out.words[out.at + Replicate.options] = durability;
    out.words[out.at + Replicate.mark] = life;
    copyWords(words, at, out.words, out.at + Replicate.record, bytes >>> 2);
  }
  writes.answered[slot] = answered;
}

function replicated(state: CoordinatorState, message: MessageView, env: Env): void {
  if (message.request < 0) {
    readReplicated(state.reads, message, env);
    return;
  }
  const { writes } = state;
  const slot = writes.slotOf(message.request);
  if (slot < 0 || message.words[message.at + Replicated.mark] !== state.life) return;
  const { n } = env.placement;
  const place = placeOf(env.placement.preference, writes.partition[slot] * n, n, nodeOf(message.from));
  const answered = writes.answered[slot];
  if (place === n || ((answered >>> place) & 1) !== 0) return;
  writes.answered[slot] = answered | (1 << place);
  const outcome = message.words[message.at + Replicated.outcome];
  if (isSuccess(outcome)) {
    writes.confirmed[slot]++;
    if (durabilityOf(outcome) < writes.durability[slot]) writes.durability[slot] = durabilityOf(outcome);
  } else writes.failed[slot]++;
  settle(env, writes, slot);
}

/** Place of a node among the `n` of a preference list that begins at `first`; n where it is not in it. */
function placeOf(preference: Uint16Array, first: number, n: number, node: number): number {
  let place = 0;
  while (place < n && preference[first + place] !== node) place++;
  return place;
}

function settle(env: Env, writes: WriteTable, slot: number): void {
  const w = quorumOf(writes.options[slot]);
  const confirmed = writes.confirmed[slot];
  switch (settleWrite(env.placement.n, w, confirmed, writes.failed[slot])) {
    case 'wait':
      return;
    case 'acked':
      reply(env, writes, slot, success(confirmed, writes.durability[slot]), writes.siblings[slot]);
      return;
    case 'unmet':
      reply(env, writes, slot, failure('KV_WRITE_QUORUM_UNMET'), (w << 8) | confirmed);
  }
}

/** Ends a write that no replica holds. */
function failUnminted(env: Env, writes: WriteTable, slot: number, outcome: number): void {
  writes.clock[slot * 2] = 0;
  writes.clock[slot * 2 + 1] = 0;
  reply(env, writes, slot, outcome, 0);
}

/** Answers the client and forgets the write; later confirmations find it gone. */
function reply(env: Env, writes: WriteTable, slot: number, outcome: number, detail: number): void {
  const out = env.open(Kind.written, writes.client[slot], writes.request[slot], Written.end * 4);
  if (out !== undefined) {
    out.words[out.at + Written.outcome] = outcome;
    out.words[out.at + Written.detail] = detail;
    out.words[out.at + Written.clock] = writes.clock[slot * 2];
    out.words[out.at + Written.clock + 1] = writes.clock[slot * 2 + 1];
  }
  writes.close(slot);
}

function refuse(env: Env, message: MessageView, code: ErrorCode, detail: number): void {
  const out = env.open(Kind.written, message.from, message.request, Written.end * 4);
  if (out === undefined) return;
  out.words[out.at + Written.outcome] = failure(code);
  out.words[out.at + Written.detail] = detail;
  out.words[out.at + Written.clock] = 0;
  out.words[out.at + Written.clock + 1] = 0;
}

function armSweep(state: CoordinatorState, env: Env): void {
  if (state.sweeping) return;
  state.sweeping = true;
  env.timer(SWEEP_MS, state.life);
}

/** Ends what is past its deadline or cannot succeed any more; runs as long as anything is open. */
function sweep(state: CoordinatorState, token: number, env: Env): void {
  if (token !== state.life) return;
  const { writes } = state;
  for (let slot = 0, left = writes.active; left > 0 && slot < writes.slots; slot++) {
    if (!writes.isOpen(slot)) continue;
    left--;
    sweepWrite(writes, slot, env);
  }
  sweepReads(state.reads, env);
  state.sweeping = false;
  if (writes.active > 0 || state.reads.open.size > 0) armSweep(state, env);
}

function sweepWrite(writes: WriteTable, slot: number, env: Env): void {
  // a vnode answers in the turn that asked it: without an answer by now its handler threw, and nothing of it is left
  if (writes.confirmed[slot] === 0) failUnminted(env, writes, slot, failure('KV_INTERNAL'));
  else if (isPast(writes.deadline[slot], env.nowMs())) {
    const detail = (quorumOf(writes.options[slot]) << 8) | writes.confirmed[slot];
    reply(env, writes, slot, failure('KV_WRITE_QUORUM_UNMET'), detail);
  } else if (giveUpOnDown(env.placement, writes, slot)) settle(env, writes, slot);
}

/** Counts replicas as failed that went down without an answer; whether there were any. */
function giveUpOnDown(placement: Placement, writes: WriteTable, slot: number): boolean {
  const { n, preference } = placement;
  const first = writes.partition[slot] * n;
  const failed = writes.failed[slot];
  for (let place = 0; place < n; place++) {
    const bit = 1 << place;
    if ((writes.answered[slot] & bit) !== 0 || placement.isUp(preference[first + place] as NodeIndex)) continue;
    writes.answered[slot] |= bit;
    writes.failed[slot]++;
  }
  return writes.failed[slot] !== failed;
}
