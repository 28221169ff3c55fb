/** The messages by which a ring changes: deciding, spreading and reporting it, and moving partitions. Part of MESSAGES. */
import { HEADER_WORDS } from './header.js';
import { checkLayout, type MessageSpec } from './message-spec.js';

const cold = (tag: number, kind: MessageSpec['kind'], summary: string) =>
  ({ tag, kind, fields: {}, body: 'cbor', summary }) as const;

export const RING_MESSAGES = {
  prepare: cold(26, 'call', 'ring keeper to ring keeper: promise this ballot for the ring that follows this epoch.'),
  promised: cold(27, 'reply', 'ring keeper to ring keeper: promised or refused, and what was accepted last.'),
  accept: cold(28, 'call', 'ring keeper to ring keeper: accept this ring under this ballot.'),
  voted: cold(29, 'reply', 'ring keeper to ring keeper: accepted or refused.'),
  ringMap: cold(30, 'cast', 'ring keeper to ring keeper: the newest ring that this node knows.'),
  ringReport: cold(
    31,
    'cast',
    'ring keeper to ring keeper: epochs adopted and partitions filled by nodes of its host.',
  ),
  changeRing: {
    tag: 32,
    kind: 'call',
    fields: { deadline: 'u32', reserved: 'u32' },
    body: 'cbor',
    summary: 'client to ring keeper: begin this change of the ring.',
  },
  ringChanged: {
    tag: 33,
    kind: 'reply',
    fields: { outcome: 'u32', reserved: 'u32' },
    body: 'cbor',
    summary: 'ring keeper to client: the ring that begins the change, or why there is none.',
  },
  pull: {
    tag: 34,
    kind: 'call',
    fields: { epoch: 'u32', partition: 'u32', bytesMax: 'u32', countOnly: 'u32' },
    body: 'cbor',
    summary: 'rebalancer, or client, to rebalancer: a page of a partition behind this key, or just how much it is.',
  },
  pulled: {
    tag: 35,
    kind: 'reply',
    fields: { outcome: 'u32', more: 'u32', bytes: 'u32', count: 'u32', unreadable: 'u32', reserved: 'u32' },
    body: 'records',
    summary:
      'rebalancer to who pulled: the records of the page (counted only: the last one), how much they are, and how many were left out.',
  },
} as const satisfies Record<string, MessageSpec>;

export const enum ChangeRing {
  deadline = 4,
  body = 6,
}
export const enum RingChanged {
  outcome = 4,
  body = 6,
}
export const enum Pull {
  /** Of the sender's ring: a source that has not adopted it refuses. */
  epoch = 4,
  partition = 5,
  bytesMax = 6,
  countOnly = 7,
  body = 8,
}
export const enum Pulled {
  outcome = 4,
  /** 1 where more follow. */
  more = 5,
  bytes = 6,
  count = 7,
  /** Records that fail their checksum on the sender's disk. */
  unreadable = 8,
  records = 10,
}

for (const name of ['prepare', 'promised', 'accept', 'voted', 'ringMap', 'ringReport'] as const) {
  checkLayout(RING_MESSAGES[name], RING_MESSAGES[name].tag, { body: HEADER_WORDS });
}
checkLayout(RING_MESSAGES.changeRing, 32, { deadline: ChangeRing.deadline, body: ChangeRing.body });
checkLayout(RING_MESSAGES.ringChanged, 33, { outcome: RingChanged.outcome, body: RingChanged.body });
checkLayout(RING_MESSAGES.pull, 34, {
  epoch: Pull.epoch,
  partition: Pull.partition,
  bytesMax: Pull.bytesMax,
  countOnly: Pull.countOnly,
  body: Pull.body,
});
checkLayout(RING_MESSAGES.pulled, 35, {
  outcome: Pulled.outcome,
  more: Pulled.more,
  bytes: Pulled.bytes,
  count: Pulled.count,
  unreadable: Pulled.unreadable,
  body: Pulled.records,
});
