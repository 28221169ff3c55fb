/**
 * When a node compares without being asked: all of its partitions every interval, and those that it shares with a node that
 * was away, soon after that one is back.
 */
import { addressOf, Role } from '../src/actor/address.js';
import type { Env } from '../src/actor/env.js';
import { coHoldersOf, holdersOf, laterHoldersOf } from '../src/core/co-holders.js';
import type { NodeIndex, PartitionId } from '../src/core/ids.js';
import { Repaired } from '../src/protocol/hint-messages.js';
import { Kind } from '../src/protocol/messages.js';
import type { AntiEntropyState, Job } from './anti-entropy.js';
import { type Note, pageNotes } from './hint-records.js';
import { isReachable } from './reachable.js';

export interface Rounds {
  /** When the next round begins, and whether one is under way. */
  nextAtMs: number;
  isUnderWay: boolean;
  readonly startedAtMs: number;
  /** Asked of the clock no more once it is over: the clock wraps. */
  isStarting: boolean;
  visitedAtMs: number;
  notesAtMs: number;
  /** The last of the notes that were looked at; undefined where all were. */
  note: Note | undefined;
  /** Nodes that this one has not seen up of late; since the start: whoever was not up a while after it. */
  readonly away: Set<NodeIndex>;
  /** Nodes that are back, and when to compare with them: hints go first. */
  readonly back: Map<NodeIndex, number>;
}

/** After its own start a node does not take for lost who only starts a little later. */
const STARTING_MS = 5_000;
const BACK_PAUSE_MS = 2_000;
const VISIT_PAUSE_MS = 200;
const NOTES_PAUSE_MS = 2_000;
/** Notes looked at together; the others follow at the next look. */
const NOTES_MAX = 256;

export function startRounds(intervalMs: number, env: Env): Rounds {
  const startedAtMs = env.nowMs();
  // not all nodes of a host at the same time
  const firstMs = intervalMs * (0.5 + (env.random() % 1_000) / 2_000);
  return {
    nextAtMs: (startedAtMs + firstMs) | 0,
    isUnderWay: false,
    startedAtMs,
    isStarting: true,
    visitedAtMs: startedAtMs,
    notesAtMs: startedAtMs,
    note: undefined,
    away: new Set(),
    back: new Map(),
  };
}

/** Looks who is back and whether it is time. */
export function visitRounds(state: AntiEntropyState, env: Env): void {
  const { rounds, queue, options } = state;
  if (((env.nowMs() - rounds.visitedAtMs) | 0) < VISIT_PAUSE_MS) return;
  rounds.visitedAtMs = env.nowMs();
  lookForReturns(rounds, env);
  lookAtNotes(state, env);
  for (const [peer, atMs] of rounds.back) {
    if (((env.nowMs() - atMs) | 0) < 0) continue;
    rounds.back.delete(peer);
    for (let p = 0; p < env.placement.partitions; p++) {
      const isShared = coHoldersOf(env.placement, p, env.node).includes(peer);
      if (isShared) queue.add(jobOf(p, peer), 'known');
    }
  }
  if (rounds.isUnderWay && queue.sizeOf('periodic') === 0 && state.active?.urgency !== 'periodic') {
    rounds.isUnderWay = false;
    state.counts = { ...state.counts, lastRoundMs: env.wallMs() };
    options.report(state.counts);
  }
  if (rounds.isUnderWay || ((env.nowMs() - rounds.nextAtMs) | 0) < 0) return;
  rounds.nextAtMs = (env.nowMs() + options.intervalMs) | 0;
  rounds.isUnderWay = true;
  for (let p = 0; p < env.placement.partitions; p++) {
    for (const peer of laterHoldersOf(env.placement, p, env.node)) queue.add(jobOf(p, peer), 'periodic');
  }
}

/** Partitions of which the hint keeper knows that a node lacks something, and not what. */
function lookAtNotes({ rounds, queue }: AntiEntropyState, env: Env): void {
  if (((env.nowMs() - rounds.notesAtMs) | 0) < 0) return;
  rounds.notesAtMs = (env.nowMs() + NOTES_PAUSE_MS) | 0;
  const notes = pageNotes(env.store, { limit: NOTES_MAX, ...(rounds.note !== undefined && { after: rounds.note }) });
  rounds.note = notes.length < NOTES_MAX ? undefined : notes.at(-1);
  for (const note of notes) {
    const job = jobOfNote(note, env);
    if (job !== undefined) queue.add(job, 'known');
  }
}

/**
 * Two holders become equal. A node that only stood in gives what it has: to the target, or where that does not hold the
 * partition in the end, to one that does.
 */
function jobOfNote({ target, partition }: Note, env: Env): Job | undefined {
  const { placement, node } = env;
  const holders = holdersOf(placement, partition);
  if (holders.includes(node)) {
    const peer = holders.find((other) => other === target && other !== node);
    if (peer === undefined) tellRepaired({ target, partition, heldAtMs: env.nowMs() }, env);
    return peer !== undefined && isReachable(peer, env) ? jobOf(partition, peer) : undefined;
  }
  const { n, next } = placement;
  const later = [...next.subarray(partition * n, partition * n + n)] as NodeIndex[];
  const isTargetLater = later.includes(target as NodeIndex);
  const peer = later.find((other) => (other === target || !isTargetLater) && isReachable(other, env));
  return peer === undefined ? undefined : { ...jobOf(partition, peer), way: 'push', target: target as NodeIndex };
}

/** The hint keeper may drop its note: the target has what this node held of the partition then. */
export function tellRepaired(note: Note & { readonly heldAtMs: number }, env: Env): void {
  const out = env.open(Kind.repaired, addressOf(Role.hintKeeper, env.node, 0), 0, Repaired.end * 4);
  out?.words.set([note.target, note.partition, note.heldAtMs, 0], out.at + Repaired.target);
}

function lookForReturns(rounds: Rounds, env: Env): void {
  const { placement, node } = env;
  const { away, back } = rounds;
  rounds.isStarting &&= ((env.nowMs() - rounds.startedAtMs) | 0) < STARTING_MS;
  for (const other of placement.members) {
    if (other === node) continue;
    const isBack = isReachable(other, env);
    if (!isBack && !rounds.isStarting) {
      away.add(other);
      back.delete(other);
    } else if (isBack && away.delete(other)) back.set(other, (env.nowMs() + BACK_PAUSE_MS) | 0);
  }
}

function jobOf(partition: number, peer: NodeIndex): Job {
  return {
    partition: partition as PartitionId,
    peer,
    way: 'both',
    dryRun: false,
    takesOfDoubtful: false,
    asker: undefined,
  };
}
