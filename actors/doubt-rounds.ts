/** What a node in doubt has anti-entropy do besides its rounds; and how one with a disk from the past takes what it lacks. */
import type { Env } from '../src/actor/env.js';
import { unlessCorrupt } from '../src/actor/private-record.js';
import type { PartitionId } from '../src/core/ids.js';
import { covers } from '../src/core/version-vector.js';
import { keyAt } from '../src/protocol/record-digest.js';
import { decodeRecord } from '../src/protocol/record-set.js';
import type { AntiEntropyState } from './anti-entropy.js';
import type { PullHooks } from './exchange.js';
import { readHeld } from './key-polls.js';

/** Asks for the comparisons that partitions in doubt wait for, and for keys that were not answered. */
export function visitDoubts(state: AntiEntropyState, env: Env): void {
  const { settlement, queue, options } = state;
  state.polls.visit(env);
  if (!settlement.isOpen || state.active?.urgency === 'doubt' || queue.sizeOf('doubt') > 0) return;
  const pullOnly = options.doubts.cause === 'rollback';
  // what only this node holds is looked into before it counts again
  if (pullOnly && state.polls.size > 0) return;
  for (const partition of state.polls.unsure) {
    settlement.reopen(partition);
    // a comparison under way has passed such a key, maybe
    if (state.active?.job.partition !== partition) state.polls.unsure.delete(partition);
  }
  const isUndecided = (partition: number) => state.polls.undecided.delete(partition);
  settlement.visit(env, isUndecided, (partition, peer, takesOfDoubtful) => {
    const way = pullOnly ? 'pull' : 'both';
    const task = { partition: partition as PartitionId, peer, way, dryRun: false, takesOfDoubtful } as const;
    queue.add({ ...task, asker: undefined }, 'doubt');
  });
  tellCounts(state);
}

/**
 * A disk from the past takes what it lacks; what nobody else knows of is set aside. A key whose record cannot be read keeps
 * nothing else waiting: the others' records take its place, and until then this node answers nothing for it.
 */
export function pullHooks(
  {
    polls,
    options,
  }: Pick<AntiEntropyState, 'polls'> & { readonly options: Pick<AntiEntropyState['options'], 'doubts'> },
  partition: PartitionId,
  env: Env,
): PullHooks {
  const isFromPast = options.doubts.isFromPast(partition);
  return {
    hasRoom: () => !isFromPast || !polls.isFull,
    onlyHere: (key) => {
      if (isFromPast) polls.start('rolled back', partition, key, env);
    },
    onFetched(words, bytes, at) {
      const mine = readHeld(env.store, words, at);
      if (mine === 'later') return 'later';
      if (mine === 'unreadable') {
        polls.start('unreadable', partition, keyAt(words, at), env);
        return 'leave';
      }
      if (!isFromPast || mine < 0) return 'merge';
      const theirs = unlessCorrupt(() => decodeRecord(words, bytes, at));
      // damaged on its way: it is asked for again
      if (theirs === 'corrupt') return 'later';
      const { vector } = theirs;
      const isCovered = decodeRecord(env.store.words, env.store.bytes, mine).siblings.every(({ dot }) =>
        covers(vector, dot),
      );
      if (isCovered) return 'merge';
      if (polls.isFull) return 'later';
      polls.start('rolled back', partition, keyAt(words, at), env);
      return 'leave';
    },
  };
}

/** Tells that records which could not be read were replaced, by whomever. */
export function tellReplaced(state: AntiEntropyState): void {
  if (state.counts.healed !== state.options.minters.replaced) tellCounts(state);
}

export function tellCounts(state: AntiEntropyState): void {
  const { polls, options, verification } = state;
  const { aside } = polls;
  state.counts = {
    ...state.counts,
    inDoubt: options.doubts.size,
    healed: options.minters.replaced,
    setAside: aside.records,
    setAsideBytes: aside.bytes,
    setAsideDropped: aside.dropped,
    verified: verification.verified,
    treesDiffering: verification.treesDiffering,
  };
  options.report(state.counts);
}
