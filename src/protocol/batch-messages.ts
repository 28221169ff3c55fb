/**
 * Many writes in one message, and what became of them. Part of MESSAGES.
 *
 *   writeMany      the fields of a write, then records, one behind the other: the members, numbered from 0
 *   wroteMany      the fields of a written, then a run of members that all ended so: from `first` on, `count` of them
 *   replicateMany  the fields of a replicate, then records of a group, numbered from `first` on
 *   replicatedMany the fields of a replicated, then a run as above
 *
 * A message may be answered by several runs, in the order of the members where they end together. A count of 0 means every
 * member from `first` on.
 */
import { checkLayout, type MessageSpec } from './message-spec.js';

export const BATCH_MESSAGES = {
  writeMany: {
    tag: 40,
    kind: 'call',
    fields: { deadline: 'u32', options: 'u32', callerClock: 'u64', incarnation: 'u32', latest: 'u32' },
    body: 'records',
    summary: 'client to coordinator: store each of these records under W. Begins like write.',
  },
  wroteMany: {
    tag: 41,
    kind: 'reply',
    fields: { outcome: 'u32', detail: 'u32', clock: 'u64', first: 'u32', count: 'u32' },
    body: 'none',
    summary: 'coordinator to client: how a run of the members of a writeMany ended. Begins like written.',
  },
  replicateMany: {
    tag: 42,
    kind: 'call',
    fields: { options: 'u32', mark: 'u32', first: 'u32', reserved: 'u32' },
    body: 'records',
    summary: 'coordinator to coordinator: have each of these records merged, logged and staged. Begins like replicate.',
  },
  replicatedMany: {
    tag: 43,
    kind: 'reply',
    fields: { outcome: 'u32', mark: 'u32', first: 'u32', count: 'u32' },
    body: 'none',
    summary: 'coordinator to coordinator: a run of the records of a replicateMany is in the log, or was refused.',
  },
  mintMany: {
    tag: 44,
    kind: 'call',
    fields: { deadline: 'u32', options: 'u32', callerClock: 'u64', incarnation: 'u32', latest: 'u32' },
    body: 'records',
    summary: 'coordinator to itself: mint these, behind the writes that came before. Laid out as writeMany.',
  },
} as const satisfies Record<string, MessageSpec>;

/** Behind the fields of a `written`. */
export const enum WroteMany {
  first = 8,
  count = 9,
  end = 10,
}
/** Behind the fields of a `replicate`. */
export const enum ReplicateMany {
  first = 6,
  records = 8,
}
/** Behind the fields of a `replicated`. */
export const enum ReplicatedMany {
  first = 6,
  count = 7,
  end = 8,
}

checkLayout(BATCH_MESSAGES.wroteMany, 41, { first: WroteMany.first, count: WroteMany.count, body: WroteMany.end });
checkLayout(BATCH_MESSAGES.replicateMany, 42, { first: ReplicateMany.first, body: ReplicateMany.records });
checkLayout(BATCH_MESSAGES.replicatedMany, 43, {
  first: ReplicatedMany.first,
  count: ReplicatedMany.count,
  body: ReplicatedMany.end,
});
