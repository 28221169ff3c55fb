/**
 * The taking side of a transfer: fills one partition of this node from its old holders, a page at a time. A page is asked
 * for, each of its records goes to the node's own vnode, and when that has taken them all the place is kept on disk and,
 * after a pause as long as the page took, the next one asked for. Nothing is lost by asking for a page twice.
 */
import { addressOf, nodeOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import type { NodeIndex } from '../src/core/ids.js';
import { mergesOf } from '../src/core/ring-change.js';
import type { MessageView } from '../src/protocol/header.js';
import { PAGE_BYTES_MAX } from '../src/protocol/limits.js';
import { Kind, Replicate } from '../src/protocol/messages.js';
import { DurabilityCode, isSuccess, withEpoch } from '../src/protocol/outcome.js';
import { copyWords, keyBytesOf, RECORD_HEADER_BYTES, sizeOf } from '../src/protocol/record.js';
import { Pull, Pulled } from '../src/protocol/ring-messages.js';
import { sendCold } from './cold-message.js';
import type { PullBody } from './partition-pages.js';
import { loadProgress, saveProgress, type TransferProgress } from './transfer-records.js';

/** One partition being filled. */
export interface TransferJob {
  progress: TransferProgress;
  /** Old holders, those first that give their seat up. */
  readonly sources: readonly NodeIndex[];
  /** Page under way: who was asked, by which request, since when; records that the vnode has not confirmed yet. */
  source: NodeIndex | undefined;
  /** Who gave no page when last asked: those behind it come first now. */
  failed: NodeIndex | undefined;
  request: number;
  askedAtMs: number;
  /** How long a page is waited for: twice as long behind one that came late. */
  patienceMs: number;
  unconfirmed: number;
  /** Something of the page was refused. */
  refused: boolean;
  /** The source could not read something of what it has given so far. */
  isPartial: boolean;
  after: Uint8Array | undefined;
  more: boolean;
  /** Nothing is done before. */
  resumeAtMs: number;
}

/** What of a filled partition counts as moved: the bulk copied from its first source. */
export type OnMoved = (bytes: number, records: number) => void;

const PATIENCE_MS_MIN = 2_000;
/** A page of one large record over a slow network takes its time. */
const PATIENCE_MS_MAX = 60_000;
const PAUSE_MS_MAX = 50;
const BACKOFF_MS = 100;

export function startJob(partition: number, sources: readonly NodeIndex[], env: Env): TransferJob {
  const move = env.placement.ring.move?.id ?? 0;
  const fresh = { move, replica: env.store.replica, partition, merged: [], partial: [], cursors: [], filled: false };
  const progress = loadProgress(env.store, move, partition) ?? fresh;
  const idle = {
    source: undefined,
    failed: undefined,
    request: 0,
    askedAtMs: 0,
    patienceMs: PATIENCE_MS_MIN,
    unconfirmed: 0,
    refused: false,
    isPartial: false,
  };
  return { progress, sources, ...idle, after: undefined, more: false, resumeAtMs: env.nowMs() };
}

/** Does what the job needs now: asks for a page, gives one up that does not come, or notes that nothing is missing. */
export function stepJob(job: TransferJob, w: number, request: number, env: Env): void {
  const now = env.nowMs();
  if (job.source !== undefined) {
    const isLate = ((now - job.askedAtMs) | 0) > job.patienceMs;
    if (isLate) job.patienceMs = Math.min(PATIENCE_MS_MAX, 2 * job.patienceMs);
    if (isLate || !env.placement.isUp(job.source)) giveUp(job, env);
    return;
  }
  if (((now - job.resumeAtMs) | 0) < 0) return;
  const { progress } = job;
  if (isFilled(job, w, env)) {
    env.store.requireSync();
    const filled = { ...progress, filled: true };
    if (saveProgress(env.store, filled)) job.progress = filled;
    return;
  }
  const source = nextSource(job, env);
  if (source === undefined) job.resumeAtMs = now + BACKOFF_MS;
  else askFor(job, source, request, env);
}

/** Whether what is merged is all that is needed, or all that there is to be read. */
function isFilled({ progress, sources }: TransferJob, w: number, env: Env): boolean {
  const { merged, partial, cursors, partition } = progress;
  if (merged.length >= mergesOf(env.placement.ring, partition, w)) return true;
  const isOver = (node: NodeIndex) => partial.includes(node) && !cursors.some(([begun]) => begun === node);
  return sources.every((node) => merged.includes(node) || isOver(node));
}

/** A source that is not merged yet; one that could not read all of it is asked again where no other is there. */
function nextSource(job: TransferJob, env: Env): NodeIndex | undefined {
  const { merged, partial } = job.progress;
  const behind = job.failed === undefined ? 0 : job.sources.indexOf(job.failed) + 1;
  const sources = [...job.sources.slice(behind), ...job.sources.slice(0, behind)];
  const open = sources.filter((node) => !merged.includes(node) && env.placement.isUp(node));
  return open.find((node) => !partial.includes(node)) ?? open[0];
}

function askFor(job: TransferJob, source: NodeIndex, request: number, env: Env): void {
  const { progress } = job;
  const after = progress.cursors.find(([node]) => node === source)?.[1];
  const isPartial = after !== undefined && progress.partial.includes(source);
  const body: PullBody = after === undefined ? {} : { after };
  const to = addressOf(Role.rebalancer, source, 0);
  const out = sendCold(env, Kind.pull, to, body, { request, bodyWord: Pull.body });
  if (out === undefined) {
    job.resumeAtMs = env.nowMs() + BACKOFF_MS;
    return;
  }
  out.words[out.at + Pull.epoch] = env.placement.epoch;
  out.words[out.at + Pull.partition] = progress.partition;
  out.words[out.at + Pull.bytesMax] = PAGE_BYTES_MAX;
  out.words[out.at + Pull.countOnly] = 0;
  Object.assign(job, { source, request, askedAtMs: env.nowMs(), unconfirmed: 0, refused: false, isPartial });
}

function giveUp(job: TransferJob, env: Env): void {
  job.failed = job.source;
  job.source = undefined;
  job.request = 0;
  job.resumeAtMs = env.nowMs() + BACKOFF_MS;
}

/** A page came: its records go to the vnode of this node. */
export function takePage(job: TransferJob, message: MessageView, onMoved: OnMoved, env: Env): void {
  if (job.source !== nodeOf(message.from)) return;
  if (!isSuccess(message.u32(Pulled.outcome))) {
    giveUp(job, env);
    return;
  }
  const count = message.u32(Pulled.count);
  const { partition } = job.progress;
  const vnode = addressOf(Role.vnode, env.node, partition);
  const options = withEpoch(DurabilityCode.interval << 8, env.placement.epoch);
  const { words, bytes } = message;
  let at = message.at + Pulled.records;
  for (let i = 0; i < count; i++) {
    const size = sizeOf(words, at);
    const out = env.open(Kind.replicate, vnode, message.request, Replicate.record * 4 + size);
    if (out === undefined) job.refused = true;
    else {
      out.words[out.at + Replicate.options] = options;
      out.words[out.at + Replicate.mark] = 0;
      copyWords(words, at, out.words, out.at + Replicate.record, size / 4);
      job.unconfirmed++;
    }
    if (i === count - 1) job.after = keyAt(words, bytes, at);
    at += size / 4;
  }
  job.more = message.u32(Pulled.more) !== 0;
  if (message.u32(Pulled.unreadable) > 0) job.isPartial = true;
  if (count === 0) job.after = undefined;
  if (job.progress.merged.length === 0) onMoved(message.u32(Pulled.bytes), count);
  if (job.unconfirmed === 0) endPage(job, env);
}

const keyAt = (words: Int32Array, bytes: Buffer, at: number): Uint8Array =>
  Uint8Array.prototype.slice.call(
    bytes,
    at * 4 + RECORD_HEADER_BYTES,
    at * 4 + RECORD_HEADER_BYTES + keyBytesOf(words, at),
  );

/** The vnode has taken, or refused, a record of the page. */
export function confirm(job: TransferJob, isTaken: boolean, env: Env): void {
  if (!isTaken) job.refused = true;
  if (--job.unconfirmed === 0) endPage(job, env);
}

/** Keeps the place, and pauses as long as the page took: what else the two nodes do has half of their time. */
function endPage(job: TransferJob, env: Env): void {
  const { progress, source } = job;
  const now = env.nowMs();
  const tookMs = (now - job.askedAtMs) | 0;
  job.patienceMs = Math.min(PATIENCE_MS_MAX, Math.max(PATIENCE_MS_MIN, 2 * tookMs));
  const others = progress.cursors.filter(([node]) => node !== source);
  const complete = progress.partial.filter((node) => node !== source);
  const partial = job.isPartial ? [...complete, source as number] : complete;
  const cursors = job.more ? [...others, [source as number, job.after ?? new Uint8Array(0)] as const] : others;
  const merged = job.more || job.isPartial ? progress.merged : [...progress.merged, source as number];
  const next: TransferProgress = { ...progress, cursors, merged, partial };
  if (job.refused || !saveProgress(env.store, next)) {
    giveUp(job, env);
    return;
  }
  // what the source cannot read now it may have again from the others in a while
  const pauseMs = job.isPartial && !job.more ? BACKOFF_MS : Math.min(PAUSE_MS_MAX, Math.max(1, tookMs));
  job.progress = next;
  job.source = undefined;
  job.resumeAtMs = now + pauseMs;
}
