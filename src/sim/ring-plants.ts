/** Planted faults of stale rings: requests of an older one that are not refused, and a node that goes on sending them. */
import { Role } from '../actor/address.js';
import type { AnyBehaviour } from '../actor/behaviour.js';
import type { Env } from '../actor/env.js';
import { RingView } from '../actor/ring-view.js';
import type { MessageView } from '../protocol/header.js';
import { Fetch, Read, Replicate, Write } from '../protocol/messages.js';
import { withEpoch } from '../protocol/outcome.js';
import { seeing } from './seeing.js';
import type { SimNode } from './sim-node.js';

type AnyHandler = (state: unknown, message: MessageView, env: Env) => void;

/** Word of the options of each message that is refused where an older ring sent it. */
const OPTIONS: Partial<Record<Role, Readonly<Record<string, number>>>> = {
  [Role.vnode]: { fetch: Fetch.options, replicate: Replicate.options, standIn: Replicate.options },
  [Role.coordinator]: {
    write: Write.options,
    writeMany: Write.options,
    read: Read.options,
    replicateMany: Replicate.options,
  },
};

/** Whatever is asked counts as asked under the ring that is in force here. */
export function refuseNoRing(role: Role, behaviour: AnyBehaviour): AnyBehaviour {
  const receive: Record<string, unknown> = { ...behaviour.receive };
  for (const [name, word] of Object.entries(OPTIONS[role] ?? {})) {
    const real = receive[name] as AnyHandler;
    const handler: AnyHandler = (state, message, env) => {
      const { words, at } = message;
      words[at + word] = withEpoch(words[at + word], env.placement.epoch);
      real(state, message, env);
    };
    receive[name] = handler;
  }
  return { ...behaviour, receive: receive as AnyBehaviour['receive'] };
}

const STALE_NODE = 0;

/** The same, and one node coordinates by the ring that its life began with. */
export function keepFirstRing(role: Role, behaviour: AnyBehaviour, { index }: SimNode): AnyBehaviour {
  const lenient = refuseNoRing(role, behaviour);
  if (role !== Role.coordinator || index !== STALE_NODE) return lenient;
  const stale = new WeakMap<Env, Env>();
  const staleOf = (env: Env): Env => {
    const { ring, isUp, suspects } = env.placement;
    const known = stale.get(env) ?? seeing(env, { placement: new RingView({ ring, isUp, suspects }) });
    stale.set(env, known);
    return known;
  };
  const receive = Object.entries(lenient.receive).map(([name, real]) => {
    const handler: AnyHandler = (state, message, env) => (real as AnyHandler)(state, message, staleOf(env));
    return [name, handler];
  });
  const onTimer: typeof behaviour.onTimer = (state, token, env) => behaviour.onTimer?.(state, token, staleOf(env));
  return { ...lenient, receive: Object.fromEntries(receive), onTimer };
}
