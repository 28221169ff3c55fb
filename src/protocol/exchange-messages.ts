/** The messages by which two replicas compare a partition and exchange what differs. Part of MESSAGES. */
import { checkLayout, type MessageSpec } from './message-spec.js';

export const EXCHANGE_MESSAGES = {
  compare: {
    tag: 20,
    kind: 'call',
    fields: { partition: 'u32', bits: 'u32' },
    body: 'cbor',
    summary: 'anti-entropy to its peer: the digests of these nodes of the tree of a partition.',
  },
  compared: {
    tag: 21,
    kind: 'reply',
    fields: { outcome: 'u32', depth: 'u32', counts: 'u32', rootHigh: 'u32', rootLow: 'u32', reserved: 'u32' },
    body: 'cbor',
    summary: 'the digests, the root, and whether the replica counts; KV_OVERLOADED while the tree is being built.',
  },
  list: {
    tag: 22,
    kind: 'call',
    fields: { partition: 'u32', bits: 'u32' },
    body: 'cbor',
    summary: 'anti-entropy to its peer: the keys below these nodes of the tree, in order, behind a key.',
  },
  listed: {
    tag: 23,
    kind: 'reply',
    fields: { outcome: 'u32', more: 'u32' },
    body: 'cbor',
    summary: 'keys with the digests of their records, up to a key that is named where more may follow.',
  },
  exchange: {
    tag: 24,
    kind: 'call',
    fields: { partition: 'u32', peer: 'u32', options: 'u32', reserved: 'u32' },
    body: 'none',
    summary:
      'to the anti-entropy of a node: compare the partition with a peer, or with all, and exchange what differs.',
  },
  exchanged: {
    tag: 25,
    kind: 'reply',
    fields: { outcome: 'u32', peers: 'u32', differing: 'u32', sent: 'u32', received: 'u32', reserved: 'u32' },
    body: 'none',
    summary: 'what the exchange came to, once every record has arrived.',
  },
} as const satisfies Record<string, MessageSpec>;

/** In place of one peer: every other holder of the partition. */
export const ALL_PEERS = 0xffff;

/** Options of an exchange. */
export const enum ExchangeFlag {
  /** Compares and counts, and moves no record. */
  dryRun = 1,
  /** Takes what it lacks and gives nothing. */
  pullOnly = 2,
}

/** `compare` and `list` share it. */
export const enum Compare {
  partition = 4,
  bits = 5,
  body = 6,
}
export const enum Compared {
  outcome = 4,
  /** Bits of the tree. */
  depth = 5,
  /** A `Counting`. */
  counts = 6,
  rootHigh = 7,
  rootLow = 8,
  body = 10,
}
/** Whether what a replica holds of a partition stands for the writes that it has acknowledged. */
export const enum Counting {
  inDoubt = 0,
  counts = 1,
  /** It counts, but it cannot read some of its records. */
  partly = 2,
}
/** Its body: `entries`; `end`, the last key, where there are more; `partial` where keys were left out that it cannot read; `doubts` where it does not count. */
export const enum Listed {
  outcome = 4,
  more = 5,
  body = 6,
}
export const enum Exchange {
  partition = 4,
  /** A node, or ALL_PEERS. */
  peer = 5,
  options = 6,
  end = 8,
}
export const enum Exchanged {
  outcome = 4,
  peers = 5,
  differing = 6,
  sent = 7,
  received = 8,
  end = 10,
}

checkLayout(EXCHANGE_MESSAGES.compare, 20, { partition: Compare.partition, bits: Compare.bits, body: Compare.body });
checkLayout(EXCHANGE_MESSAGES.list, 22, { partition: Compare.partition, bits: Compare.bits, body: Compare.body });
checkLayout(EXCHANGE_MESSAGES.compared, 21, {
  outcome: Compared.outcome,
  depth: Compared.depth,
  counts: Compared.counts,
  rootHigh: Compared.rootHigh,
  rootLow: Compared.rootLow,
  body: Compared.body,
});
checkLayout(EXCHANGE_MESSAGES.listed, 23, { outcome: Listed.outcome, more: Listed.more, body: Listed.body });
checkLayout(EXCHANGE_MESSAGES.exchange, 24, {
  partition: Exchange.partition,
  peer: Exchange.peer,
  options: Exchange.options,
  body: Exchange.end,
});
checkLayout(EXCHANGE_MESSAGES.exchanged, 25, {
  outcome: Exchanged.outcome,
  peers: Exchanged.peers,
  differing: Exchanged.differing,
  sent: Exchanged.sent,
  received: Exchanged.received,
  body: Exchanged.end,
});
