/** A replica's part in a batch: what the vnodes of its records would do with each, in one handler. */
import type { Env } from '../src/actor/env.js';
import { ReplicatedMany, ReplicateMany } from '../src/protocol/batch-messages.js';
import type { MessageView } from '../src/protocol/header.js';
import { Kind, Replicate, Replicated } from '../src/protocol/messages.js';
import { eachRecord } from './batch-records.js';
import { partitionOf } from './coordinator-writes.js';
import { takeRecord } from './vnode-merge.js';
import type { VnodeOptions } from './vnode-mint.js';

/** Takes the records, and answers in runs of one outcome. */
export function replicateMany(options: VnodeOptions, message: MessageView, env: Env): void {
  const start = message.at + ReplicateMany.records;
  const base = message.u32(ReplicateMany.first);
  let outcome = 0;
  let first = 0;
  let taken = 0;
  eachRecord(message, start, env.store, (record, index) => {
    const own = takeRecord(message, record, partitionOf(message, record, env), options, env);
    if (index > 0 && own !== outcome) {
      answer(message, outcome, base + first, index - first, env);
      first = index;
    }
    outcome = own;
    taken = index + 1;
  });
  answer(message, outcome, base + first, taken - first, env);
}

function answer(message: MessageView, outcome: number, first: number, count: number, env: Env): void {
  const out = env.open(Kind.replicatedMany, message.from, message.request, ReplicatedMany.end * 4);
  if (out === undefined) return;
  out.words[out.at + Replicated.outcome] = outcome;
  out.words[out.at + Replicated.mark] = message.words[message.at + Replicate.mark];
  out.words[out.at + ReplicatedMany.first] = first;
  out.words[out.at + ReplicatedMany.count] = count;
}
