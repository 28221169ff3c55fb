/**
 * Replies of one connection that cannot be written yet, in the order of their requests.
 *
 *     [ waits for the store | done | done | waits ... ]     written from the left, as far as they are done
 *
 * A synchronous reply behind one that waits is kept as its bytes. Connections whose replies are all synchronous never
 * have an entry here.
 */
import { errorText, type Reply } from './command-spec.js';
import type { RespProtocol, RespWriter } from './resp-writer.js';
import type { ErrorForm } from './session.js';

export class ReplySlot {
  private reply: Reply | undefined;
  private bytes: Buffer | undefined;

  constructor(
    private readonly protocol: RespProtocol,
    readonly inputBytes: number,
  ) {}

  get done(): boolean {
    return this.reply !== undefined || this.bytes !== undefined;
  }

  /** What to write once the slot is the first. */
  complete(reply: Reply): void {
    this.reply = reply;
  }

  /** What it keeps as bytes, or as values that are as many. */
  get length(): number {
    return this.bytes?.length ?? this.reply?.share?.bytes ?? 0;
  }

  /** Nobody takes it: it keeps nothing any more. */
  drop(): void {
    this.reply?.share?.release();
  }

  completeWith(bytes: Buffer): void {
    this.bytes = bytes;
  }

  write(out: RespWriter): void {
    out.protocol = this.protocol;
    if (this.bytes !== undefined) out.raw(this.bytes);
    else this.reply?.(out);
  }
}

export class ReplyQueue {
  private slots: ReplySlot[] = [];
  private head = 0;
  private dropped = false;
  /** What replies take that are there and wait for one before them. */
  keptBytes = 0;
  /** What commands take whose replies are not there. */
  pendingBytes = 0;

  get length(): number {
    return this.slots.length - this.head;
  }

  /** A reply that is there already, behind those that wait; it is kept as its bytes. */
  keep(protocol: RespProtocol, bytes: Buffer): void {
    this.push(protocol, 0).completeWith(bytes);
    this.keptBytes += bytes.length;
  }

  /** The place of a reply that comes later, to a command of so many bytes. */
  push(protocol: RespProtocol, inputBytes: number): ReplySlot {
    const slot = new ReplySlot(protocol, inputBytes);
    this.slots.push(slot);
    this.pendingBytes += inputBytes;
    return slot;
  }

  /** Whether it is the next to be written. */
  isNext(slot: ReplySlot): boolean {
    return this.slots[this.head] === slot;
  }

  complete(slot: ReplySlot, reply: Reply): void {
    slot.complete(reply);
    this.pendingBytes -= slot.inputBytes;
    if (this.dropped) slot.drop();
    else this.keptBytes += slot.length;
  }

  /** The client has gone: what is there, and what is yet to come, is for nobody. */
  drop(): void {
    this.dropped = true;
    for (const slot of this.slots) slot.drop();
    this.slots = [];
    this.head = 0;
    this.keptBytes = 0;
  }

  /** Writes the first reply if it is done; false where it is not, or where there is none. O(1) amortised. */
  writeNext(out: RespWriter, errorForm: ErrorForm): boolean {
    const slot = this.slots[this.head];
    if (slot === undefined || !slot.done) return false;
    this.head += 1;
    this.keptBytes -= slot.length;
    if (this.head === this.slots.length) {
      this.slots = [];
      this.head = 0;
    } else if (this.head >= 1_024 && this.head * 2 >= this.slots.length) {
      this.slots = this.slots.slice(this.head);
      this.head = 0;
    }
    const mark = out.length;
    try {
      slot.write(out);
    } catch (thrown) {
      out.truncate(mark);
      out.error(errorText(thrown, errorForm));
    }
    slot.drop();
    return true;
  }
}
