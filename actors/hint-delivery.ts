/**
 * The hand-over of hints: sends what the node holds for each hinted key to the hint's target, a window at a time, and
 * removes the hint when the target has confirmed. Then the record goes too, where this node only kept it for others.
 *
 * A node that has left the ring does not wait for a target that is away: another holder stands in and keeps the hint.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import type { Placement } from '../src/actor/ports.js';
import { forgetPrivate } from '../src/actor/private-record.js';
import type { NodeIndex } from '../src/core/ids.js';
import type { MessageView } from '../src/protocol/header.js';
import { StandIn } from '../src/protocol/hint-messages.js';
import { Kind, Replicate, Replicated } from '../src/protocol/messages.js';
import { DurabilityCode, isSuccess, withEpoch } from '../src/protocol/outcome.js';
import { copyWords, Rec, sizeOf } from '../src/protocol/record.js';
import type { HintNotes } from './hint-notes.js';
import { attempt, findUserRecord, type Hint, hasPrivate, hintKey, userKeyOf } from './hint-records.js';
import { isReachable } from './reachable.js';

/** A record on its way to a target. */
export interface Flight {
  readonly hint: Hint;
  readonly to: NodeIndex;
  readonly sentAtMs: number;
  /** Size, dot and clock of what was sent. */
  readonly version: readonly number[];
  /** The key was hinted again meanwhile: what was sent is not all that the target lacks. */
  outdated: boolean;
}

export interface Delivery {
  readonly life: number;
  readonly flights: Map<number, Flight>;
  /** The same by the hint's key, as Latin-1. */
  readonly byKey: Map<string, Flight>;
  nextId: number;
}

export const nameOf = (key: Uint8Array): string => String.fromCharCode(...key);

export function startDelivery(env: Env): Delivery {
  return { life: env.random() | 0, flights: new Map(), byKey: new Map(), nextId: 0 };
}

/** How a hint was dealt with: `done` needs no hand-over, `later` cannot be sent now. */
export type SendOutcome =
  | { readonly kind: 'sent'; readonly bytes: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'later' };

const DONE: SendOutcome = { kind: 'done' };
const LATER: SendOutcome = { kind: 'later' };

/** Sends what this node holds of the hint's key to its target, or to a holder of the partition where that is none any more. */
export function send(delivery: Delivery, hint: Hint, env: Env): SendOutcome {
  const { store, placement } = env;
  const to = destinationOf(hint, env);
  if (to === undefined) return LATER;
  if (to === env.node) return DONE;
  const at = attempt(() => findUserRecord(store, userKeyOf(hint.key)));
  if (at === undefined) return LATER;
  if (at < 0) return DONE;
  const size = sizeOf(store.words, at);
  const id = delivery.nextId++ & 0x7fff_ffff;
  const isHandedOn = to !== hint.target && nextHolders(placement, hint.partition).includes(hint.target);
  const [kind, record] = isHandedOn ? [Kind.standIn, StandIn.record] : [Kind.replicate, Replicate.record];
  const out = env.open(kind, addressOf(Role.vnode, to, hint.partition), id, record * 4 + size);
  if (out === undefined) return LATER;
  // a copy that this node is to forget must be as safe there as it was here
  const durability = isHolder(placement, env.node, hint.partition) ? DurabilityCode.interval : DurabilityCode.sync;
  out.words[out.at + Replicate.options] = withEpoch(durability << 8, placement.epoch);
  out.words[out.at + Replicate.mark] = delivery.life;
  if (isHandedOn) {
    out.words[out.at + StandIn.target] = hint.target;
    out.words[out.at + StandIn.target + 1] = 0;
  }
  copyWords(store.words, at, out.words, out.at + record, size >>> 2);
  const version = versionOf(store.words, at);
  const flight: Flight = { hint, to, sentAtMs: env.nowMs(), version, outdated: false };
  delivery.flights.set(id, flight);
  delivery.byKey.set(nameOf(hint.key), flight);
  return { kind: 'sent', bytes: size };
}

function versionOf(words: Int32Array, at: number): number[] {
  return [sizeOf(words, at), ...words.subarray(at + Rec.replicaLow, at + Rec.clockHigh + 1)];
}

/** Whether a node is among those that hold the partition now, or are to hold it. */
export function isHolder({ n, preference, next }: Placement, node: number, partition: number): boolean {
  for (let i = partition * n; i < partition * n + n; i++) if (preference[i] === node || next[i] === node) return true;
  return false;
}

const nextHolders = ({ n, next }: Placement, partition: number): Uint16Array =>
  next.subarray(partition * n, partition * n + n);

/**
 * Where a hint goes: to its target; where that holds the partition no longer, or will not, or where it is away and this node
 * has left itself, to the first holder that is not suspected. While the partition moves the new list alone: an old holder
 * that leaves takes what it gets with it, for whoever is in its place may have copied all that it means to. Undefined for now.
 */
function destinationOf({ target, partition }: Hint, env: Env): NodeIndex | undefined {
  const { placement, node } = env;
  const holders = nextHolders(placement, partition);
  const isWanted = holders.includes(target);
  const candidates = [...(isWanted ? [target] : []), ...(isWanted && placement.members.includes(node) ? [] : holders)];
  const isFree = (other: number) => other === node || isReachable(other as NodeIndex, env);
  return candidates.find(isFree) as NodeIndex | undefined;
}

/** A target's answer: its hint, and whether it is done. Undefined for an answer that nobody waits for. */
export function arrived(delivery: Delivery, message: MessageView): { flight: Flight; isTaken: boolean } | undefined {
  if (message.words[message.at + Replicated.mark] !== delivery.life) return undefined;
  const flight = delivery.flights.get(message.request);
  if (flight === undefined || flight.to !== nodeOf(message.from)) return undefined;
  endFlight(delivery, message.request, flight);
  return { flight, isTaken: isSuccess(message.u32(Replicated.outcome)) && !flight.outdated };
}

export function endFlight(delivery: Delivery, id: number, flight: Flight): void {
  delivery.flights.delete(id);
  delivery.byKey.delete(nameOf(flight.hint.key));
}

/** What a node still owes to others. */
export interface Debts {
  /** Nodes that it keeps hints for. */
  readonly targets: Iterable<number>;
  readonly notes: HintNotes;
}

/**
 * Removes a hint that was handed over, and the record, where this node only kept it for others and owes it to none of them
 * any more. False where either has to stay for now.
 */
export function removeHint({ hint, version }: Flight, { targets, notes }: Debts, env: Env): boolean {
  const { store } = env;
  const { partition, key } = hint;
  if (!isHolder(env.placement, env.node, partition)) {
    const userKey = userKeyOf(key);
    const isWanted =
      notes.isAbout(partition) ||
      [...targets].some((target) => target !== hint.target && hasPrivate(store, hintKey(target, partition, userKey)));
    const at = isWanted ? -1 : attempt(() => findUserRecord(store, userKey));
    if (at === undefined) return false;
    if (at >= 0) {
      const isSame = versionOf(store.words, at).every((word, index) => word === version[index]);
      if (!isSame || !store.forget(at)) return false;
    }
  }
  return forgetPrivate(store, key);
}
