/**
 * The actor that keeps replicas alike, one for each node: compares its partitions with their other holders, one at a time,
 * and has records travel where they differ (DeCandia et al., "Dynamo", SOSP 2007, section 4.7).
 *
 *   why       somebody asked | a node came back | it is time
 *   as asker  one exchange (exchange.ts)        as peer   answers (exchange-server.ts)
 *
 * All of it goes in slices of a few records, with pauses between them, so that a request waits for one slice at most.
 */
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import { coHoldersOf } from '../src/core/co-holders.js';
import { ExchangeQueue, type Urgency } from '../src/core/exchange-queue.js';
import type { NodeIndex, PartitionId } from '../src/core/ids.js';
import { ALL_PEERS, Compare, Exchange as ExchangeAt, ExchangeFlag } from '../src/protocol/exchange-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { failure } from '../src/protocol/outcome.js';
import type { ChangeWatches } from './change-watches.js';
import { pullHooks, tellCounts, tellReplaced, visitDoubts } from './doubt-rounds.js';
import { DoubtSettlement } from './doubt-settlement.js';
import { Exchange, type ExchangeTask } from './exchange.js';
import { type Asker, addResult, answerAsker, startAsker } from './exchange-asker.js';
import { advanceListing, answerCompare, isOf, type Listing, startListing } from './exchange-server.js';
import { KeyPolls } from './key-polls.js';
import type { Minters } from './minter.js';
import { PartitionTrees } from './partition-trees.js';
import { NO_COUNTS, type RepairCounts } from './repair-counts.js';
import { type Rounds, startRounds, tellRepaired, visitRounds } from './repair-rounds.js';
import { advanceTree, build, healer, pollUnread } from './tree-builds.js';
import { TreeVerification } from './tree-verification.js';

export interface AntiEntropyOptions {
  /** The smallest W of writes. */
  readonly w: number;
  readonly doubts: PartitionDoubts;
  readonly mayHoldDead: Uint8Array;
  readonly minters: Minters;
  readonly watches: ChangeWatches;
  /** Between the beginnings of two rounds over all partitions. */
  readonly intervalMs: number;
  /** In which everything is read once. */
  readonly verifyIntervalMs: number;
  readonly report: (counts: RepairCounts) => void;
  /** A tree built anew from the store was not what the writes had made of the old one. */
  readonly onTreeDiffers: (partition: number) => void;
}

export interface Job extends ExchangeTask {
  readonly asker: Asker | undefined;
  /** Whom a note is about, where what this node holds of it goes to another. */
  readonly target?: NodeIndex;
}

export interface AntiEntropyState {
  readonly options: AntiEntropyOptions;
  readonly trees: PartitionTrees;
  readonly queue: ExchangeQueue<Job>;
  readonly rounds: Rounds;
  readonly settlement: DoubtSettlement;
  readonly polls: KeyPolls;
  /** Partitions whose trees are being built, and lists that peers wait for; one slice of one of them at a time. */
  readonly builds: PartitionId[];
  readonly verification: TreeVerification;
  readonly listings: Listing[];
  /** `settles`: what it finds counts where this node is in doubt. */
  active:
    | { readonly exchange: Exchange; readonly job: Job; readonly urgency: Urgency; readonly settles: boolean }
    | undefined;
  counts: RepairCounts;
  nextRequest: number;
  /** Token and time of the timer that counts. */
  timer: number;
  timerAtMs: number;
}

type Handles = 'compare' | 'compared' | 'list' | 'listed' | 'exchange' | 'fetched' | 'replicated' | 'unread';

/** Records of one slice: some hundred microseconds. */
const SLICE_RECORDS = 128;
/** Between two slices, while there is work that waits for nothing; while answers are awaited; and otherwise. */
const SLICE_PAUSE_MS = 2;
const ANSWER_PAUSE_MS = 20;
const IDLE_PAUSE_MS = 500;
/** Comparisons that somebody waits for, and lists that peers wait for: more are refused. A peer waits for one at a time. */
const ASKED_MAX = 1_024;
const LISTINGS_MAX = 256;

/** The behaviour of a node's anti-entropy. */
export function antiEntropy(options: AntiEntropyOptions): Behaviour<AntiEntropyState, Handles> {
  return {
    role: 'anti-entropy',
    init: (env) => start(options, env),
    receive: {
      compare(state, message, env) {
        const partition = message.u32(Compare.partition) as PartitionId;
        if (!answerCompare(state.trees, state.settlement.counts(partition, env), message, env)) build(state, partition);
        arm(state, SLICE_PAUSE_MS, env);
      },
      list(state, message, env) {
        // whoever gets no answer asks again, and gives its exchange up at last
        const isUnderWay = state.listings.some((listing) => isOf(listing, message));
        if (!isUnderWay && state.listings.length < LISTINGS_MAX) state.listings.push(startListing(message));
        arm(state, SLICE_PAUSE_MS, env);
      },
      compared(state, message, env) {
        const { active } = state;
        active?.exchange.compared(message, state.trees.of(active.job.partition), env);
        advanceActive(state, env, 0);
        beginNext(state, env);
        arm(state, SLICE_PAUSE_MS, env);
      },
      listed(state, message, env) {
        state.active?.exchange.listed(message, env);
        arm(state, SLICE_PAUSE_MS, env);
      },
      exchange: asked,
      fetched(state, message, env) {
        if (state.polls.fetched(message, env)) {
          state.active?.exchange.moved(env);
          tellCounts(state);
        } else moved(state, message, env, 'fetched');
      },
      unread: (state, message, env) => pollUnread(state, message, env),
      replicated(state, message, env) {
        tellReplaced(state);
        moved(state, message, env, 'replicated');
      },
    },
    onTimer(state, token, env) {
      if (token !== state.timer) return;
      state.timerAtMs = Number.NaN;
      slice(state, env);
      visitRounds(state, env);
      state.verification.visit(env);
      tellReplaced(state);
      visitDoubts(state, env);
      beginNext(state, env);
      arm(state, pauseMs(state), env);
    },
  };
}

function start(options: AntiEntropyOptions, env: Env): AntiEntropyState {
  const trees = new PartitionTrees(env.store, env.placement, options.mayHoldDead);
  env.store.watch = options.watches.inFrontOf(trees);
  const { n } = env.placement;
  const state: AntiEntropyState = {
    options,
    trees,
    queue: new ExchangeQueue(),
    rounds: startRounds(options.intervalMs, env),
    builds: [],
    verification: new TreeVerification(options.verifyIntervalMs, env),
    listings: [],
    active: undefined,
    settlement: new DoubtSettlement(options.doubts, options.w),
    polls: new KeyPolls(() => newRequest(state), { n, w: options.w }, env.store),
    counts: NO_COUNTS,
    nextRequest: env.random() >>> 1,
    timer: env.random() | 0,
    timerAtMs: Number.NaN,
  };
  tellCounts(state);
  arm(state, state.settlement.isOpen ? SLICE_PAUSE_MS : IDLE_PAUSE_MS, env);
  return state;
}

/** Sets the timer, unless an earlier one is set. */
function arm(state: AntiEntropyState, delayMs: number, env: Env): void {
  const atMs = (env.nowMs() + delayMs) | 0;
  if (((state.timerAtMs - atMs) | 0) <= 0 && !Number.isNaN(state.timerAtMs)) return;
  state.timer = (state.timer + 1) | 0;
  state.timerAtMs = atMs;
  env.timer(delayMs, state.timer);
}

function pauseMs({ builds, listings, active, queue, verification }: AntiEntropyState): number {
  if (builds.length > 0 || listings.length > 0 || active?.exchange.isBusy === true) return SLICE_PAUSE_MS;
  const hasWork = active !== undefined || queue.size > 0 || verification.partition !== undefined;
  return hasWork ? ANSWER_PAUSE_MS : IDLE_PAUSE_MS;
}

/** One slice of what is under way: lists that peers wait for, trees, this node's exchange; a verification where it waits. */
function slice(state: AntiEntropyState, env: Env): void {
  const [listing] = state.listings;
  if (listing !== undefined) {
    state.listings.shift();
    const { partition } = listing;
    const given = { records: SLICE_RECORDS, counts: state.settlement.counts(partition, env) };
    if (!advanceListing(listing, given, env, healer(state, partition, env))) state.listings.push(listing);
  }
  const isBusy = state.active?.exchange.isBusy === true;
  const [wanted] = state.builds;
  const partition = wanted ?? (isBusy ? undefined : state.verification.partition);
  if (partition !== undefined && listing === undefined) advanceTree(state, { partition, records: SLICE_RECORDS }, env);
  advanceActive(state, env, listing === undefined && wanted === undefined ? SLICE_RECORDS : 0);
}

function advanceActive(state: AntiEntropyState, env: Env, records: number): void {
  const { active } = state;
  if (active === undefined) return;
  const { exchange, job } = active;
  const tree = state.trees.of(job.partition);
  if (tree === undefined) build(state, job.partition);
  if (exchange.phase !== 'merging' || records > 0) {
    exchange.advance(tree, Math.max(1, records), env, healer(state, job.partition, env));
  }
  if (exchange.phase === 'done') finish(state, env);
}

function moved(state: AntiEntropyState, message: MessageView, env: Env, what: 'fetched' | 'replicated'): void {
  const { active } = state;
  if (active === undefined) return;
  active.exchange.transfer[what](message, env);
  active.exchange.moved(env);
  arm(state, SLICE_PAUSE_MS, env);
}

function beginNext(state: AntiEntropyState, env: Env): void {
  if (state.active !== undefined) return;
  const next = state.queue.take();
  if (next === undefined) return;
  const { partition, peer, way, takesOfDoubtful } = next.job;
  const { doubts } = state.options;
  const job: Job = {
    ...next.job,
    way: doubts.isFromPast(partition) ? 'pull' : way,
    takesOfDoubtful: takesOfDoubtful && doubts.has(partition),
  };
  const exchange = new Exchange(job, () => newRequest(state), pullHooks(state, partition, env), env);
  state.active = { ...next, job, exchange, settles: state.settlement.isPeer(partition, peer, env) };
  if (state.trees.of(partition) === undefined) build(state, partition);
}

/** Never 0, and none twice in the life of the actor. */
function newRequest(state: AntiEntropyState): number {
  state.nextRequest = (state.nextRequest % 0x7fff_fffe) + 1;
  return state.nextRequest;
}

function finish(state: AntiEntropyState, env: Env): void {
  const { active, counts } = state;
  if (active === undefined) return;
  const { exchange, job, urgency } = active;
  const { differing, transfer, beganAtMs } = exchange;
  const { partition, peer, way, target = peer } = job;
  const isDone = exchange.outcome === 0 && !job.dryRun;
  const isPulled = exchange.isMerged && !job.dryRun && active.settles;
  const isMerged = isPulled && !state.polls.unsure.delete(partition);
  if (isMerged) state.settlement.compared(partition, peer, { counts: exchange.peerStands, isMerged });
  else if (urgency === 'doubt' && exchange.leavesSome) state.settlement.doubts(partition, peer);
  else if (urgency === 'doubt') state.settlement.failed(peer);
  if (way === 'push' ? isDone : isDone && isMerged && urgency === 'known' && way === 'both') {
    tellRepaired({ target, partition, heldAtMs: beganAtMs }, env);
  }
  // a node that is no holder is asked for no tree
  if (way === 'push') state.trees.drop(partition);
  state.active = undefined;
  state.counts = {
    ...counts,
    exchanges: counts.exchanges + 1,
    differing: counts.differing + differing,
    sent: counts.sent + transfer.sent,
    received: counts.received + transfer.received,
    waiting: state.queue.size,
  };
  tellCounts(state);
  const { asker } = job;
  if (asker === undefined) return;
  const { outcome } = exchange;
  if (addResult(asker, { outcome, differing, sent: transfer.sent, received: transfer.received })) {
    answerAsker(asker, env);
  }
}

/** Somebody wants a partition compared with one peer, or with all, and waits. */
function asked(state: AntiEntropyState, message: MessageView, env: Env): void {
  const partition = message.u32(ExchangeAt.partition) as PartitionId;
  const peer = message.u32(ExchangeAt.peer) as NodeIndex;
  const options = message.u32(ExchangeAt.options);
  const others = peer === ALL_PEERS ? coHoldersOf(env.placement, partition, env.node) : [peer];
  // the first peers lack what only the last one holds: they are asked once more when that is here
  const peers = others.length > 1 ? [...others, ...others.slice(0, -1)] : others;
  const asker = startAsker(message, peers.length);
  const isFull = state.queue.sizeOf('asked') + peers.length > ASKED_MAX;
  if (peers.length === 0 || isFull) {
    asker.outcome = failure(isFull ? 'KV_OVERLOADED' : 'KV_UNAVAILABLE');
    answerAsker(asker, env);
    return;
  }
  const dryRun = (options & ExchangeFlag.dryRun) !== 0;
  const way = (options & ExchangeFlag.pullOnly) === 0 ? 'both' : 'pull';
  const wanted = dryRun ? others : peers;
  asker.waiting = wanted.length;
  for (const other of wanted) {
    state.queue.add({ partition, peer: other, dryRun, way, takesOfDoubtful: false, asker }, 'asked');
  }
  arm(state, SLICE_PAUSE_MS, env);
}
