/**
 * All that one thread sends: one Outgoing for each other thread of the host. What is opened in a turn leaves with
 * `publish`, which wakes each receiver that sleeps, once.
 */
import { instanceOf, nodeOf, Role, roleOf } from '../actor/address.js';
import type { Outbound } from '../actor/env.js';
import { putHeader } from '../protocol/header.js';
import { MESSAGES, NAME_OF_TAG } from '../protocol/messages.js';
import { Outgoing } from './outgoing.js';
import type { Wake } from './wake.js';

/** The nodes of a host: [first, first + room) of the ring's indices, whether they are members or not. */
export interface NodeRange {
  readonly first: number;
  readonly room: number;
}

/** Seats that a host may have; clients with a greater instance are those of other hosts. */
export const SEATS_MAX = 256;

/** Thread of a node of this host, if it is one. */
export function nodeThread({ first, room }: NodeRange, node: number): number | undefined {
  const thread = node - first;
  return thread >= 0 && thread < room ? thread : undefined;
}

/** Thread of the bridge: behind those of the nodes. */
export const bridgeThread = ({ room }: NodeRange): number => room;

/** Thread of a seat: behind the bridge. */
export const seatThread = ({ room }: NodeRange, seat: number): number => room + 1 + seat;

/** Rings a thread that `Wake.claim` found asleep. */
export type Bell = (thread: number) => void;

/** Which tags are replies. */
const IS_REPLY: readonly boolean[] = NAME_OF_TAG.map((name) => name !== undefined && MESSAGES[name].kind === 'reply');

export class PostOffice {
  refused = 0;
  readonly #first: number;
  readonly #room: number;
  readonly #wake: Wake;
  readonly #bell: Bell;
  readonly #outgoing: (Outgoing | undefined)[] = [];
  #threads: number[] = [];

  constructor({ first, room }: NodeRange, wake: Wake, bell: Bell) {
    this.#first = first;
    this.#room = room;
    this.#wake = wake;
    this.#bell = bell;
  }

  /** Thread of this host that a message to this address goes to: that of the bridge for whoever is elsewhere. */
  threadOf(address: number): number {
    if (roleOf(address) === Role.client) {
      const seat = instanceOf(address);
      return seat < SEATS_MAX ? this.#room + 1 + seat : this.#room;
    }
    const thread = nodeOf(address) - this.#first;
    return thread >= 0 && thread < this.#room ? thread : this.#room;
  }

  connect(thread: number, mailbox: SharedArrayBuffer): void {
    this.#outgoing[thread] = new Outgoing(mailbox);
    if (!this.#threads.includes(thread)) this.#threads.push(thread);
  }

  disconnect(thread: number): void {
    this.#outgoing[thread] = undefined;
    this.#threads = this.#threads.filter((other) => other !== thread);
  }

  /** Whether anything waits for a full mailbox: nobody wakes us when it has room. */
  get waiting(): boolean {
    for (const thread of this.#threads) if (this.waitingBytes(thread) > 0) return true;
    return false;
  }

  /** Bytes that wait for any. */
  get allWaitingBytes(): number {
    let bytes = 0;
    for (const thread of this.#threads) bytes += this.waitingBytes(thread);
    return bytes;
  }

  /** Bytes that wait for this thread's mailbox to have room. */
  waitingBytes(thread: number): number {
    return this.#outgoing[thread]?.waitingBytes ?? 0;
  }

  /** Opens a message on behalf of handler number `handler`; false where it is refused or nobody is there. */
  open(out: Outbound, bytes: number, tag: number, to: number, from: number, request: number, handler: number): boolean {
    const outgoing = this.#outgoing[this.threadOf(to)];
    if (outgoing === undefined || !outgoing.open(out, bytes, handler, IS_REPLY[tag])) {
      this.refused++;
      return false;
    }
    putHeader(out.words, out.at, tag, bytes, to, from, request);
    return true;
  }

  /** The message opened last, to this address, is only `bytes` long. */
  shrink(to: number, bytes: number): void {
    this.#outgoing[this.threadOf(to)]?.shrink(bytes);
  }

  undo(handler: number): void {
    for (const thread of this.#threads) this.#outgoing[thread]?.undo(handler);
  }

  /** Sends what was opened, and wakes the receivers that sleep. */
  publish(): void {
    for (const thread of this.#threads) {
      const outgoing = this.#outgoing[thread] as Outgoing;
      if (outgoing.publish() && this.#wake.claim(thread)) this.#bell(thread);
    }
  }
}
