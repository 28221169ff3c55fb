/**
 * How the record of a write reaches its places; and how it goes on when the ring begins to change under it.
 *
 *   replica has adopted the change, this node has not:  it refuses the record as older (KV_STALE_EPOCH), nothing of it held
 *   this node has adopted it too:  the write now needs W of the new list as well; whoever refused is sent it again
 *
 * What was confirmed before stands: those replicas hold the record since before they refused, so that whoever fills from
 * them finds it. Ongaro, Ousterhout, "In Search of an Understandable Consensus Algorithm", ATC 2014, section 6.
 */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { rarely } from '../src/core/rare-path.js';
import { StandIn } from '../src/protocol/hint-messages.js';
import { Kind, Replicate } from '../src/protocol/messages.js';
import { isOlderThan, withEpoch } from '../src/protocol/outcome.js';
import { copyWords, sizeOf } from '../src/protocol/record.js';
import { attempt } from './hint-records.js';
import type { KeyRing } from './key-ring.js';
import { NO_PLACE, type WriteTable } from './write-table.js';
import { addMove } from './write-targets.js';

export interface SentWrites {
  /** Random: marks what this start of the actor sends, so that answers to an earlier one count for nothing. */
  readonly life: number;
  readonly table: WriteTable;
  readonly keys: KeyRing;
}

/** Sends a record of this node's store to a place; one that it cannot be sent to has failed. */
export function sendTo({ table, life }: SentWrites, slot: number, place: number, at: number, env: Env): void {
  const { words } = env.store;
  const bytes = sizeOf(words, at);
  const partition = table.partition[slot];
  const standsFor = table.insteadOf(slot, place);
  const body = standsFor === NO_PLACE ? Replicate.record : StandIn.record;
  const tag = standsFor === NO_PLACE ? Kind.replicate : Kind.standIn;
  const to = addressOf(Role.vnode, table.nodeAt(slot, place), partition);
  const isFull = rarely('coordinator: a replica cannot be sent to', false);
  const out = isFull ? undefined : env.open(tag, to, table.idOf(slot), body * 4 + bytes);
  if (out === undefined) {
    table.failed[slot] |= 1 << place;
    return;
  }
  out.words[out.at + Replicate.options] = withEpoch(table.options[slot] & 0x300, env.placement.epoch);
  out.words[out.at + Replicate.mark] = table.markOf(slot, life);
  if (standsFor !== NO_PLACE) {
    out.words[out.at + StandIn.target] = table.nodeAt(slot, standsFor);
    out.words[out.at + StandIn.target + 1] = 0;
  }
  copyWords(words, at, out.words, out.at + body, bytes >>> 2);
}

/** A place refused the write as older than a change that it knows of; for the second time, it has failed. */
export function refusedAsStale(writes: SentWrites, slot: number, place: number, env: Env): void {
  const { table } = writes;
  if (((table.again[slot] >>> place) & 1) === 1 || table.standIns[slot] !== 0) table.failed[slot] |= 1 << place;
  else {
    table.stale[slot] |= 1 << place;
    sendAgain(writes, slot, env);
  }
}

/**
 * Sends the write again to the places that refused it, once this node has adopted the change that they know of. Who refuses it
 * when yet another change has begun has failed: by that one it would have to go to a list more.
 */
export function sendAgain(writes: SentWrites, slot: number, env: Env): void {
  const { table, keys } = writes;
  const { placement, store } = env;
  const stale = table.stale[slot];
  const partition = table.partition[slot];
  const isFirst = table.again[slot] === 0;
  const hasMoved = isOlderThan(withEpoch(0, table.epoch[slot]), placement.begunAt[partition]);
  if (stale === 0 || (isFirst && !hasMoved)) return;
  table.stale[slot] = 0;
  const key = keys.find(table.key[slot]);
  // the newest record that is held here covers what was minted
  const found = key < 0 ? -1 : attempt(() => store.find(keys.words, keys.words[key], keys.words[key + 1], key + 2));
  const added = isFirst && !table.isLingering(slot) ? addMove(placement, env.node, table, slot) : 0;
  if (found === undefined || found < 0 || added < 0 || (hasMoved && !isFirst)) {
    table.failed[slot] |= stale | Math.max(0, added);
    return;
  }
  const places = stale | added;
  table.again[slot] |= places;
  table.epoch[slot] = placement.epoch;
  for (let place = 0; place < table.places[slot]; place++) {
    if (((places >>> place) & 1) === 1) sendTo(writes, slot, place, found, env);
  }
}
