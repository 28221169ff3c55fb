/** The writes that travel in one request, and whom to tell how each of them ended. */
import type { StoreError } from '../core/errors.js';
import { WroteMany } from '../protocol/batch-messages.js';
import type { MessageView } from '../protocol/header.js';
import type { Waiter } from './requests.js';

/** Who made a write, or several, which `index` tells apart. Neither call may throw. */
export interface Member {
  /** The reply says how the write ended; it begins like a `written`. */
  settled(index: number, reply: MessageView): void;
  failed(index: number, error: StoreError): void;
}

export class WriteMembers implements Waiter {
  /** Undefined once it was told. */
  readonly #members: (Member | undefined)[] = [];
  readonly #indices: number[] = [];

  get count(): number {
    return this.#members.length;
  }

  add(member: Member, index: number): void {
    this.#members.push(member);
    this.#indices.push(index);
  }

  /** The reply to a write that was sent alone. */
  settle(message: MessageView): void {
    this.#settle(0, 1, message);
  }

  settleSome(message: MessageView): number {
    const first = message.u32(WroteMany.first);
    const count = message.u32(WroteMany.count);
    const end = count === 0 ? this.count : Math.min(this.count, first + count);
    return this.#settle(first, end, message);
  }

  #settle(first: number, end: number, message: MessageView): number {
    let settled = 0;
    for (let i = first; i < end; i++) {
      const member = this.#members[i];
      if (member === undefined) continue;
      this.#members[i] = undefined;
      settled++;
      member.settled(this.#indices[i], message);
    }
    return settled;
  }

  fail(error: StoreError): void {
    for (let i = 0; i < this.count; i++) {
      const member = this.#members[i];
      this.#members[i] = undefined;
      member?.failed(this.#indices[i], error);
    }
  }
}
