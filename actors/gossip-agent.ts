/**
 * The actor that keeps liveness, one for each node: raises its heartbeat, tells a few random others a part of what it
 * knows, and suspects whose counter stands still (van Renesse, Minsky, Hayden 1998). `down` needs two reporters; a node
 * that is down is told now and then all the same, so that a healed partition finds itself. Who is no member of the ring is
 * told nothing: it tells others, takes everybody for up and accuses nobody.
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
  membersOf,
  mergeMembers,
  report,
  startLiveness,
} from '../src/core/membership.js';
import { rarely } from '../src/core/rare-path.js';
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
  /** Of each member of the ring, heard of or not. */
  members: Members;
  watch: Watch;
  /** Those whom this node itself has waited for in vain, and not heard of since. */
  silent: ReadonlySet<NodeIndex>;
  /** The ring that the table was made for. */
  ring: readonly NodeIndex[];
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
      const members = membersOf([...ring, env.node], [startLiveness(env.node, options.incarnation)]);
      // whatever a former life left there
      for (const entry of members) options.view.put(entry, false);
      const watch = members.map(() => 0);
      const times = { elapsedMs: 0, clockMs: env.nowMs(), dueMs: Number.POSITIVE_INFINITY, lagMs: 0, probeAtMs: 0 };
      return { members, watch, silent: new Set(), ring, timer, ...times };
    },
    receive: {
      gossip(state, message, env) {
        begin(state, env, options);
        if (!isMember(state, env)) return;
        const before = { ...state };
        const merged = mergeMembers(state.members, readGossip(message), options.hostOf);
        const hasStrangers = merged.length > state.members.length;
        become(state, hasStrangers ? membersOf([...state.ring, env.node], merged) : merged);
        publish(state, before, options);
      },
    },
    onTimer(state, token, env) {
      if (token !== state.timer) return;
      begin(state, env, options);
      const before = { ...state };
      become(state, beat(state.members, env.node));
      if (isMember(state, env)) accuse(state, env, options);
      publish(state, before, options);
      tell(state, env, options);
      state.dueMs = state.elapsedMs + heartbeatMs;
      env.timer(heartbeatMs, state.timer);
    },
  };
}

/** Time has passed, and the ring may have changed: nodes enter and leave the table with it, and not otherwise. */
function begin(state: GossipState, env: Env, { view }: GossipOptions): void {
  const nowMs = env.nowMs();
  state.elapsedMs += (nowMs - state.clockMs) | 0;
  state.clockMs = nowMs;
  const { members: ring } = env.placement;
  if (ring === state.ring) return;
  const wasMember = isMember(state, env);
  state.ring = ring;
  if (wasMember && isMember(state, env)) become(state, membersOf([...ring, env.node], state.members));
  else startOver(state, env);
  for (const entry of state.members) view.put(entry, state.silent.has(entry.node));
}

const isMember = ({ ring }: GossipState, env: Env): boolean => ring.includes(env.node);

/** What was heard as a member is nobody's any more, and nothing was heard since: the others are yet to be heard of. */
function startOver(state: GossipState, { node }: Env): void {
  state.members = membersOf(
    [...state.ring, node],
    state.members.filter((entry) => entry.node === node),
  );
  state.watch = state.members.map(() => state.elapsedMs);
  state.silent = new Set();
}

/** The table is now this. */
function become(state: GossipState, members: Members): void {
  state.watch = observeMembers(state.watch, state.members, members, state.elapsedMs);
  state.members = members;
  if (state.silent.size === 0) return;
  const still = members.filter(({ node }, index) => state.silent.has(node) && state.watch[index] < state.elapsedMs);
  if (still.length < state.silent.size) state.silent = new Set(still.map(({ node }) => node));
}

/** Reports who is silent, and calls down whom enough have reported. */
function accuse(state: GossipState, env: Env, { tuning, hostOf, hasEnded }: GossipOptions): void {
  const { elapsedMs: nowMs, members, watch, ring } = state;
  state.lagMs = Math.max(0, nowMs - state.dueMs, state.lagMs - tuning.heartbeatMs);
  const silenceMs = suspicionTimeMs(tuning, ring.length) * lagFactor(tuning, state.lagMs);
  const silent = findSilent(watch, members, { self: env.node, nowMs, silenceMs });
  const ended = members.filter(({ node, incarnation }) => node !== env.node && incarnation > 0 && hasEnded(node));
  const lost = [...silent, ...ended].map(({ node }) => node);
  if (lost.length + state.silent.size > 0) state.silent = new Set(lost);
  state.members = report(members, state.silent, env.node, hostOf);
  state.members = markDown(state.members, findDown(state.members, hostOf));
}

/** Shows in the view what has changed since `before`. */
function publish({ members, silent }: GossipState, before: GossipState, { view, onChange }: GossipOptions): void {
  for (const [index, entry] of members.entries()) {
    if (entry === before.members[index] && silent === before.silent) continue;
    const state = view.stateOf(entry.node) ?? 'up';
    view.put(entry, silent.has(entry.node));
    if (entry.state !== state) onChange(entry);
  }
}

/** Tells a few others, drawn anew each round; and one that is down, where its time has come. */
function tell(state: GossipState, env: Env, { tuning }: GossipOptions): void {
  const { members, ring } = state;
  const down = new Set(members.filter((entry) => entry.state === 'down').map(({ node }) => node));
  const reachable = ring.filter((node) => node !== env.node && env.placement.isUp(node));
  const others = reachable.filter((node) => !down.has(node));
  const lost = reachable.filter((node) => down.has(node));
  const told = draw(others, tuning.fanout, env);
  if (lost.length > 0 && state.elapsedMs >= state.probeAtMs) {
    state.probeAtMs = state.elapsedMs + tuning.probeMs;
    told.push(...draw(lost, 1, env));
  }
  const first = env.random() % members.length;
  const body = encodeGossip(excerpt(members, { entriesMax: tuning.entriesMax, first, self: env.node }));
  if (rarely('gossip: a round is skipped', told.length === 0)) return;
  for (const node of told) send(node, body, env);
}

/** Takes up to `count` nodes out of the list, each as likely as each other. */
function draw(nodes: NodeIndex[], count: number, env: Env): NodeIndex[] {
  const length = Math.min(count, nodes.length);
  return Array.from({ length }, () => nodes.splice(env.random() % nodes.length, 1)[0]);
}

function send(node: NodeIndex, body: Uint8Array, env: Env): void {
  const out = env.open(Kind.gossip, addressOf(Role.gossip, node, 0), 0, bodyMessageBytes(HEADER_WORDS, body));
  if (out !== undefined) putBody(out.words, out.bytes, out.at + HEADER_WORDS, body);
}

export type { GossipState };
