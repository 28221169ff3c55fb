/**
 * Encodes writes straight into the mailbox of the node that coordinates them, and turns the replies into results.
 */
import { addressOf, Role } from '../actor/address.js';
import { StoreError } from '../core/errors.js';
import type { Clock } from '../core/ids.js';
import { SessionClock } from '../core/session-clock.js';
import type { VersionVector } from '../core/version-vector.js';
import { Head, type MessageView } from '../protocol/header.js';
import { Kind, Write, Written } from '../protocol/messages.js';
import {
  Ask,
  durabilityName,
  durabilityOf,
  errorOf,
  fallbacksOf,
  isLocal,
  isSuccess,
  packOptions,
  replicasOf,
  withEpoch,
} from '../protocol/outcome.js';
import { Flag, getNumber, putNumber, Rec, recordBytes, Tag } from '../protocol/record.js';
import { encodeVector, vectorWords } from '../protocol/record-set.js';
import type { KeyScratch } from './key-scratch.js';
import type { Requests, Waiter } from './requests.js';
import type { Router } from './router.js';
import type { Seat } from './seat.js';
import type { Value, WriteResult } from './types.js';
import { encodeCbor } from './values.js';

/** A write as the client asks for it; absolute times, defaults filled in. */
export interface WriteOrder {
  /** As it stands in the options word: see `packQuorum`. */
  readonly w: number;
  readonly durability: number;
  /** Milliseconds from now. */
  readonly deadlineMs: number;
  /** Milliseconds since 1970, 0 for never. */
  readonly expiresAtMs: number;
  readonly tombstone: boolean;
  /** Sloppy quorum: nodes that stand in for primaries count. */
  readonly available: boolean;
  readonly context: VersionVector | undefined;
}

/** Above this many characters a string's exact length in bytes is computed before room for it is taken. */
const EXACT_CHARS = 4_096;
const RECORD = Write.record;

export class Writes {
  readonly #seat: Seat;
  readonly #requests: Requests;
  readonly #pairBytesMax: number;
  readonly #router: Router;
  readonly #session = new SessionClock();
  #latestGivenUp = 0;

  constructor(seat: Seat, requests: Requests, pairBytesMax: number, router: Router) {
    this.#seat = seat;
    this.#requests = requests;
    this.#pairBytesMax = pairBytesMax;
    this.#router = router;
  }

  /**
   * Sends one write; returns its request id. The reply settles `waiter`.
   * @throws StoreError KV_PAIR_TOO_LARGE, KV_INVALID_VALUE, KV_OVERLOADED, KV_UNAVAILABLE: nothing was sent
   */
  send(key: KeyScratch, value: Value, order: WriteOrder, waiter: Waiter): number {
    const body =
      order.tombstone || typeof value === 'string' || value instanceof Uint8Array ? value : encodeCbor(value);
    const valueBytesMax = order.tombstone ? 0 : this.#bytesMax(key.length, body as string | Uint8Array);
    const expires = order.expiresAtMs !== 0;
    const contextWords = order.context === undefined ? 0 : vectorWords(order.context);
    const room = RECORD * 4 + recordBytes(key.length, valueBytesMax, expires) + contextWords * 4;
    const node = this.#router.route(key.slot, order.available, isLocal(order.w));
    const id = this.#requests.begin(node, (this.#seat.nowMs + order.deadlineMs) >>> 0, waiter);
    const to = addressOf(Role.coordinator, node, 0);
    if (!this.#seat.open(Kind.write, to, id, (room + 7) & ~7)) {
      this.#requests.end(id);
      throw new StoreError('KV_OVERLOADED', `the mailbox of node ${node} is full; slow down and try again`, { node });
    }
    const deadline = (this.#seat.nowMs + order.deadlineMs) >>> 0;
    this.#requests.extend(id, deadline, this.#latest(order.deadlineMs));
    this.#fill(key, body, value, order, room, to, id);
    return id;
  }

  /** The latest millisecond that the clock of a write may say which begins now. */
  #latest(deadlineMs: number): number {
    const session = this.#session;
    if (this.#requests.latestGivenUp > this.#latestGivenUp) {
      this.#latestGivenUp = this.#requests.latestGivenUp;
      session.gaveUp(this.#latestGivenUp);
    }
    return session.latest(this.#seat.wallMs, deadlineMs);
  }

  #bytesMax(keyBytes: number, body: string | Uint8Array): number {
    const exact = typeof body !== 'string' ? body.length : body.length > EXACT_CHARS ? Buffer.byteLength(body) : -1;
    if (keyBytes + (exact < 0 ? body.length : exact) > this.#pairBytesMax)
      throw tooLarge(keyBytes, body.length, this.#pairBytesMax);
    return exact < 0 ? body.length * 3 : exact;
  }

  #fill(key: KeyScratch, body: unknown, value: Value, order: WriteOrder, room: number, to: number, id: number): void {
    const { words, bytes, at } = this.#seat.out;
    const { context, expiresAtMs } = order;
    words[at + Write.deadline] = this.#seat.nowMs + order.deadlineMs;
    const asks = (context === undefined ? 0 : Ask.context) | (order.available ? Ask.available : 0);
    words[at + Write.options] = withEpoch(packOptions(order.w, order.durability, asks), this.#router.epoch);
    putNumber(words, at + Write.callerClock, this.#session.callerClock);
    words[at + Write.incarnation] = this.#requests.incarnationOf(id);
    words[at + Write.latest] = this.#requests.latestOf(id);
    const record = at + RECORD;
    const keyWords = key.keyWords;
    words[record + Rec.keyHash] = key.hash;
    words[record + Rec.keySlot] = key.keySlot;
    words[record + Rec.previous] = 0;
    for (let i = 0; i < keyWords; i++) words[record + Rec.key + i] = key.words[i];
    let word = record + Rec.key + keyWords;
    if (expiresAtMs !== 0) {
      putNumber(words, word, expiresAtMs);
      word += 2;
    }
    let length = 0;
    let tag = Tag.bytes;
    if (!order.tombstone) {
      const start = word * 4;
      if (typeof body === 'string') {
        length = bytes.utf8Write(body, start, room);
        tag = length === body.length ? Tag.ascii : Tag.utf8;
        if (key.length + length > this.#pairBytesMax) this.#giveUp(key.length, length, to, id);
      } else {
        length = (body as Uint8Array).length;
        bytes.set(body as Uint8Array, start);
        if (body !== value) tag = Tag.cbor;
      }
    }
    const size = recordBytes(key.length, length, expiresAtMs !== 0);
    const flags = (order.tombstone ? Flag.tombstone : 0) | (expiresAtMs !== 0 ? Flag.expires : 0);
    // what stood in the mailbox before must not travel on in the padding
    for (let i = word * 4 + length; i < record * 4 + size; i++) bytes[i] = 0;
    words[record + Rec.size] = size | (flags << 24);
    words[record + Rec.valueTag] = length | (tag << 24);
    this.#finish(at, record + size / 4, context, to);
  }

  /** Appends the context, and gives back the room that the value did not need. */
  #finish(at: number, end: number, context: VersionVector | undefined, to: number): void {
    const { words } = this.#seat.out;
    const contextWords = context === undefined ? 0 : encodeVector(words, end, context);
    const total = (end - at + contextWords) * 4;
    words[at + Head.size] = total | (Kind.write << 24);
    this.#seat.shrink(to, total);
  }

  /** A string turned out too long in UTF-8: nothing of it is sent. */
  #giveUp(keyBytes: number, valueBytes: number, to: number, id: number): never {
    this.#requests.end(id);
    this.#seat.shrink(to, 0);
    throw tooLarge(keyBytes, valueBytes, this.#pairBytesMax);
  }

  /** Takes the clock of a reply; its outcome. @throws StoreError as the coordinator says */
  confirm(message: MessageView): number {
    const outcome = message.u32(Written.outcome);
    const clock = getNumber(message.words, message.at + Written.clock) as Clock;
    if (isSuccess(outcome)) this.#session.heard(clock);
    else this.#failed(outcome, clock, message.u32(Written.detail));
    return outcome;
  }

  #failed(outcome: number, clock: Clock, detail: number): never {
    if (errorOf(outcome) === 'KV_DEADLINE_EXCEEDED') this.#session.refused(clock, this.#seat.wallMs);
    else this.#session.heard(clock);
    throw writeError(outcome, detail);
  }

  /** The result that a reply carries. @throws StoreError as the coordinator says */
  result(message: MessageView): WriteResult {
    const outcome = this.confirm(message);
    return {
      replicas: replicasOf(outcome),
      fallbacks: fallbacksOf(outcome),
      durability: durabilityName(durabilityOf(outcome)),
    };
  }
}

function tooLarge(keyBytes: number, valueBytes: number, pairBytesMax: number): StoreError {
  const message = `key (${keyBytes} bytes) and value (${valueBytes}) exceed pairBytesMax (${pairBytesMax}); raise it, or split the value`;
  return new StoreError('KV_PAIR_TOO_LARGE', message, { keyBytes, valueBytes, pairBytesMax });
}

/** The error that a failed outcome of a write stands for. */
function writeError(outcome: number, detail: number): StoreError {
  const code = errorOf(outcome);
  const needed = detail >>> 8;
  const got = detail & 0xff;
  switch (code) {
    case 'KV_WRITE_QUORUM_UNMET': {
      const message = `${got} of the ${needed} replicas needed confirmed; the write is indeterminate: it may yet spread`;
      return new StoreError(code, message, { needed, got });
    }
    case 'KV_UNAVAILABLE':
      return new StoreError(code, `${got} replicas of the key are up, ${needed} are needed; nothing was done`, {
        needed,
        got,
      });
    case 'KV_OVERLOADED':
      return new StoreError(code, 'the node’s memory waits for its disk; nothing was done, slow down and try again');
    case 'KV_STORAGE_FULL':
      return new StoreError(code, 'the disk of the coordinating node is full; free some room and try again');
    case 'KV_TOO_MANY_SIBLINGS':
      return new StoreError(
        code,
        'the write would leave too many siblings; read them, merge them, and put with the context',
      );
    case 'KV_CLOCK_DRIFT':
      return new StoreError(code, 'this thread’s hybrid clock is too far ahead of the node’s; check the system clocks');
    default:
      return new StoreError(code, `the write failed on its coordinator: ${code}`);
  }
}
