/**
 * The writes of one key that a client asks for, whether it waits between them or not: of two that were acknowledged the later
 * one has the newer clock, by which a reader takes it for the newest.
 */
import type { Call, WriteCall } from './calls.js';
import { nameOf } from './judge.js';
import type { Observer } from './observer.js';

export class CallOrder {
  readonly #observer: Observer;
  /** Acknowledged writes, by client and key. */
  readonly #acked = new Map<string, WriteCall[]>();

  constructor(observer: Observer) {
    this.#observer = observer;
  }

  add(call: Call): void {
    if (call.kind !== 'write' || call.error !== undefined) return;
    const { client, order, position, clock } = call;
    const name = `${client} ${order.key}`;
    const others = this.#acked.get(name) ?? [];
    for (const other of others) {
      if (other.position < position === other.clock < clock) continue;
      const [first, second] = other.position < position ? [other, call] : [call, other];
      this.#observer.problem(
        `client ${client} wrote ${nameOf(first)} before ${nameOf(second)}, and it is newer`,
        order.key,
      );
    }
    others.push(call);
    this.#acked.set(name, others);
  }
}
