/** The writes that travel in one request, and whom to tell how each of them ended. */
import type { StoreError } from '../core/errors.js';
import { WroteMany } from '../protocol/batch-messages.js';
import type { MessageView } from '../protocol/header.js';
import type { Waiter } from './requests.js';
import type { Key } from './types.js';
import type { WriteOrder } from './writes.js';

/** What a write asks for, as far as other writes of its key must know. */
export interface AskedWrite {
  readonly key: Key;
  readonly order: WriteOrder;
}

/** Who made a write, or several, which `index` tells apart. Neither call may throw. */
export interface Member {
  /** The reply says how the write ended; it begins like a `written`. */
  settled(index: number, reply: MessageView): void;
  failed(index: number, error: StoreError): void;
  asked?(index: number): AskedWrite | undefined;
  /** No longer pauses before it sends again what was refused: it will be told how that ends. Left out by who repeats writes in its own time. */
  rest?(): void;
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

  /** Who made the write that is alone here. */
  get only(): { readonly member: Member; readonly index: number } | undefined {
    const [member] = this.#members;
    return member === undefined || this.count > 1 ? undefined : { member, index: this.#indices[0] };
  }

  /** Has another be told, of each write that has not ended, where there is one; its index is 0 then. */
  replaceEach(replace: (member: Member, index: number) => Member | undefined): void {
    for (let i = 0; i < this.count; i++) {
      const member = this.#members[i];
      const other = member === undefined ? undefined : replace(member, this.#indices[i]);
      if (other === undefined) continue;
      this.#members[i] = other;
      this.#indices[i] = 0;
    }
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
