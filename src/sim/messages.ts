/**
 * Messages as a test writes and reads them: each request and reply of the protocol as a plain object, encoded into the
 * words that really travel. The layouts are those of src/client; every field is filled in.
 */

import type { PageRequest } from '../actor/ports.js';
import { type Clock, clock, counter, replicaId } from '../core/ids.js';
import { hashKey } from '../core/key-hash.js';
import { emptySet, type SiblingSet } from '../core/siblings.js';
import { slotOf } from '../core/slot-hash.js';
import type { VersionVector } from '../core/version-vector.js';
import type { ZoneQuorum } from '../core/zone-quorum.js';
import { bodyMessageBytes, encodeBody, putBody } from '../protocol/body.js';
import type { MessageView } from '../protocol/header.js';
import { Answer, Fetch, Kind, Page, Read, Replicate, Replicated, Scan, Write, Written } from '../protocol/messages.js';
import { Ask, DurabilityCode, errorOf, isSuccess, packOptions, packQuorum, withEpoch } from '../protocol/outcome.js';
import { getNumber, keyBytesOf, putNumber, RECORD_HEADER_BYTES, sizeOf, Tag } from '../protocol/record.js';
import {
  decodeRecord,
  encodedBytes,
  encodeRecord,
  encodeVector,
  type KeyParts,
  vectorWords,
} from '../protocol/record-set.js';

/** A message without its header: `fill` writes what stands from word `at` on. */
export interface Draft {
  readonly tag: number;
  readonly bytes: number;
  readonly fill: (words: Int32Array, bytes: Buffer, at: number) => void;
}

const FIRST_EPOCH = 1;
/** Some days behind the start of simulated time. */
const LATEST_MS = 1_750_000_000_000 + 2 ** 30;

export interface WriteOrder {
  readonly key: string;
  readonly value: string;
  readonly w: number;
  /** By zone, in place of W. */
  readonly zones?: ZoneQuorum;
  readonly tombstone?: boolean;
  readonly durability?: DurabilityCode;
  readonly context?: VersionVector;
  readonly callerClock?: Clock;
  /** Of the node that it goes to; 1 where left out. */
  readonly incarnation?: number;
  readonly deadlineMs?: number;
  /** Milliseconds since 1970 that its clock may say at most; no bound where left out. */
  readonly latest?: number;
  readonly available?: boolean;
  /** Of the ring that the sender routes by. */
  readonly epoch?: number;
  readonly expiresAtMs?: number;
}

export interface ReadOrder {
  readonly key: string;
  readonly r: number;
  /** By zone, in place of R. */
  readonly zones?: ZoneQuorum;
  readonly monotonic?: boolean;
  readonly available?: boolean;
  readonly epoch?: number;
  readonly deadlineMs?: number;
}

export function partsOf(key: string): KeyParts {
  const bytes = Buffer.from(key);
  const words = new Int32Array((bytes.length + 3) >>> 2);
  Buffer.from(words.buffer).set(bytes);
  return { bytes, hash: hashKey(words, 0, bytes.length), slot: slotOf(bytes) };
}

/** A `write`, or with `Kind.mint` what a coordinator hands to its vnode. `deadlineMs` counts from the host's start. */
export function writeDraft(order: WriteOrder, tag: Kind = Kind.write): Draft {
  const key = partsOf(order.key);
  const dot = { replica: replicaId(0), counter: counter(0) };
  const { tombstone = false, expiresAtMs = 0, context } = order;
  const value = tombstone ? new Uint8Array() : Buffer.from(order.value);
  const sibling = { dot, clock: clock(0), expiresAtMs, tombstone, tag: Tag.ascii, value };
  const set: SiblingSet = { vector: [dot], siblings: [sibling] };
  const recordWords = encodedBytes(key.bytes.length, set) / 4;
  const words = Write.record + recordWords + (context === undefined ? 0 : vectorWords(context));
  return {
    tag,
    bytes: words * 4,
    fill(target, bytes, at) {
      putFields(target, at, order);
      encodeRecord(target, bytes, at + Write.record, key, set);
      if (context !== undefined) encodeVector(target, at + Write.record + recordWords, context);
    },
  };
}

function putFields(target: Int32Array, at: number, order: WriteOrder): void {
  target[at + Write.deadline] = order.deadlineMs ?? 1_000;
  const flags = (order.context === undefined ? 0 : Ask.context) | (order.available === true ? Ask.available : 0);
  const quorum = packQuorum(order.zones ?? order.w);
  const options = packOptions(quorum, order.durability ?? DurabilityCode.interval, flags);
  target[at + Write.options] = withEpoch(options, order.epoch ?? FIRST_EPOCH);
  putNumber(target, at + Write.callerClock, order.callerClock ?? 0);
  target[at + Write.incarnation] = order.incarnation ?? 1;
  target[at + Write.latest] = order.latest ?? LATEST_MS;
}

/** Many writes without contexts that ask for the same: a `writeMany`. */
export function writeManyDraft(orders: readonly WriteOrder[], tag: Kind = Kind.writeMany): Draft {
  const drafts = orders.map((order) => writeDraft(order));
  const bytes = drafts.reduce((sum, draft) => sum + draft.bytes - Write.record * 4, Write.record * 4);
  return {
    tag,
    bytes,
    fill(target, targetBytes, at) {
      let next = at;
      // from behind, since each draft begins with fields that the record before it is to overwrite
      const starts = drafts.map((draft) => {
        const start = next;
        next += draft.bytes / 4 - Write.record;
        return start;
      });
      for (let i = drafts.length - 1; i >= 0; i--) drafts[i].fill(target, targetBytes, starts[i]);
      putFields(target, at, orders[0]);
    },
  };
}

export function readDraft(order: ReadOrder): Draft {
  const { key, r, monotonic = false, available = false, epoch = FIRST_EPOCH, deadlineMs = 1_000 } = order;
  const flags = (monotonic ? Ask.monotonic : 0) | (available ? Ask.available : 0);
  return keyDraft(Kind.read, key, (words, at) => {
    words[at + Read.deadline] = deadlineMs;
    words[at + Read.options] = withEpoch(packOptions(packQuorum(order.zones ?? r), 0, flags), epoch);
  });
}

export function fetchDraft(key: string, { versionsOnly = false, epoch = FIRST_EPOCH } = {}): Draft {
  return keyDraft(Kind.fetch, key, (words, at) => {
    words[at + Fetch.options] = withEpoch(versionsOnly ? Ask.versions : 0, epoch);
  });
}

function keyDraft(tag: Kind, text: string, fields: (words: Int32Array, at: number) => void): Draft {
  const key = partsOf(text);
  return {
    tag,
    bytes: (Read.key * 4 + ((key.bytes.length + 3) & ~3) + 7) & ~7,
    fill(words, bytes, at) {
      fields(words, at);
      words[at + Read.keyHash] = key.hash;
      words[at + Read.keySlot] = key.bytes.length | (key.slot << 16);
      words[at + Read.key + ((key.bytes.length - 1) >>> 2)] = 0;
      bytes.set(key.bytes, (at + Read.key) * 4);
    },
  };
}

export function replicateDraft(key: string, set: SiblingSet, durability = DurabilityCode.interval, mark = 0): Draft {
  const parts = partsOf(key);
  return {
    tag: Kind.replicate,
    bytes: Replicate.record * 4 + encodedBytes(parts.bytes.length, set),
    fill(words, bytes, at) {
      words[at + Replicate.options] = withEpoch(durability << 8, FIRST_EPOCH);
      words[at + Replicate.mark] = mark;
      encodeRecord(words, bytes, at + Replicate.record, parts, set);
    },
  };
}

export function replicatedDraft(outcome: number, mark: number): Draft {
  return {
    tag: Kind.replicated,
    bytes: Replicated.end * 4,
    fill(words, _bytes, at) {
      words[at + Replicated.outcome] = outcome;
      words[at + Replicated.mark] = mark;
    },
  };
}

export function fetchedDraft(key: string, outcome: number, set: SiblingSet): Draft {
  const parts = partsOf(key);
  const has = set.vector.length > 0;
  return {
    tag: Kind.fetched,
    bytes: Answer.record * 4 + (has ? encodedBytes(parts.bytes.length, set) : 0),
    fill(words, bytes, at) {
      words[at + Answer.outcome] = outcome;
      words[at + Answer.detail] = has ? 1 : 0;
      if (has) encodeRecord(words, bytes, at + Answer.record, parts, set);
    },
  };
}

export function scanDraft(request: PageRequest, bytesMax: number, epoch = 0xffff_ffff): Draft {
  const body = encodeBody(request);
  return {
    tag: Kind.scan,
    bytes: bodyMessageBytes(Scan.body, body),
    fill(words, bytes, at) {
      words[at + Scan.deadline] = 1_000;
      words[at + Scan.bytesMax] = bytesMax;
      words[at + Scan.epoch] = epoch;
      words[at + Scan.epoch + 1] = 0;
      putBody(words, bytes, at + Scan.body, body.slice());
    },
  };
}

/** The error code of an outcome, or undefined where it is a success. */
export const codeOf = (outcome: number) => (isSuccess(outcome) ? undefined : errorOf(outcome));

export function answerSet(message: MessageView): SiblingSet {
  if (!isSuccess(message.u32(Answer.outcome)) || (message.u32(Answer.detail) & 1) === 0) return emptySet();
  return decodeRecord(message.words, message.bytes, message.at + Answer.record);
}

export const writtenClock = (message: MessageView): Clock =>
  getNumber(message.words, message.at + Written.clock) as Clock;

export interface PageEntry {
  readonly key: string;
  readonly set: SiblingSet;
}

export function pageEntries(message: MessageView): { readonly entries: readonly PageEntry[]; readonly more: boolean } {
  const detail = message.u32(Page.detail);
  const entries: PageEntry[] = [];
  for (let i = 0, at = message.at + Page.records; i < detail >>> 1; i++) {
    const start = at * 4 + RECORD_HEADER_BYTES;
    const key = message.bytes.utf8Slice(start, start + keyBytesOf(message.words, at));
    entries.push({ key, set: decodeRecord(message.words, message.bytes, at) });
    at += sizeOf(message.words, at) / 4;
  }
  return { entries, more: (detail & 1) === 1 };
}

/** The record at the front of these words as a set; the empty one where there is none. */
export function setOf(record: Int32Array<ArrayBuffer> | undefined): SiblingSet {
  return record === undefined ? emptySet() : decodeRecord(record, Buffer.from(record.buffer), 0);
}

/** The values of a set, newest first; a tombstone reads as null. */
export function valuesOf(set: SiblingSet): (string | null)[] {
  return set.siblings.map(({ tombstone, value }) => (tombstone ? null : Buffer.from(value).toString()));
}

/** The key of the record at the front of these words. */
export function keyText(record: Int32Array<ArrayBuffer>): string {
  return Buffer.from(record.buffer).latin1Slice(RECORD_HEADER_BYTES, RECORD_HEADER_BYTES + keyBytesOf(record, 0));
}

/** The values of a set for people, newest first. */
export function showValues(set: SiblingSet): string {
  return valuesOf(set)
    .map((value) => value ?? 'deleted')
    .join(', ');
}
