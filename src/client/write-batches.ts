/**
 * The writes that a thread makes in one tick, gathered into one message for each node that coordinates some of them. What
 * such a message asks for holds for all of its writes; one that asks for something else, that has a context, or that is too
 * large sends off what was gathered before it, so that a key's writes leave in their order.
 */
import { addressOf, Role } from '../actor/address.js';
import { BATCH_BYTES_MAX } from '../protocol/limits.js';
import { Kind, Write } from '../protocol/messages.js';
import { isLocal } from '../protocol/outcome.js';
import { copyWords } from '../protocol/record.js';
import { GatheredWrites } from './gathered-writes.js';
import type { KeyScratch } from './key-scratch.js';
import { bodyOf, putRecord, roomFor, tooLarge } from './record-writer.js';
import type { Requests } from './requests.js';
import type { Value } from './types.js';
import { type Member, WriteMembers } from './write-members.js';
import { mailboxFull } from './write-outcomes.js';
import type { WriteOrder, WriteRouter, WriteSeat, Writes } from './writes.js';

/** Writes for one node that leave before the tick ends: it is at work while the others are being encoded. */
const EARLY_WRITES = 128;

export interface WriteBatchesParts {
  readonly seat: WriteSeat;
  readonly requests: Requests;
  readonly router: WriteRouter;
  readonly pairBytesMax: number;
  readonly writes: Pick<Writes, 'begin' | 'putFields' | 'send' | 'pipelines'>;
}

export class WriteBatches {
  readonly #parts: WriteBatchesParts;
  /** By node. */
  readonly #gathered: (GatheredWrites | undefined)[] = [];
  /** Nodes for which something is gathered. */
  readonly #waiting: number[] = [];

  constructor(parts: WriteBatchesParts) {
    this.#parts = parts;
    parts.seat.beforePublish = () => this.flushAll();
  }

  /**
   * Adds a write, which leaves with the tick, and whose end `member` is told under `index`.
   * @throws StoreError KV_PAIR_TOO_LARGE, KV_INVALID_VALUE, KV_OVERLOADED, KV_UNAVAILABLE: it is not written
   */
  add(key: KeyScratch, value: Value, order: WriteOrder, member: Member, index: number): void {
    const { router, pairBytesMax, writes } = this.#parts;
    const body = bodyOf(value, order);
    const room = roomFor(key, body, order, pairBytesMax);
    if (room > BATCH_BYTES_MAX || order.context !== undefined) {
      const alone = new WriteMembers();
      alone.add(member, index);
      writes.send(key, value, order, alone);
      return;
    }
    const isNear = isLocal(order.w);
    const node = router.route(key.slot, order.available, isNear);
    const isCbor = body !== value;
    if (writes.pipelines.isUsual(key.slot, isNear, node)) {
      this.#gather(node, key, body, isCbor, order, room, member, index);
      return;
    }
    const pipelined = writes.pipelines.follow({ key, isNear, node, member, index });
    const told = pipelined ?? member;
    this.#gather(node, key, body, isCbor, order, room, told, pipelined === undefined ? index : 0);
    if (pipelined !== undefined) writes.pipelines.sent(pipelined);
  }

  #gather(
    node: number,
    key: KeyScratch,
    body: Value,
    isCbor: boolean,
    order: WriteOrder,
    room: number,
    member: Member,
    index: number,
  ): void {
    const { seat, router, requests, pairBytesMax, writes } = this.#parts;
    const { epoch } = router;
    const gathered = this.#of(node);
    if (!gathered.takes(order, epoch, room)) this.flush(node);
    const size = putRecord(gathered, gathered.used, key, body, isCbor, order, room, pairBytesMax);
    if (size < 0) throw tooLarge(key.length, ~size, pairBytesMax);
    if (gathered.members !== undefined) requests.join(gathered.id);
    else {
      const members = new WriteMembers();
      gathered.begin(members, writes.begin(node, order, members), order, epoch);
      this.#waiting.push(node);
    }
    gathered.used += size >>> 2;
    gathered.members?.add(member, index);
    if ((gathered.members?.count ?? 0) < EARLY_WRITES) return;
    this.flush(node);
    seat.publishEarly();
  }

  #of(node: number): GatheredWrites {
    this.#gathered[node] ??= new GatheredWrites();
    return this.#gathered[node];
  }

  /** Opens the messages of all nodes. */
  flushAll(): void {
    while (this.#waiting.length > 0) this.flush(this.#waiting[0]);
  }

  /** Opens the message with what was gathered for a node. */
  flush(node: number): void {
    const gathered = this.#gathered[node];
    if (gathered?.members === undefined) return;
    this.#waiting.splice(this.#waiting.indexOf(node), 1);
    const { seat, requests, writes } = this.#parts;
    const { id, order, used, epoch, members } = gathered;
    const tag = members.count === 1 ? Kind.write : Kind.writeMany;
    const bytes = (Write.record + used) * 4;
    gathered.end();
    if (!seat.open(tag, addressOf(Role.coordinator, node, 0), id, bytes)) {
      requests.end(id)?.fail(mailboxFull(node));
      return;
    }
    const { words, at } = seat.out;
    writes.putFields(at, order, id, epoch);
    copyWords(gathered.words, 0, words, at + Write.record, used);
  }
}
