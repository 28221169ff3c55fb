/**
 * Encodes writes straight into the mailbox of the node that coordinates them, and turns the replies into results.
 */
import { addressOf, Role } from '../actor/address.js';
import type { Clock } from '../core/ids.js';
import { SessionClock } from '../core/session-clock.js';
import type { VersionVector } from '../core/version-vector.js';
import { Head, type MessageView } from '../protocol/header.js';
import { Kind, Write, Written } from '../protocol/messages.js';
import { Ask, errorOf, isLocal, isSuccess, packOptions, withEpoch } from '../protocol/outcome.js';
import { getNumber, putNumber } from '../protocol/record.js';
import { encodeVector, vectorWords } from '../protocol/record-set.js';
import type { KeyScratch } from './key-scratch.js';
import type { PipelinedWrite } from './pipelined-write.js';
import { Pipelines } from './pipelines.js';
import { bodyOf, putRecord, roomFor, tooLarge } from './record-writer.js';
import type { Requests, Waiter } from './requests.js';
import type { Router } from './router.js';
import type { Seat } from './seat.js';
import type { Value, WriteResult } from './types.js';
import { WriteBatches } from './write-batches.js';
import { mailboxFull, writeError, writeResult } from './write-outcomes.js';

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

/** What writes need of their thread's seat, and of what says where they go. */
export type WriteSeat = Pick<
  Seat,
  'nowMs' | 'wallMs' | 'out' | 'open' | 'shrink' | 'beginTick' | 'beforePublish' | 'publishEarly'
>;
export type WriteRouter = Pick<Router, 'route' | 'epoch' | 'slotShift'>;

/** What nodes refuse. */
export interface WriteLimits {
  readonly pairBytesMax: number;
  /** A caller whose clock is further ahead than this, in milliseconds. */
  readonly clockDriftMaxMs: number;
}

const RECORD = Write.record;

export class Writes {
  readonly #seat: WriteSeat;
  readonly #requests: Requests;
  readonly #pairBytesMax: number;
  readonly #router: WriteRouter;
  readonly #session: SessionClock;
  /** The writes of this tick that leave together. */
  readonly batches: WriteBatches;
  readonly pipelines: Pipelines;
  #latestGivenUp = 0;

  constructor(
    seat: WriteSeat,
    requests: Requests,
    { pairBytesMax, clockDriftMaxMs }: WriteLimits,
    router: WriteRouter,
  ) {
    this.#seat = seat;
    this.#session = new SessionClock(clockDriftMaxMs);
    this.batches = new WriteBatches({ seat, requests, router, pairBytesMax, writes: this });
    this.pipelines = new Pipelines({
      requests,
      slotShift: router.slotShift,
      confirm: (reply) => this.confirm(reply),
      leftMs: (reply) => (requests.deadlineOf(reply.request) - seat.nowMs) | 0,
      flushAll: () => this.batches.flushAll(),
    });
    this.#requests = requests;
    this.#pairBytesMax = pairBytesMax;
    this.#router = router;
  }

  /**
   * Sends one write; returns its request id. The reply settles `waiter`.
   * @throws StoreError KV_PAIR_TOO_LARGE, KV_INVALID_VALUE, KV_OVERLOADED, KV_UNAVAILABLE: nothing was sent
   */
  send(key: KeyScratch, value: Value, order: WriteOrder, waiter: Waiter): number {
    const body = bodyOf(value, order);
    const recordRoom = roomFor(key, body, order, this.#pairBytesMax);
    const contextWords = order.context === undefined ? 0 : vectorWords(order.context);
    const room = RECORD * 4 + recordRoom + contextWords * 4;
    const isNear = isLocal(order.w);
    const node = this.#router.route(key.slot, order.available, isNear);
    const pipelined = this.pipelines.isUsual(key.slot, isNear, node)
      ? undefined
      : this.#follow(key, isNear, node, waiter);
    // what was written before leaves before
    this.batches.flush(node);
    const id = this.begin(node, order, pipelined ?? waiter);
    const to = addressOf(Role.coordinator, node, 0);
    if (!this.#seat.open(Kind.write, to, id, (room + 7) & ~7)) {
      this.#requests.end(id);
      throw mailboxFull(node);
    }
    const { words, at } = this.#seat.out;
    this.putFields(at, order, id);
    const isCbor = body !== value;
    const size = putRecord(this.#seat.out, at + RECORD, key, body, isCbor, order, recordRoom, this.#pairBytesMax);
    if (size < 0) this.#giveUp(key.length, ~size, to, id);
    const end = at + RECORD + size / 4;
    const total = (end - at + (order.context === undefined ? 0 : encodeVector(words, end, order.context))) * 4;
    words[at + Head.size] = total | (Kind.write << 24);
    this.#seat.shrink(to, total);
    if (pipelined !== undefined) this.pipelines.sent(pipelined);
    return id;
  }

  #follow(key: KeyScratch, isNear: boolean, node: number, { only }: Waiter): PipelinedWrite | undefined {
    return only === undefined ? undefined : this.pipelines.follow({ key, isNear, node, ...only });
  }

  /** Opens the request of a write to a node; its id. @throws StoreError KV_OVERLOADED: nothing was sent */
  begin(node: number, { deadlineMs }: WriteOrder, waiter: Waiter): number {
    const seat = this.#seat;
    seat.beginTick();
    const deadline = (seat.nowMs + deadlineMs) >>> 0;
    const id = this.#requests.begin(node, deadline, waiter);
    this.#requests.extend(id, deadline, this.#latest(deadlineMs));
    return id;
  }

  /** Writes the fields of a write, or of many, whose header stands at `at` of what the seat has opened. */
  putFields(at: number, order: WriteOrder, id: number, epoch = this.#router.epoch): void {
    const { words } = this.#seat.out;
    // of what was given up since it began, later members of a batch must be newer: they come behind their latest, and go again
    this.#learnGivenUp();
    words[at + Write.deadline] = this.#requests.deadlineOf(id);
    const asks = (order.context === undefined ? 0 : Ask.context) | (order.available ? Ask.available : 0);
    words[at + Write.options] = withEpoch(packOptions(order.w, order.durability, asks), epoch);
    putNumber(words, at + Write.callerClock, this.#session.callerClock);
    words[at + Write.incarnation] = this.#requests.incarnationOf(id);
    words[at + Write.latest] = this.#requests.latestOf(id);
  }

  /** The latest millisecond that the clock of a write may say which begins now. */
  #latest(deadlineMs: number): number {
    this.#learnGivenUp();
    return this.#session.latest(this.#seat.wallMs, deadlineMs);
  }

  /** The session gets ahead of the writes that were given up. */
  #learnGivenUp(): void {
    const { latestGivenUp } = this.#requests;
    if (latestGivenUp <= this.#latestGivenUp) return;
    this.#latestGivenUp = latestGivenUp;
    this.#session.gaveUp(latestGivenUp);
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
    if (errorOf(outcome) === 'KV_DEADLINE_EXCEEDED') this.#session.refused(clock, detail, this.#seat.wallMs);
    else this.#session.heard(clock);
    throw writeError(outcome, detail);
  }

  /** The result that a reply carries. @throws StoreError as the coordinator says */
  result(message: MessageView): WriteResult {
    return writeResult(this.confirm(message));
  }
}
