/**
 * The actor that keeps liveness, one for each node: raises its heartbeat every second, tells a few random others what
 * it knows, and suspects whose counter stands still (van Renesse, Minsky, Hayden 1998). `down` needs two reporters.
 *
 * What it knows also stands in a `LivenessView`, for anyone in the host to read.
 */
import { addressOf, Role } from '../src/actor/address.js';
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { LivenessView } from '../src/actor/liveness-view.js';
import type { NodeIndex } from '../src/core/ids.js';
import {
  beat,
  type Liveness,
  type Members,
  markDown,
  mergeMembers,
  report,
  startLiveness,
} from '../src/core/membership.js';
import { findSilent, isDown, observeMembers, startWatch, type Watch } from '../src/core/suspicion.js';
import { bodyMessageBytes, encodeBody, putBody, readBody } from '../src/protocol/body.js';
import { HEADER_WORDS } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';

export interface GossipOptions {
  /** Raised with every start of the node. */
  readonly incarnation: number;
  readonly view: LivenessView;
  readonly hostOf: (node: NodeIndex) => string;
}

interface GossipState {
  members: Members;
  watch: Watch;
  /** Token of the timer that this start of the actor has set: one of an earlier start rings in vain. */
  readonly timer: number;
  /** Milliseconds since the actor started, which do not wrap, and the clock that they were read from. */
  elapsedMs: number;
  clockMs: number;
  /** When the next round is due, by which the agent measures its own lag; its first round has none. */
  dueMs: number;
  /** How late the agent has run of late; it recovers by one heartbeat a round, as in Lifeguard. */
  lagMs: number;
}

const HEARTBEAT_MS = 1_000;
/** Silence that makes a suspect among up to four nodes; among more, news takes a number of rounds that grows with their log. */
const SUSPICION_MS = 5_000;
/** Others told each round. One would do for an epidemic to spread, but now and then not within the suspicion time. */
const FANOUT = 3;

/** The behaviour of a node's gossip agent. */
export function gossipAgent(options: GossipOptions): Behaviour<GossipState, 'gossip'> {
  return {
    role: 'gossip-agent',
    init(env) {
      const timer = env.random() | 0;
      env.timer(HEARTBEAT_MS, timer);
      const watch = startWatch({ heartbeatMs: HEARTBEAT_MS, suspicionMs: SUSPICION_MS });
      const members = [startLiveness(env.node, options.incarnation)];
      return { members, watch, timer, elapsedMs: 0, clockMs: env.nowMs(), dueMs: Number.POSITIVE_INFINITY, lagMs: 0 };
    },
    receive: {
      gossip(state, message, env) {
        state.members = mergeMembers(state.members, readBody(message, HEADER_WORDS) as Liveness[]);
        observe(state, env, options);
      },
    },
    onTimer(state, token, env) {
      if (token !== state.timer) return;
      state.members = beat(state.members, env.node);
      observe(state, env, options);
      accuse(state, env, options);
      tell(state, env);
      state.dueMs = state.elapsedMs + HEARTBEAT_MS;
      env.timer(HEARTBEAT_MS, state.timer);
    },
  };
}

function observe(state: GossipState, env: Env, { view }: GossipOptions): void {
  const nowMs = env.nowMs();
  state.elapsedMs += (nowMs - state.clockMs) | 0;
  state.clockMs = nowMs;
  state.watch = observeMembers(state.watch, state.members, state.elapsedMs);
  for (const entry of state.members) view.put(entry, entry.reporters.includes(env.node));
}

/** Reports who is silent, and calls down whom enough have reported. */
function accuse(state: GossipState, env: Env, options: GossipOptions): void {
  const suspicionMs = SUSPICION_MS * Math.max(1, Math.log2(env.placement.members.length) / 2);
  const watch = { ...state.watch, options: { heartbeatMs: HEARTBEAT_MS, suspicionMs } };
  state.lagMs = Math.max(0, state.elapsedMs - state.dueMs, state.lagMs - HEARTBEAT_MS);
  for (const node of findSilent(watch, env.node, state.elapsedMs, state.lagMs)) {
    state.members = report(state.members, node, env.node);
  }
  for (const entry of state.members) {
    if (entry.state === 'suspect' && isDown(entry, state.members, options.hostOf)) {
      state.members = markDown(state.members, entry.node);
    }
  }
}

/** Sends the table to a few others, drawn anew each round. */
function tell(state: GossipState, env: Env): void {
  const others = env.placement.members.filter((node) => node !== env.node && env.placement.isUp(node));
  if (others.length === 0) return;
  const body = encodeBody(state.members);
  const bytes = bodyMessageBytes(HEADER_WORDS, body);
  for (let told = 0; told < FANOUT && others.length > 0; told++) {
    const [other] = others.splice(env.random() % others.length, 1);
    const out = env.open(Kind.gossip, addressOf(Role.gossip, other, 0), 0, bytes);
    if (out !== undefined) putBody(out.words, out.bytes, out.at + HEADER_WORDS, body);
  }
}

export type { GossipState };
