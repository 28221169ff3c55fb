/**
 * The actor that moves data when the ring changes, one for each node: it fills the partitions that this node is to hold,
 * a few at a time, gives pages of its own to others, and forgets what this node holds no longer.
 */
import type { Behaviour } from '../src/actor/behaviour.js';
import type { Env } from '../src/actor/env.js';
import type { PartitionDoubts } from '../src/actor/partition-doubts.js';
import type { NodeIndex } from '../src/core/ids.js';
import { transfersOf } from '../src/core/ring-change.js';
import { Phase } from '../src/core/ring-state.js';
import type { MessageView } from '../src/protocol/header.js';
import { Replicated } from '../src/protocol/messages.js';
import { errorOf, isSuccess } from '../src/protocol/outcome.js';
import { FORGET_AGE_MS, type Forgetting, forgetSlice, startForgetting } from './forgetting.js';
import { givePage } from './partition-pages.js';
import type { Debts } from './ring-leavers.js';
import { confirm, type OnMoved, startJob, stepJob, type TransferJob, takePage } from './transfer-jobs.js';
import { filledPartitions, forgetProgress } from './transfer-records.js';

export interface RebalancerOptions {
  /** The smallest W that writes are promised something for: it says how many old holders a new one must merge. */
  readonly w: number;
  readonly onMoved: OnMoved;
  /** What the node's hint keeper has: nothing is forgotten while there is any. */
  readonly debts: Debts;
  /** Partitions that this node gives no pages of; none where left out. */
  readonly doubts?: PartitionDoubts;
}

export interface RebalancerState {
  /** Partitions that wait to be filled, in order, and those under way. */
  waiting: { readonly partition: number; readonly sources: readonly NodeIndex[] }[];
  readonly jobs: Map<number, TransferJob>;
  readonly forgetting: Forgetting;
  /** Epoch that `waiting` was made by. */
  epoch: number;
  request: number;
  timer: number;
  /** When the next sweep begins, where one has to. */
  sweepAtMs: number;
}

type Handles = 'pull' | 'pulled' | 'replicated';

/** Partitions that a node fills at the same time. */
const JOBS_MAX = 2;
const BUSY_MS = 2;
const IDLE_MS = 250;
const SWEEP_MS = 5;
/** Between two sweeps while the ring stays as it is: what was kept for others may be theirs by now. */
const SWEEP_PAUSE_MS = 600_000;

export function rebalancer(options: RebalancerOptions): Behaviour<RebalancerState, Handles> {
  return {
    role: 'rebalancer',
    init: (env) => {
      const state = {
        ...{ waiting: [], jobs: new Map<number, TransferJob>(), forgetting: startForgetting(env) },
        ...{ epoch: 0, request: env.random() >>> 1, timer: 0, sweepAtMs: 0 },
      };
      arm(state, IDLE_MS, env);
      return state;
    },
    receive: {
      pull: (_state, message, env) => givePage(message, env, options.doubts),
      pulled: (state, message, env) => {
        const job = jobOf(state, message.request);
        if (job !== undefined) takePage(job, message, options.onMoved, env);
      },
      replicated,
    },
    onTimer: (state, token, env) => {
      if (token === state.timer) arm(state, pump(state, env, options), env);
    },
  };
}

function arm(state: RebalancerState, delayMs: number, env: Env): void {
  state.timer = env.random();
  env.timer(delayMs, state.timer);
}

function jobOf({ jobs }: RebalancerState, request: number): TransferJob | undefined {
  for (const job of jobs.values()) if (job.request === request && job.source !== undefined) return job;
  return undefined;
}

function replicated(state: RebalancerState, message: MessageView, env: Env): void {
  const job = jobOf(state, message.request);
  if (job === undefined) return;
  const outcome = message.u32(Replicated.outcome);
  // what this node cannot read itself it answers nothing for until it has it again from the others
  confirm(job, isSuccess(outcome) || errorOf(outcome) === 'KV_CORRUPT', env);
}

/** Takes everything a step further; milliseconds until the next time. */
function pump(state: RebalancerState, env: Env, { w, debts }: RebalancerOptions): number {
  if (state.epoch !== env.placement.epoch) follow(state, env);
  for (const [partition, job] of state.jobs) {
    stepJob(job, w, nextRequest(state), env);
    if (job.progress.filled) state.jobs.delete(partition);
  }
  while (state.jobs.size < JOBS_MAX) {
    const next = state.waiting.shift();
    if (next === undefined) break;
    const job = startJob(next.partition, next.sources, env);
    if (!job.progress.filled) state.jobs.set(next.partition, job);
  }
  if (state.jobs.size > 0) return BUSY_MS;
  return env.placement.ring.move === undefined ? sweep(state, debts, env) : IDLE_MS;
}

function nextRequest(state: RebalancerState): number {
  state.request = (state.request + 1) & 0x7fff_ffff;
  return state.request;
}

/** Another epoch: what is to be filled now, and what is not any more. */
function follow(state: RebalancerState, env: Env): void {
  const { ring, phases, epoch } = env.placement;
  state.epoch = epoch;
  state.sweepAtMs = env.nowMs();
  state.forgetting.left = ring.partitions;
  const move = ring.move?.id ?? 0;
  forgetProgress(env.store, move);
  const done = new Set(filledPartitions(env.store, move));
  const own = transfersOf(ring).filter(
    ({ partition, to }) => to === env.node && phases[partition] === Phase.filling && !done.has(partition),
  );
  const wanted = new Set(own.map(({ partition }) => partition));
  for (const [partition, job] of state.jobs) {
    if (!wanted.has(partition) || job.progress.move !== move) state.jobs.delete(partition);
  }
  state.waiting = own.filter(({ partition }) => !state.jobs.has(partition));
}

/** Forgets a slice of what this node holds no longer; sweeps after every change, and again for what was too young or has been handed over since. */
function sweep(state: RebalancerState, debts: Debts, env: Env): number {
  const { forgetting } = state;
  const now = env.nowMs();
  if (forgetting.left === 0) {
    if (((now - state.sweepAtMs) | 0) < (forgetting.hasYoung ? FORGET_AGE_MS : SWEEP_PAUSE_MS)) return IDLE_MS;
    state.sweepAtMs = now;
    forgetting.left = env.placement.partitions;
    forgetting.hasYoung = false;
  }
  forgetSlice(forgetting, debts, env);
  return SWEEP_MS;
}
