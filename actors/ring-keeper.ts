/**
 * The actor that keeps the ring, one for each node: it votes for the ring that follows (ring-ballots.ts), adopts what was
 * chosen, tells others, begins the changes that clients ask for, and takes a change under way its next steps.
 *
 *   client -- changeRing -->  keeper      the first ring of a change, proposed to the members
 *   keeper -- ringReport -->  first member that is up: it proposes the next ring once the reports allow a step
 *
 * Several may propose at once; the ballots see to it that one ring follows another (core/paxos, core/ring-change).
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { asStoreError, StoreError } from '../src/core/errors.js';
import type { NodeIndex } from '../src/core/ids.js';
import { majorityOf } from '../src/core/paxos.js';
import { advance, beginChange, electorate, hasCome, type NodeReport, type Quorums } from '../src/core/ring-change.js';
import { isHostChange } from '../src/core/ring-hosts.js';
import { readRing } from '../src/core/ring-packing.js';
import type { RingState } from '../src/core/ring-state.js';
import { readBody } from '../src/protocol/body.js';
import { HEADER_WORDS, type MessageView } from '../src/protocol/header.js';
import { Kind } from '../src/protocol/messages.js';
import { sendCold } from './cold-message.js';
import {
  answerAccept,
  answerPrepare,
  type Ballots,
  countPromise,
  countVote,
  propose,
  sendRing,
  tellAll,
} from './ring-ballots.js';
import { answerWith, type RingClient, readClient, refuse } from './ring-clients.js';
import { type Debts, RingLeavers } from './ring-leavers.js';
import { loadRing, loadVote, saveRing, saveVote } from './ring-records.js';
import { noteForgetting, recover } from './ring-recovery.js';
import { keepReport, ownReports, type ReportBody } from './ring-reports.js';

export interface RingKeeperState extends Ballots {
  /** Who asked for what the attempt proposes; nobody where the keeper takes a change further by itself. */
  client: RingClient | undefined;
  readonly reports: Map<NodeIndex, NodeReport>;
  readonly leavers: RingLeavers;
  /** Token of the timer that counts. */
  timer: number;
  /** When the attempt under way is begun anew, and how often it was. */
  retryAtMs: number;
  tries: number;
  /** When the ring last changed, and when another keeper was last told. */
  changedAtMs: number;
  toldAtMs: number;
}

type Handles = 'prepare' | 'promised' | 'accept' | 'voted' | 'ringMap' | 'ringReport' | 'changeRing';

const IDLE_MS = 1_000;
const BUSY_MS = 50;
/** While the host is about to show a ring: its nodes should adopt it at the same time, or some refuse the others. */
const ADOPT_MS = 1;
/** Partitions that become ready within this time take their step together, in one epoch. */
const STEP_MS = 200;
const RETRY_MS = 150;
const RETRY_MS_MAX = 2_000;

export interface RingKeeperOptions {
  /** The smallest R and W that requests are promised something for. */
  readonly quorums: Quorums;
  /** Their cause: why the node's disk may lack what it held once, promises among it. */
  readonly doubts: PartitionDoubts;
  /** What the node's hint keeper has; it owes nothing where left out. */
  readonly debts?: Debts;
}

/** The behaviour of a node's ring keeper. */
export function ringKeeper({
  quorums,
  doubts,
  debts = { owes: false },
}: RingKeeperOptions): Behaviour<RingKeeperState, Handles> {
  return {
    role: 'ring-keeper',
    init: (env) => start(env, doubts, debts),
    receive: {
      prepare: answerPrepare,
      accept: answerAccept,
      promised: countPromise,
      voted: (state, message, env) => {
        const chosen = countVote(state, message);
        if (chosen !== undefined) learn(state, chosen, env, 'everybody');
      },
      ringMap: (state, message, env) => {
        const ring = readRing(readBody(message, HEADER_WORDS));
        if (ring.epoch > state.ring.epoch) learn(state, ring, env, 'nobody');
        else if (ring.epoch < state.ring.epoch) answerWithRing(state, message, env);
      },
      ringReport: takeReports,
      changeRing: change,
    },
    onTimer: (state, token, env) => {
      if (token !== state.timer) return;
      noteForgetting(state, doubts, env);
      tick(state, env, quorums);
    },
  };
}

function start(env: Env, doubts: PartitionDoubts, debts: Debts): RingKeeperState {
  const saved = loadRing(env.store);
  const { ring: known } = env.placement;
  const ring = saved !== undefined && saved.epoch > known.epoch ? saved : known;
  const { acceptor, isForgetful: wasForgetful } = loadVote(env.store, ring.epoch);
  // votes are synced: they outlive the machine, but not the disk, nor an older copy of it put back
  const { cause } = doubts;
  const isForgetful = wasForgetful || cause === 'rollback' || (cause === 'loss' && saved === undefined);
  const isNoted = !isForgetful || saveVote(env.store, ring.epoch, acceptor, true) || wasForgetful;
  if (!isNoted) doubts.hold();
  // the first ring too: a disk without any was lost, and one without the note must look so
  if (isNoted && ring.epoch > (saved?.epoch ?? 0)) saveRing(env.store, ring);
  const life = env.random();
  const now = env.nowMs();
  const state: RingKeeperState = {
    ...{ ring, acceptor, attempt: undefined, highest: acceptor.promised, life, client: undefined },
    ...{ isForgetful, isNoted, recovery: undefined, forgetful: new Set<NodeIndex>() },
    ...{ reports: new Map<NodeIndex, NodeReport>(), leavers: new RingLeavers(debts) },
    ...{ timer: 0, retryAtMs: 0, tries: 0, changedAtMs: now, toldAtMs: now },
  };
  env.placement.adopt(ring);
  arm(state, BUSY_MS, env);
  return state;
}

function arm(state: RingKeeperState, delayMs: number, env: Env): void {
  state.timer = env.random();
  env.timer(delayMs, state.timer);
}

/** A ring that was chosen: others are told, whether this node has room for it or not. On disk first, then in force. */
function learn(state: RingKeeperState, ring: RingState, env: Env, tells: 'everybody' | 'nobody'): void {
  if (tells === 'everybody') tellAll(ring, env);
  if (ring.epoch > state.ring.epoch && state.isNoted && saveRing(env.store, ring)) follow(state, ring, env);
}

/** The ring is on this node's disk: it comes into force. */
function follow(state: RingKeeperState, ring: RingState, env: Env): void {
  const { attempt, ring: before } = state;
  state.ring = ring;
  state.acceptor = loadVote(env.store, ring.epoch).acceptor;
  state.attempt = undefined;
  state.recovery = undefined;
  state.changedAtMs = env.nowMs();
  state.leavers.begin(ring, before);
  const isInForce = env.placement.adopt(ring);
  if (attempt !== undefined && state.client !== undefined) {
    // what another has proposed may have been chosen in its place: then the client's change is tried on top of that; but another may have had the
    // client's own chosen, and a step or more may have followed since
    const { change: asked } = state.client.asked;
    const isDone = !isHostChange(asked) && asked.kind !== 'abort' && hasCome(attempt.wanted, ring);
    if (isDone) answerClient(state, ring, env);
    else begin(state, state.client, env);
  }
  arm(state, isInForce ? BUSY_MS : ADOPT_MS, env);
}

function change(state: RingKeeperState, message: MessageView, env: Env): void {
  const client = readClient(message);
  if (state.client !== undefined) {
    refuse(client, new StoreError('KV_RING_CHANGING', 'another change of the ring is being proposed'), env);
    return;
  }
  begin(state, client, env);
}

function begin(state: RingKeeperState, client: RingClient, env: Env): void {
  const { change: wanted, gone } = client.asked;
  state.client = client;
  try {
    const ring = beginChange(state.ring, wanted, gone as readonly NodeIndex[]);
    const isForced = gone.length > 0 && !hasMajority(state, env);
    if (isForced || ring === state.ring) {
      // by force: nobody is left who could object; or all is as it should be
      state.attempt = undefined;
      if (ring !== state.ring) force(state, ring, env);
      answerClient(state, ring, env);
      return;
    }
    state.tries = 0;
    attempt(state, ring, env);
  } catch (error) {
    refuse(client, asStoreError(error), env);
    state.client = undefined;
  }
}

/** Nobody has chosen the ring but this node: it has it on disk before anybody hears of it. @throws StoreError KV_OVERLOADED */
function force(state: RingKeeperState, ring: RingState, env: Env): void {
  if (!state.isNoted || !saveRing(env.store, ring)) {
    throw new StoreError('KV_OVERLOADED', 'the node has no room to keep the new ring; nothing was changed, try again');
  }
  tellAll(ring, env);
  follow(state, ring, env);
}

/** Whether enough members are up, and have not said that they lost what they promised. */
function hasMajority({ ring, isForgetful, forgetful }: Ballots, env: Env): boolean {
  const voters = electorate(ring);
  const votes = (node: NodeIndex) =>
    node === env.node ? !isForgetful : env.placement.isUp(node) && !forgetful.has(node);
  return voters.filter(votes).length >= majorityOf(voters.length);
}

/** Proposes; tried anew after a pause that grows, at random, so that two who propose at once do not for ever. */
function attempt(state: RingKeeperState, ring: RingState, env: Env): void {
  state.forgetful.clear();
  propose(state, ring, env);
  const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** state.tries++);
  state.retryAtMs = env.nowMs() + pauseMs + (env.random() % pauseMs);
  arm(state, BUSY_MS, env);
}

/** By force, where it has turned out meanwhile that too few are left who remember what they promised. */
function retry(state: RingKeeperState, wanted: RingState, env: Env): void {
  const { client } = state;
  if (client !== undefined && client.asked.gone.length > 0 && !hasMajority(state, env)) begin(state, client, env);
  else attempt(state, wanted, env);
}

function answerClient(state: RingKeeperState, ring: RingState, env: Env): void {
  const { client } = state;
  state.client = undefined;
  if (client !== undefined) answerWith(client, ring, env);
}

function tick(state: RingKeeperState, env: Env, quorums: Quorums): void {
  const now = env.nowMs();
  const isInForce = env.placement.adopt(state.ring);
  expire(state, env);
  recover(state, env);
  if (state.attempt !== undefined && ((now - state.retryAtMs) | 0) > 0) retry(state, state.attempt.wanted, env);
  if (state.ring.move !== undefined || state.ring.leavers.length > 0) report(state, env, quorums);
  if (((now - state.toldAtMs) | 0) >= IDLE_MS) tellOne(state, env);
  const isBusy = state.ring.move !== undefined || state.attempt !== undefined || state.ring.leavers.includes(env.node);
  arm(state, isInForce ? (isBusy ? BUSY_MS : IDLE_MS) : ADOPT_MS, env);
}

/** A client whose change found no majority in time is told so; it may still be chosen, if a member has accepted it. */
function expire(state: RingKeeperState, env: Env): void {
  const { client } = state;
  if (client === undefined || ((env.nowMs() - client.deadlineMs) | 0) <= 0) return;
  state.attempt = undefined;
  state.client = undefined;
  const message = 'no majority of the members answered in time; the change may still happen: look at the ring';
  refuse(client, new StoreError('KV_UNAVAILABLE', message), env);
}

/** Reports to the first member that is up; where that is this node, it sees whether the change may go on. */
function report(state: RingKeeperState, env: Env, quorums: Quorums): void {
  const reports = ownReports(state.ring, env);
  const done = state.leavers.done(state.ring, env);
  const voters = electorate(state.ring);
  const first = voters.find((node) => node === env.node || !env.placement.suspects(node));
  if (first === undefined) return;
  if (first !== env.node) {
    sendCold(env, Kind.ringReport, addressOf(Role.ringKeeper, first, 0), { epoch: state.ring.epoch, reports, done });
    return;
  }
  for (const one of reports) keepReport(state.reports, one);
  // unsigned: a change may wait for a node for longer than half a lap of the clock
  if (state.attempt !== undefined || (env.nowMs() - state.changedAtMs) >>> 0 < STEP_MS) return;
  const next = advance(state.ring, state.reports, quorums, env.placement.isUp) ?? state.leavers.next(state.ring, env);
  if (next === undefined) return;
  state.tries = 0;
  attempt(state, next, env);
}

function takeReports(state: RingKeeperState, message: MessageView, env: Env): void {
  const { epoch, reports, done = [] } = readBody(message, HEADER_WORDS) as ReportBody;
  state.leavers.hear(done, epoch, state.ring);
  for (const one of reports) keepReport(state.reports, one);
  if (epoch !== state.ring.epoch) answerWithRing(state, message, env);
}

/** Who is behind gets the newer ring; who is ahead sends its own back. */
function answerWithRing({ ring }: RingKeeperState, message: MessageView, env: Env): void {
  sendRing(ring, nodeOf(message.from), env);
}

/** Gossip: one other member hears which epoch this node knows, and one of the two then learns. */
function tellOne(state: RingKeeperState, env: Env): void {
  state.toldAtMs = env.nowMs();
  const others = env.placement.members.filter((node) => node !== env.node && env.placement.isUp(node));
  if (others.length === 0) return;
  const body: ReportBody = { epoch: state.ring.epoch, reports: [] };
  sendCold(env, Kind.ringReport, addressOf(Role.ringKeeper, others[env.random() % others.length], 0), body);
}
