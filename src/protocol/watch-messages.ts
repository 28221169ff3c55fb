/**
 * The messages by which a client hears which keys of a partition a replica has changed since it asked last: what makes the
 * pages of several replicas one image. Part of MESSAGES.
 */
import { checkLayout, type MessageSpec } from './message-spec.js';

export const WATCH_MESSAGES = {
  watch: {
    tag: 48,
    kind: 'call',
    fields: { bytesMax: 'u32', epoch: 'u32', id: 'u32', step: 'u32' },
    body: 'none',
    summary: 'client to vnode: note from now on which keys change; which have since I asked last; or note no more.',
  },
  changes: {
    tag: 49,
    kind: 'reply',
    fields: { outcome: 'u32', detail: 'u32' },
    body: 'records',
    summary: 'vnode to client: what it holds of keys that have changed; detail is the count, shifted, and ChangesFlag.',
  },
} as const satisfies Record<string, MessageSpec>;

export const enum Watch {
  bytesMax = 4,
  /** Of the ring that named the node as a holder. */
  epoch = 5,
  /** The client's own: it may have several open, one a partition or more. */
  id = 6,
  step = 7,
  end = 8,
}
export const enum WatchStep {
  begin = 0,
  next = 1,
  end = 2,
}
/** Laid out as `page`. A record with the flag `forgotten` stands for a key of which the replica holds nothing any more. */
export const enum Changes {
  outcome = 4,
  detail = 5,
  records = 6,
}
/** Low bits of the detail of a successful `changes`. */
export const enum ChangesFlag {
  /** Not all that has changed is here. */
  more = 1,
  /** More has changed than is noted: the watch is over. */
  overflown = 2,
}

/** The count of the detail stands behind so many bits. */
export const CHANGES_FLAG_BITS = 2;

checkLayout(WATCH_MESSAGES.watch, 48, {
  bytesMax: Watch.bytesMax,
  epoch: Watch.epoch,
  id: Watch.id,
  step: Watch.step,
  body: Watch.end,
});
checkLayout(WATCH_MESSAGES.changes, 49, {
  outcome: Changes.outcome,
  detail: Changes.detail,
  body: Changes.records,
});
