/**
 * Every message that actors, clients and hosts exchange, in one table: tag, kind, fields, one sentence.
 *
 * A message is 8-byte aligned words: a header of four (protocol/header.ts), then its fields in the order given here,
 * then its body. `u32` takes a word; `u64` two and starts on an even word. Offsets are computed from this table and
 * checked against the constants below when the module loads. Tags are append-only; 0 is never valid.
 */
import { BATCH_MESSAGES } from './batch-messages.js';
import { COLLECTION_MESSAGES } from './collection-messages.js';
import { EXCHANGE_MESSAGES } from './exchange-messages.js';
import { HEADER_WORDS } from './header.js';
import { HINT_MESSAGES } from './hint-messages.js';
import { MAILBOX_MESSAGES } from './mailbox-messages.js';
import { MEND_MESSAGES } from './mend-messages.js';
import { checkLayout, type MessageSpec, offsetsOf } from './message-spec.js';
import { RING_MESSAGES } from './ring-messages.js';
import { WATCH_MESSAGES } from './watch-messages.js';

export const MESSAGES = {
  ...MAILBOX_MESSAGES,
  write: {
    tag: 2,
    kind: 'call',
    fields: { deadline: 'u32', options: 'u32', callerClock: 'u64', incarnation: 'u32', latest: 'u32' },
    body: 'record+context',
    summary: 'client to coordinator: store this record (its dot still empty) under W, its clock not behind latest.',
  },
  written: {
    tag: 3,
    kind: 'reply',
    fields: { outcome: 'u32', detail: 'u32', clock: 'u64' },
    body: 'none',
    summary:
      'coordinator to client: how the write ended; detail is the siblings it left, or needed << 8 | got, or the wall clock.',
  },
  mint: {
    tag: 4,
    kind: 'call',
    fields: { deadline: 'u32', options: 'u32', callerClock: 'u64', incarnation: 'u32', latest: 'u32' },
    body: 'record+context',
    summary: 'coordinator to its own vnode: give this write a dot and a clock, log it and stage it. Laid out as write.',
  },
  minted: {
    tag: 5,
    kind: 'reply',
    fields: { outcome: 'u32', position: 'u32' },
    body: 'none',
    summary: 'vnode to its coordinator: where the minted record stands in the hot table.',
  },
  replicate: {
    tag: 6,
    kind: 'call',
    fields: { options: 'u32', mark: 'u32' },
    body: 'record',
    summary: 'coordinator to vnode: merge this record, log it, stage it. The mark comes back with the reply.',
  },
  replicated: {
    tag: 7,
    kind: 'reply',
    fields: { outcome: 'u32', mark: 'u32' },
    body: 'none',
    summary: 'vnode to coordinator: the record is in the log; the mark is that of the replicate which it answers.',
  },
  read: {
    tag: 8,
    kind: 'call',
    fields: { deadline: 'u32', options: 'u32', keyHash: 'u32', keySlot: 'u32' },
    body: 'key',
    summary: 'client to coordinator: read this key under R.',
  },
  answered: {
    tag: 9,
    kind: 'reply',
    fields: { outcome: 'u32', detail: 'u32' },
    body: 'record',
    summary: 'coordinator to client: the merged record, or none.',
  },
  fetch: {
    tag: 10,
    kind: 'call',
    fields: { options: 'u32', reserved: 'u32', keyHash: 'u32', keySlot: 'u32' },
    body: 'key',
    summary: 'coordinator to vnode: what do you hold for this key?',
  },
  fetched: {
    tag: 11,
    kind: 'reply',
    fields: { outcome: 'u32', detail: 'u32' },
    body: 'record',
    summary: 'vnode to coordinator: the record, or none.',
  },
  scan: {
    tag: 12,
    kind: 'call',
    fields: { deadline: 'u32', bytesMax: 'u32', epoch: 'u32', reserved: 'u32' },
    body: 'cbor',
    summary: 'client to vnode: a page of records in key order between these bounds.',
  },
  page: {
    tag: 13,
    kind: 'reply',
    fields: { outcome: 'u32', detail: 'u32' },
    body: 'records',
    summary: 'vnode to client: the records of one page; detail is the count, shifted, and whether more follow.',
  },
  gossip: {
    tag: 14,
    kind: 'cast',
    fields: {},
    body: 'cbor',
    summary: 'gossip agent to gossip agent: heartbeats and suspicions as this node knows them; may be dropped.',
  },
  ...HINT_MESSAGES,
  ...EXCHANGE_MESSAGES,
  ...RING_MESSAGES,
  ...COLLECTION_MESSAGES,
  ...BATCH_MESSAGES,
  ...MEND_MESSAGES,
  ...WATCH_MESSAGES,
} as const satisfies Record<string, MessageSpec>;

export type MessageName = keyof typeof MESSAGES;

/** Tags as constants that compile to numbers; asserted against the table below. */
export const enum Kind {
  pad = 1,
  write = 2,
  written = 3,
  mint = 4,
  minted = 5,
  replicate = 6,
  replicated = 7,
  read = 8,
  answered = 9,
  fetch = 10,
  fetched = 11,
  scan = 12,
  page = 13,
  gossip = 14,
  standIn = 15,
  hint = 16,
  note = 17,
  repaired = 18,
  compare = 20,
  compared = 21,
  list = 22,
  listed = 23,
  exchange = 24,
  exchanged = 25,
  prepare = 26,
  promised = 27,
  accept = 28,
  voted = 29,
  ringMap = 30,
  ringReport = 31,
  changeRing = 32,
  ringChanged = 33,
  pull = 34,
  pulled = 35,
  confirm = 36,
  confirmed = 37,
  barrier = 38,
  collect = 39,
  writeMany = 40,
  wroteMany = 41,
  replicateMany = 42,
  replicatedMany = 43,
  mintMany = 44,
  mend = 45,
  mended = 46,
  unread = 47,
  watch = 48,
  changes = 49,
  piece = 50,
}

export const enum Write {
  deadline = 4,
  options = 5,
  callerClock = 6,
  /** Of the coordinator's node, as the sender knew it: another life refuses the write. */
  incarnation = 8,
  /** Low 32 bits of the latest millisecond, since 1970, that its clock may say. */
  latest = 9,
  record = 10,
}
export const enum Written {
  outcome = 4,
  detail = 5,
  clock = 6,
  end = 8,
}
export const enum Minted {
  outcome = 4,
  position = 5,
  end = 6,
}
export const enum Replicate {
  options = 4,
  /** The coordinator's own: it knows by it which life, or which round, of its a confirmation belongs to. */
  mark = 5,
  record = 6,
}
export const enum Replicated {
  outcome = 4,
  mark = 5,
  end = 6,
}
export const enum Read {
  deadline = 4,
  options = 5,
  keyHash = 6,
  keySlot = 7,
  key = 8,
}
/** `answered` and `fetched` share it. */
export const enum Answer {
  outcome = 4,
  detail = 5,
  record = 6,
}
/** `read` and `fetch` keep hash, length and key at the same offsets. */
export const enum Fetch {
  options = 4,
  keyHash = 6,
  keySlot = 7,
  key = 8,
}
export const enum Scan {
  deadline = 4,
  bytesMax = 5,
  /** Of the ring that named the node as a holder. */
  epoch = 6,
  body = 8,
}
export const enum Page {
  outcome = 4,
  detail = 5,
  records = 6,
}

/** Word offset of each field of a message, and of its body under `body`. */
export function fieldOffsets(name: MessageName): Readonly<Record<string, number>> {
  return offsetsOf(MESSAGES[name]);
}

/** Name of each tag, or undefined. */
export const NAME_OF_TAG: readonly (MessageName | undefined)[] = (() => {
  const names: (MessageName | undefined)[] = new Array(256).fill(undefined);
  for (const [name, spec] of Object.entries(MESSAGES)) names[spec.tag] = name as MessageName;
  return names;
})();

function check(name: MessageName, kind: Kind, constants: Readonly<Record<string, number>>): void {
  checkLayout(MESSAGES[name], kind, constants);
}

const write = {
  deadline: Write.deadline,
  options: Write.options,
  callerClock: Write.callerClock,
  incarnation: Write.incarnation,
  latest: Write.latest,
  body: Write.record,
};
const many = { writeMany: Kind.writeMany, mintMany: Kind.mintMany, mend: Kind.mend, mended: Kind.mended };
for (const [name, kind] of Object.entries({ write: Kind.write, mint: Kind.mint, ...many }))
  check(name as MessageName, kind, write);
const written = { outcome: Written.outcome, detail: Written.detail, clock: Written.clock };
check('written', Kind.written, { ...written, body: Written.end });
check('wroteMany', Kind.wroteMany, written);
check('minted', Kind.minted, { outcome: Minted.outcome, position: Minted.position, body: Minted.end });
const replicate = { options: Replicate.options, mark: Replicate.mark };
check('replicate', Kind.replicate, { ...replicate, body: Replicate.record });
check('replicateMany', Kind.replicateMany, replicate);
const replicated = { outcome: Replicated.outcome, mark: Replicated.mark };
check('replicated', Kind.replicated, { ...replicated, body: Replicated.end });
check('replicatedMany', Kind.replicatedMany, replicated);
const key = { keyHash: Read.keyHash, keySlot: Read.keySlot, body: Read.key };
check('read', Kind.read, { deadline: Read.deadline, options: Read.options, ...key });
check('fetch', Kind.fetch, { options: Fetch.options, keyHash: Fetch.keyHash, keySlot: Fetch.keySlot, body: Fetch.key });
check('answered', Kind.answered, { outcome: Answer.outcome, detail: Answer.detail, body: Answer.record });
check('fetched', Kind.fetched, { outcome: Answer.outcome, detail: Answer.detail, body: Answer.record });
check('scan', Kind.scan, { deadline: Scan.deadline, bytesMax: Scan.bytesMax, epoch: Scan.epoch, body: Scan.body });
check('page', Kind.page, { outcome: Page.outcome, detail: Page.detail, body: Page.records });
check('gossip', Kind.gossip, { body: HEADER_WORDS });
const hints = { pad: Kind.pad, standIn: Kind.standIn, hint: Kind.hint, note: Kind.note, repaired: Kind.repaired };
const ballots = { prepare: Kind.prepare, promised: Kind.promised, accept: Kind.accept, voted: Kind.voted };
const maps = { ringMap: Kind.ringMap, ringReport: Kind.ringReport, pull: Kind.pull, pulled: Kind.pulled };
const changes = { changeRing: Kind.changeRing, ringChanged: Kind.ringChanged };
const others = { watch: Kind.watch, changes: Kind.changes, piece: Kind.piece };
for (const [name, kind] of Object.entries({ ...hints, ...ballots, ...maps, ...changes, ...others }))
  check(name as MessageName, kind, {});
