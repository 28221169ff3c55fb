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

/** Rings a thread that `Wake.claim` found asleep. */
export type Bell = (thread: number) => void;

/** Which tags are replies. */
const IS_REPLY: readonly boolean[] = NAME_OF_TAG.map((name) => name !== undefined && MESSAGES[name].kind === 'reply');

export class PostOffice {
  refused = 0;
  readonly #nodes: number;
  readonly #wake: Wake;
  readonly #bell: Bell;
  readonly #outgoing: (Outgoing | undefined)[] = [];
  #threads: number[] = [];

  /** `nodes`: how many threads of the host are nodes; clients' threads are numbered behind them. */
  constructor(nodes: number, wake: Wake, bell: Bell) {
    this.#nodes = nodes;
    this.#wake = wake;
    this.#bell = bell;
  }

  /** Thread that hosts the actor at this address. */
  threadOf(address: number): number {
    return roleOf(address) === Role.client ? this.#nodes + instanceOf(address) : nodeOf(address);
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

  /** The message opened last, to this thread, is only `bytes` long. */
  shrink(thread: number, bytes: number): void {
    this.#outgoing[thread]?.shrink(bytes);
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
