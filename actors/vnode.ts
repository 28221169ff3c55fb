/**
 * The actor that owns one partition's replica on one node: it alone mints dots for it and merges what it is sent.
 *
 * Plain records of one replica id, the common case, are compared and copied in place; everything else is decoded into
 * sibling sets and merged by core/siblings. The state is the store: a restarted vnode has lost nothing.
 */
import { addressOf, instanceOf, Role } from '../src/actor/address.js';
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import { Standing } from '../src/actor/ports.js';
import type { MessageView } from '../src/protocol/header.js';
import { StandIn } from '../src/protocol/hint-messages.js';
import { Kind, Minted, Replicate, Replicated, Write } from '../src/protocol/messages.js';
import { Ask, isSuccess, success } from '../src/protocol/outcome.js';
import { Rec } from '../src/protocol/record.js';
import { castHint } from './hint-casts.js';
import { fetchRecord } from './vnode-fetch.js';
import { takeRecord } from './vnode-merge.js';
import { askDurability, mintFor, UNREADABLE, type VnodeOptions } from './vnode-mint.js';
import { scanPage } from './vnode-scan.js';
import { answerWatch } from './vnode-watch.js';

export interface VnodeState {
  readonly partition: number;
  readonly options: VnodeOptions;
}

type Handles = 'mint' | 'mended' | 'replicate' | 'standIn' | 'fetch' | 'scan' | 'watch';

/** The behaviour of every vnode of a node. */
export function vnode(options: VnodeOptions): Behaviour<VnodeState, Handles> {
  return {
    role: 'vnode',
    init: (env) => ({ partition: instanceOf(env.self), options }),
    receive: {
      mint,
      mended,
      replicate,
      standIn,
      fetch: (state, message, env) => fetchRecord(state, message, env),
      scan: (state, message, env) => scanPage(state, message, env),
      watch: (state, message, env) => answerWatch(state, message, env),
    },
  };
}

function mint({ options, partition }: VnodeState, message: MessageView, env: Env): void {
  const at = mintFor(options, partition, message, message.at + Write.record, env);
  if (at === UNREADABLE) env.forward(message, Kind.mend, addressOf(Role.coordinator, env.node, 0), message.request);
  else answerMint(message, at, env);
}

/** Mints a write of a key whose record could not be read: by now others' records are in its place, or there are none. */
function mended({ options, partition }: VnodeState, message: MessageView, env: Env): void {
  const mended = (message.u32(Write.options) & Ask.repair) === 0 ? 'whole' : 'lost';
  answerMint(message, mintFor(options, partition, message, message.at + Write.record, env, mended), env);
}

function answerMint(message: MessageView, at: number, env: Env): void {
  const outcome = at < 0 ? ~at : success(1, askDurability(message.u32(Write.options), env.store));
  const out = env.open(Kind.minted, message.from, message.request, Minted.end * 4);
  if (out === undefined) return;
  out.words[out.at + Minted.outcome] = outcome;
  out.words[out.at + Minted.position] = at;
}

function replicate(state: VnodeState, message: MessageView, env: Env): void {
  confirm(state, message, env, Replicate.record);
}

/** Takes a record in place of a primary: the hint keeper hears of it in the same turn. */
function standIn(state: VnodeState, message: MessageView, env: Env): void {
  const isMember = env.placement.standingOf(env.node) === Standing.member;
  if (!confirm(state, message, env, StandIn.record, isMember)) return;
  const record = message.at + StandIn.record;
  castHint(env, message.u32(StandIn.target), message.words, record + Rec.keyHash, record + Rec.key);
}

/** Merges the record of a message and says how that went; whether it is held now. */
function confirm(
  { partition, options }: VnodeState,
  message: MessageView,
  env: Env,
  record: number,
  isWanted = true,
): boolean {
  const outcome = takeRecord(message, message.at + record, partition, options, env, isWanted);
  const out = env.open(Kind.replicated, message.from, message.request, Replicated.end * 4);
  if (out !== undefined) {
    out.words[out.at + Replicated.outcome] = outcome;
    out.words[out.at + Replicated.mark] = message.words[message.at + Replicate.mark];
  }
  return isSuccess(outcome);
}
