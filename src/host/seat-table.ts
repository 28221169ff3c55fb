/**
 * The seats of a host: each thread that uses the store has one, with mailboxes to and from every node that there is room
 * for, and the bells that wake it.
 */
import { randomInt } from 'node:crypto';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { StoreError } from '../core/errors.js';
import { allocateMailbox } from '../runtime/mailbox.js';
import type { ControlLink } from './control.js';
import type { ThreadMap } from './thread-map.js';

/** What a thread needs to take part: mailboxes to and from each node. */
export interface SeatParts {
  readonly seat: number;
  /** Tells this thread from earlier ones on the same seat, whose late replies are not its own; 12 bits. */
  readonly tenancy: number;
  /** To the thread of each node, and to the bridge. */
  readonly outboxes: readonly SharedArrayBuffer[];
  /** From them. */
  readonly inboxes: readonly SharedArrayBuffer[];
}

interface TakenSeat extends SeatParts {
  /** Gives the seat's thread the bell of a thread that was started anew. */
  readonly replaceBell: (thread: number, bell: MessagePort) => void;
}

/** How the host gives a thread its seats. */
export type SeatLink = Pick<ControlLink, 'attachSeat' | 'detachSeat'>;

/** The threads that run, of nodes and of the bridge, each with its control plane. */
export type Links = () => Iterable<readonly [thread: number, link: SeatLink]>;

export class SeatTable {
  readonly #map: ThreadMap;
  readonly #links: Links;
  readonly #taken = new Map<number, TakenSeat>();
  /** Begins anywhere: an earlier process of this host may have late replies on their way to the same seats. */
  #tenancy = randomInt(0x1000);

  constructor(map: ThreadMap, links: Links) {
    this.#map = map;
    this.#links = links;
  }

  /** Takes a free seat for a thread. @throws StoreError KV_TOO_MANY_HANDLES */
  take(replaceBell: TakenSeat['replaceBell']): SeatParts {
    let seat = 0;
    while (this.#taken.has(seat)) seat++;
    if (seat >= this.#map.seats) {
      const message = `all ${this.#map.seats - 1} seats are taken; raise handlesMax or close a store`;
      throw new StoreError('KV_TOO_MANY_HANDLES', message);
    }
    const boxes = () => Array.from({ length: this.#map.room + 1 }, () => allocateMailbox(this.#map.mailboxBytes));
    this.#tenancy = (this.#tenancy + 1) & 0xfff;
    const taken = { seat, tenancy: this.#tenancy, outboxes: boxes(), inboxes: boxes(), replaceBell };
    this.#taken.set(seat, taken);
    for (const [thread, link] of this.#links()) void this.#introduce(taken, thread, link, true).catch(() => undefined);
    return taken;
  }

  async #introduce(taken: TakenSeat, thread: number, link: SeatLink, fresh: boolean): Promise<void> {
    const { port1, port2 } = new MessageChannel();
    taken.replaceBell(thread, port1);
    const { seat, outboxes, inboxes } = taken;
    await link.attachSeat({ seat, inbox: outboxes[thread], outbox: inboxes[thread], fresh }, port2);
  }

  /** A thread has begun another life: gives it every seat. */
  async introduceAll(thread: number, link: SeatLink): Promise<void> {
    await Promise.all([...this.#taken.values()].map((taken) => this.#introduce(taken, thread, link, false)));
  }

  /** The thread of a seat is gone, or done. */
  async release(seat: number): Promise<void> {
    if (!this.#taken.delete(seat)) return;
    await Promise.allSettled([...this.#links()].map(([, link]) => link.detachSeat(seat)));
  }

  values(): Iterable<SeatParts> {
    return this.#taken.values();
  }
}
