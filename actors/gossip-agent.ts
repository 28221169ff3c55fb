/**
 * The actor that keeps liveness, one for each node: raises its heartbeat, tells a few random others a part of what it
 * knows, and suspects whose counter stands still (van Renesse, Minsky, Hayden 1998). `down` needs two reporters; a node
 * that is down is told now and then all the same, so that a healed partition finds itself.
 *
 * What it knows also stands in a `LivenessView`, for anyone in the host to read.
 */
import { addressOf, Role } from '../src/actor/address.js';
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { LivenessView } from '../src/actor/liveness-view.js';
import { excerpt } from '../src/core/excerpt.js';
import type { GossipTuning } from '../src/core/gossip-tuning.js';
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
import type { HostOf } from '../src/core/reporters.js';
import { findDown, findSilent, lagFactor, observeMembers, suspicionTimeMs, type Watch } from '../src/core/suspicion.js';
import { bodyMessageBytes, putBody } from '../src/protocol/body.js';
import { encodeGossip, readGossip } from '../src/protocol/gossip-body.js';
import { HEADER_WORDS } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';

export interface GossipOptions {
  readonly tuning: GossipTuning;
  /** Raised with every start of the node. */
  readonly incarnation: number;
  readonly view: LivenessView;
  readonly hostOf: HostOf;
  /** Whether this node's host knows that the other has ended: nobody waits for its heartbeat then. */
  readonly hasEnded: (node: NodeIndex) => boolean;
  /** Told when this agent takes a node for another state than before. */
  readonly onChange: (entry: Liveness) => void;
}

interface GossipState {
  /** Members of the ring alone. */
  members: Members;
  watch: Watch;
  /** Those whom this node itself has waited for in vain, and not heard of since. */
  silent: ReadonlySet<NodeIndex>;
  /** The ring that the table was last cut to. */
  ring: readonly NodeIndex[];
  isMember: ReadonlySet<NodeIndex>;
  /** Token of the timer that this start of the actor has set: one of an earlier start rings in vain. */
  readonly timer: number;
  /** Milliseconds since the actor started, which do not wrap, and the clock that they were read from. */
  elapsedMs: number;
  clockMs: number;
  /** When the next round is due, by which the agent measures its own lag; its first round has none. */
  dueMs: number;
  /** How late the agent has run of late; it recovers by one heartbeat a round, as in Lifeguard. */
  lagMs: number;
  /** When a node that is down may be told again. */
  probeAtMs: number;
}

/** The behaviour of a node's gossip agent. */
export function gossipAgent(options: GossipOptions): Behaviour<GossipState, 'gossip'> {
  const { heartbeatMs } = options.tuning;
  return {
    role: 'gossip-agent',
    init(env) {
      const timer = env.random() | 0;
      env.timer(heartbeatMs, timer);
      const ring = env.placement.members;
      const isMember = new Set([...ring, env.node]);
      const members = [startLiveness(env.node, options.incarnation)];
      const times = { elapsedMs: 0, clockMs: env.nowMs(), dueMs: Number.POSITIVE_INFINITY, lagMs: 0, probeAtMs: 0 };
      return { members, watch: [], silent: new Set(), ring, isMember, timer, ...times };
    },
    receive: {
      gossip(state, message, env) {
        followRing(state, env);
        const told = readGossip(message).filter(({ node }) => state.isMember.has(node));
        state.members = mergeMembers(state.members, told, options.hostOf);
        observe(state, env);
        publish(state, options);
      },
    },
    onTimer(state, token, env) {
      if (token !== state.timer) return;
      followRing(state, env);
      state.members = beat(state.members, env.node);
      observe(state, env);
      accuse(state, env, options);
      publish(state, options);
      tell(state, env, options);
      state.dueMs = state.elapsedMs + heartbeatMs;
      env.timer(heartbeatMs, state.timer);
    },
  };
}

/** A node leaves the table when it has left the ring, and not before. */
function followRing(state: GossipState, env: Env): void {
  const { members } = env.placement;
  if (members === state.ring) return;
  state.ring = members;
  state.isMember = new Set([...members, env.node]);
  state.members = state.members.filter(({ node }) => state.isMember.has(node));
}

function observe(state: GossipState, env: Env): void {
  const nowMs = env.nowMs();
  state.elapsedMs += (nowMs - state.clockMs) | 0;
  state.clockMs = nowMs;
  state.watch = observeMembers(state.watch, state.members, state.elapsedMs);
  if (state.silent.size === 0) return;
  const still = state.watch.filter(({ node, movedAtMs }) => state.silent.has(node) && movedAtMs < state.elapsedMs);
  state.silent = new Set(still.map(({ node }) => node));
}

/** Reports who is silent, and calls down whom enough have reported. */
function accuse(state: GossipState, env: Env, { tuning, hostOf, hasEnded }: GossipOptions): void {
  state.lagMs = Math.max(0, state.elapsedMs - state.dueMs, state.lagMs - tuning.heartbeatMs);
  const silenceMs = suspicionTimeMs(tuning, state.ring.length) * lagFactor(tuning, state.lagMs);
  const ended = state.members.map(({ node }) => node).filter((node) => node !== env.node && hasEnded(node));
  state.silent = new Set([...findSilent(state.watch, env.node, state.elapsedMs, silenceMs), ...ended]);
  state.members = report(state.members, state.silent, env.node, hostOf);
  state.members = markDown(state.members, findDown(state.members, hostOf));
}

function publish({ members, silent }: GossipState, { view, onChange }: GossipOptions): void {
  for (const entry of members) {
    const before = view.stateOf(entry.node) ?? 'up';
    view.put(entry, silent.has(entry.node));
    if (entry.state !== before) onChange(entry);
  }
}

/** Tells a few others, drawn anew each round; and one that is down, where its time has come. */
function tell(state: GossipState, env: Env, { tuning }: GossipOptions): void {
  const down = new Set(state.members.filter((entry) => entry.state === 'down').map(({ node }) => node));
  const reachable = state.ring.filter((node) => node !== env.node && env.placement.isUp(node));
  const others = reachable.filter((node) => !down.has(node));
  for (let told = 0; told < tuning.fanout && others.length > 0; told++) {
    const [other] = others.splice(env.random() % others.length, 1);
    send(state, env, other, tuning);
  }
  const lost = reachable.filter((node) => down.has(node));
  if (lost.length === 0 || state.elapsedMs < state.probeAtMs) return;
  state.probeAtMs = state.elapsedMs + tuning.probeMs;
  send(state, env, lost[env.random() % lost.length], tuning);
}

function send({ members }: GossipState, env: Env, other: NodeIndex, { entriesMax }: GossipTuning): void {
  const first = env.random() % members.length;
  const body = encodeGossip(excerpt(members, { entriesMax, first, always: [env.node, other] }));
  const bytes = bodyMessageBytes(HEADER_WORDS, body);
  const out = env.open(Kind.gossip, addressOf(Role.gossip, other, 0), 0, bytes);
  if (out !== undefined) putBody(out.words, out.bytes, out.at + HEADER_WORDS, body);
}

export type { GossipState };
