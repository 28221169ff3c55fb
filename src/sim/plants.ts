/**
 * Faults planted on purpose, to see that the judge finds them: each is a bug that a store like this has had somewhere.
 */
import type { CollectorState } from '../../actors/collector.js';
import type { CoordinatorState } from '../../actors/coordinator.js';
import { endFlight, removeHint } from '../../actors/hint-delivery.js';
import type { HintKeeperState } from '../../actors/hint-keeper.js';
import { Role } from '../actor/address.js';
import type { AnyBehaviour } from '../actor/behaviour.js';
import type { Env } from '../actor/env.js';
import type { Collection } from '../core/collection.js';
import { encodeBody, putBody, readBody } from '../protocol/body.js';
import { Confirmed } from '../protocol/collection-messages.js';
import type { MessageView } from '../protocol/header.js';
import { Kind, type MessageName, Read, Replicate, Replicated, Write } from '../protocol/messages.js';
import { Ask, askedDurability, isSuccess, isZoned, packQuorum, success, zoneQuorumOf } from '../protocol/outcome.js';
import { copyWords, putNumber, Rec, sizeOf } from '../protocol/record.js';
import { NEVER_MS } from './plan.js';
import { keepFirstRing, refuseNoRing } from './ring-plants.js';
import { seeing } from './seeing.js';
import type { Wrap } from './sim-node.js';
import type { Plant } from './simulation.js';

type AnyHandler = (state: unknown, message: MessageView, env: Env) => void;

export const PLANTS: Readonly<Record<string, Plant>> = {
  'acknowledges before the log write': { storage: { sendsBeforeLog: true } },
  'does not sync where it says so': { storage: { ignoresSync: true } },
  'forgets tombstones': { storage: { forgetsTombstones: true } },
  'keeps its incarnation after a loss': { storage: { keepsIncarnation: true } },
  'changes the order of messages': { storage: { reorders: true } },
  'lets an older record replace a newer one': { wrap: spoiling(Role.vnode, 'replicate', () => takeBlindly) },
  'confirms repairs that it does not keep': {
    wrap: spoiling(Role.vnode, 'replicate', confirmRepairs),
    run: { antiEntropyMs: NEVER_MS },
  },
  'ignores the context of a write': { wrap: spoiling(Role.vnode, 'mint', first(dropContext)) },
  'ignores the clock of its caller': { wrap: spoiling(Role.vnode, 'mint', first(dropCallerClock)) },
  'answers monotonic reads at once': { wrap: spoiling(Role.coordinator, 'read', first(dropMonotonic)) },
  'counts a node that stands in under a strict quorum': {
    wrap: spoiling(Role.coordinator, 'write', first(makeSloppy)),
  },
  'counts a replica twice': { wrap: spoiling(Role.coordinator, 'replicated', first(countTheNextToo)) },
  'counts a replica that has not answered': { wrap: spoiling(Role.coordinator, 'minted', countOneMore) },
  'drops a hint once sent': { wrap: dropSentHints, run: { calm: true, antiEntropyMs: NEVER_MS } },
  'collects a tombstone that some node has not taken': {
    wrap: spoiling(Role.collector, 'confirmed', first(agreeToAll)),
    run: { collectionMs: 200, antiEntropyMs: NEVER_MS },
  },
  'collects without waiting for its barriers': {
    wrap: spoiling(Role.collector, 'confirmed', flushAtOnce),
    run: { collectionMs: 200, holds: true },
  },
  'buries what has not expired': { wrap: buryEarly },
  'shows one reader what has expired': { client: { ignoresExpiry: 1 } },
  'counts at once though its disk has lost something': { storage: { doubtsNothing: true }, run: { n: 2, w: 2, r: 1 } },
  'counts at once though its log was damaged': {
    storage: { trustsSalvage: true },
    run: { n: 2, w: 2, r: 1, damages: true, pipelines: false },
  },
  'takes what an older ring sends': { wrap: refuseNoRing, run: { moves: true, collectionMs: 200 } },
  'goes on by the ring that it began with': { wrap: keepFirstRing },
  'takes a quorum of its own zone for one of each': { wrap: spoiling(Role.coordinator, 'write', first(askOwnZone)) },
  'sends updates without their context': { client: { dropsContexts: true } },
  'sends a refused write again behind later ones': { client: { resendsBehind: true }, run: { pipelines: true } },
  'overtakes a write that another node may still mint': { client: { overtakes: true }, run: { pipelines: true } },
};

/** Puts another handler in place of a real one, which it gets. */
function spoiling(at: Role, name: MessageName, make: (real: AnyHandler) => AnyHandler): Wrap {
  return (role, behaviour) => {
    if (role !== at) return behaviour;
    const spoiled = make(behaviour.receive[name] as AnyHandler);
    const receive = { ...behaviour.receive, [name]: spoiled } as AnyBehaviour['receive'];
    return { ...behaviour, receive };
  };
}

/** Runs something ahead of the real handler. */
function first(spoil: AnyHandler): (real: AnyHandler) => AnyHandler {
  return (real) => (state, message, env) => {
    spoil(state, message, env);
    real(state, message, env);
  };
}

function takeBlindly(_state: unknown, message: MessageView, env: Env): void {
  const { store } = env;
  const { words } = message;
  const record = message.at + Replicate.record;
  const existing = store.find(words, words[record + Rec.keyHash], words[record + Rec.keySlot], record + Rec.key);
  const bytes = sizeOf(words, record);
  const staged = store.reserve(bytes);
  copyWords(words, record, store.words, staged, bytes / 4);
  store.stage(staged, existing);
  confirm(message, env);
}

function confirm(message: MessageView, env: Env): void {
  const out = env.open(Kind.replicated, message.from, message.request, Replicated.end * 4);
  if (out === undefined) return;
  out.words[out.at + Replicated.outcome] = success(1, Math.min(1, askedDurability(message.u32(Replicate.options))));
  out.words[out.at + Replicated.mark] = message.words[message.at + Replicate.mark];
}

/** Request ids of reads, and so of their repairs, are negative. */
function confirmRepairs(real: AnyHandler): AnyHandler {
  return (state, message, env) => {
    if (message.request < 0) confirm(message, env);
    else real(state, message, env);
  };
}

function countOneMore(real: AnyHandler): AnyHandler {
  return (state, message, env) => {
    real(state, message, env);
    const { table } = (state as CoordinatorState).writes;
    const slot = table.slotOf(message.request);
    if (slot >= 0) table.confirmed[slot] |= table.confirmed[slot] + 1;
  };
}

function dropContext(_state: unknown, message: MessageView): void {
  message.words[message.at + Write.options] &= ~Ask.context;
}

function makeSloppy(_state: unknown, message: MessageView): void {
  message.words[message.at + Write.options] |= Ask.available;
}

function askOwnZone(_state: unknown, { words, at }: MessageView): void {
  const options = words[at + Write.options];
  const isEach = isZoned(options) && zoneQuorumOf(options) === 'each-quorum';
  if (isEach) words[at + Write.options] = (options & ~0xff) | packQuorum('local-quorum');
}

function dropCallerClock(_state: unknown, message: MessageView): void {
  putNumber(message.words, message.at + Write.callerClock, 0);
}

function dropMonotonic(_state: unknown, message: MessageView): void {
  message.words[message.at + Read.options] &= ~Ask.monotonic;
}

/** Its bit, and that of the replica behind it. */
function countTheNextToo(state: unknown, message: MessageView): void {
  const { table } = (state as CoordinatorState).writes;
  const slot = table.slotOf(message.request);
  if (slot >= 0 && isSuccess(message.u32(Replicated.outcome))) table.confirmed[slot] |= table.confirmed[slot] << 1;
}

/** A member that confirms no more than a part is taken to have confirmed all. */
function agreeToAll(_state: unknown, message: MessageView): void {
  const { confirms } = readBody(message, Confirmed.body) as { confirms: Uint8Array };
  putBody(message.words, message.bytes, message.at + Confirmed.body, encodeBody({ confirms: confirms.fill(1) }));
}

/** Once every member has confirmed, every channel is taken to be flushed. */
function flushAtOnce(real: AnyHandler): AnyHandler {
  return (state, message, env) => {
    const { batch } = state as CollectorState;
    if (batch !== undefined) batch.collection = { ...batch.collection, flushed: everyChannel(batch.collection) };
    real(state, message, env);
  };
}

const everyChannel = ({ members }: Collection): ReadonlySet<number> =>
  new Set(members.flatMap((from) => members.map((to) => from * 0x1_0000 + to)));

/** The collectors' clocks are an hour ahead. */
function buryEarly(role: Role, behaviour: AnyBehaviour): AnyBehaviour {
  if (role !== Role.collector) return behaviour;
  const ahead = (env: Env) => seeing(env, { wallMs: () => env.wallMs() + 3_600_000 });
  const real = behaviour.receive.confirm as AnyHandler;
  const confirm: AnyHandler = (state, message, env) => real(state, message, ahead(env));
  const onTimer: typeof behaviour.onTimer = (state, token, env) => behaviour.onTimer?.(state, token, ahead(env));
  return { ...behaviour, receive: { ...behaviour.receive, confirm } as AnyBehaviour['receive'], onTimer };
}

/** Whatever the keeper has sent in a tick it forgets, taken or not. */
function dropSentHints(role: Role, behaviour: AnyBehaviour): AnyBehaviour {
  if (role !== Role.hintKeeper) return behaviour;
  const onTimer: typeof behaviour.onTimer = (state, token, env) => {
    behaviour.onTimer?.(state, token, env);
    const { delivery, ledger, notes } = state as HintKeeperState;
    for (const [id, flight] of delivery.flights) {
      endFlight(delivery, id, flight);
      if (removeHint(flight, { targets: ledger.targets.keys(), notes }, env)) ledger.remove(flight.hint);
    }
  };
  return { ...behaviour, onTimer };
}
