/**
 * Faults planted on purpose, to see that the judge finds them: each is a bug that a store like this has had somewhere.
 */
import type { CoordinatorState } from '../../actors/coordinator.js';
import { Role } from '../actor/address.js';
import type { AnyBehaviour } from '../actor/behaviour.js';
import type { Env } from '../actor/env.js';
import type { MessageView } from '../protocol/header.js';
import { Kind, type MessageName, Read, Replicate, Replicated, Write } from '../protocol/messages.js';
import { Ask, askedDurability, success } from '../protocol/outcome.js';
import { copyWords, Rec, sizeOf } from '../protocol/record.js';
import type { Wrap } from './sim-node.js';
import type { Plant } from './simulation.js';

type AnyHandler = (state: unknown, message: MessageView, env: Env) => void;

export const PLANTS: Readonly<Record<string, Plant>> = {
  'acknowledges before the log write': { storage: { sendsBeforeLog: true } },
  'does not sync where it says so': { storage: { ignoresSync: true } },
  'forgets tombstones': { storage: { forgetsTombstones: true } },
  'keeps its incarnation after a loss': { storage: { keepsIncarnation: true } },
  'lets an older record replace a newer one': { wrap: replacing(Role.vnode, 'replicate', takeBlindly) },
  'ignores the context of a write': { wrap: before(Role.vnode, 'mint', dropContext) },
  'answers monotonic reads at once': { wrap: before(Role.coordinator, 'read', dropMonotonic) },
  'counts a replica twice': { wrap: before(Role.coordinator, 'replicated', forgetWhoAnswered) },
};

/** Runs something ahead of the real handler. */
function before(role: Role, name: MessageName, spoil: AnyHandler): Wrap {
  return replacing(role, name, spoil, true);
}

function replacing(at: Role, name: MessageName, handler: AnyHandler, goesOn = false): Wrap {
  return (role, behaviour) => {
    if (role !== at) return behaviour;
    const real = behaviour.receive[name] as AnyHandler;
    const spoiled: AnyHandler = (state, message, env) => {
      handler(state, message, env);
      if (goesOn) real(state, message, env);
    };
    const receive = { ...behaviour.receive, [name]: spoiled } as AnyBehaviour['receive'];
    return { ...behaviour, receive };
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
  const out = env.open(Kind.replicated, message.from, message.request, Replicated.end * 4);
  if (out === undefined) return;
  out.words[out.at + Replicated.outcome] = success(1, Math.min(1, askedDurability(message.u32(Replicate.options))));
  out.words[out.at + Replicated.mark] = words[message.at + Replicate.mark];
}

function dropContext(_state: unknown, message: MessageView): void {
  message.words[message.at + Write.options] &= ~Ask.context;
}

function dropMonotonic(_state: unknown, message: MessageView): void {
  message.words[message.at + Read.options] &= ~Ask.monotonic;
}

function forgetWhoAnswered(state: unknown, message: MessageView): void {
  const { writes } = state as CoordinatorState;
  const slot = writes.slotOf(message.request);
  if (slot >= 0) writes.answered[slot] = 0;
}
