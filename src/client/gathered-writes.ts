/** The records of one message that is still being gathered, one behind the other, and what all of them ask for. */
import { BATCH_BYTES_MAX } from '../protocol/limits.js';
import type { WriteMembers } from './write-members.js';
import type { WriteOrder } from './writes.js';

/** Writes of one message at most: a row of the request table counts them in 16 bits. */
const MEMBERS_MAX = 1_024;

export class GatheredWrites {
  readonly words = new Int32Array(BATCH_BYTES_MAX / 4);
  readonly bytes: Buffer = Buffer.from(this.words.buffer);
  /** Words that the records take. */
  used = 0;
  id = 0;
  epoch = 0;
  /** Undefined while nothing is gathered. */
  members: WriteMembers | undefined;
  #order: WriteOrder | undefined;

  get order(): WriteOrder {
    return this.#order as WriteOrder;
  }

  begin(members: WriteMembers, id: number, order: WriteOrder, epoch: number): void {
    this.members = members;
    this.id = id;
    this.epoch = epoch;
    this.#order = order;
  }

  /** Whether a write can travel with what was gathered. */
  takes(order: WriteOrder, epoch: number, room: number): boolean {
    const { members, epoch: own } = this;
    if (members === undefined) return true;
    const hasRoom = this.used * 4 + room <= BATCH_BYTES_MAX && members.count < MEMBERS_MAX;
    return hasRoom && epoch === own && (order === this.#order || asksAlike(order, this.order));
  }

  end(): void {
    this.members = undefined;
    this.#order = undefined;
    this.used = 0;
  }
}

/** Whether two writes have the same fields: lifetime and kind stand in the record. */
function asksAlike(one: WriteOrder, other: WriteOrder): boolean {
  return (
    one.w === other.w &&
    one.durability === other.durability &&
    one.available === other.available &&
    one.deadlineMs === other.deadlineMs
  );
}
