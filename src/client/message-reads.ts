/** Reads by messages: a coordinator on a node asks R replicas, joins what they hold, and answers with one record. */
import { addressOf, Role } from '../actor/address.js';
import { StoreError } from '../core/errors.js';
import { emptySet, type SiblingSet } from '../core/siblings.js';
import type { MessageView } from '../protocol/header.js';
import { Answer, Kind, Read } from '../protocol/messages.js';
import {
  Ask,
  errorOf,
  fallbacksOf,
  isLocal,
  isSuccess,
  packOptions,
  replicasOf,
  withEpoch,
} from '../protocol/outcome.js';
import { decodeRecord } from '../protocol/record-set.js';
import type { ReadOrder } from './call-options.js';
import type { KeyScratch } from './key-scratch.js';
import type { Requests, Waiter } from './requests.js';
import type { Router } from './router.js';
import type { Seat } from './seat.js';

export interface SetAnswer {
  readonly set: SiblingSet;
  readonly replicas: number;
  /** Nodes that answered in place of primaries. */
  readonly fallbacks: number;
}

export class MessageReads {
  messageReads = 0;
  readonly #seat: Seat;
  readonly #requests: Requests;
  readonly #router: Router;

  constructor(seat: Seat, requests: Requests, router: Router) {
    this.#seat = seat;
    this.#requests = requests;
    this.#router = router;
  }

  /** Sends the read; its id. @throws StoreError KV_OVERLOADED, KV_UNAVAILABLE */
  send(key: KeyScratch, order: ReadOrder, waiter: Waiter): number {
    this.messageReads++;
    const node = this.#router.route(key.slot, order.available, isLocal(order.r));
    const id = this.#requests.begin(node, (this.#seat.nowMs + order.deadlineMs) >>> 0, waiter);
    const bytes = (Read.key * 4 + key.keyWords * 4 + 7) & ~7;
    if (!this.#seat.open(Kind.read, addressOf(Role.coordinator, node, 0), id, bytes)) {
      this.#requests.end(id);
      throw new StoreError('KV_OVERLOADED', `the mailbox of node ${node} is full; slow down and try again`, { node });
    }
    const deadline = (this.#seat.nowMs + order.deadlineMs) >>> 0;
    this.#requests.extend(id, deadline);
    const { words, at } = this.#seat.out;
    words[at + Read.deadline] = deadline;
    const flags = (order.monotonic ? Ask.monotonic : 0) | (order.available ? Ask.available : 0);
    words[at + Read.options] = withEpoch(packOptions(order.r, 0, flags), this.#router.epoch);
    words[at + Read.keyHash] = key.hash;
    words[at + Read.keySlot] = key.keySlot;
    for (let i = 0; i < key.keyWords; i++) words[at + Read.key + i] = key.words[i];
    return id;
  }
}

/** What an `answered` message carries, copied. @throws StoreError as the coordinator says */
export function decodeAnswer(message: MessageView): SetAnswer {
  const outcome = message.u32(Answer.outcome);
  const detail = message.u32(Answer.detail);
  if (!isSuccess(outcome)) throw readError(outcome, detail);
  const set = (detail & 1) === 0 ? emptySet() : decodeRecord(message.words, message.bytes, message.at + Answer.record);
  return { set, replicas: replicasOf(outcome), fallbacks: fallbacksOf(outcome) };
}

function readError(outcome: number, detail: number): StoreError {
  const code = errorOf(outcome);
  const needed = detail >>> 8;
  const got = detail & 0xff;
  if (code === 'KV_READ_QUORUM_UNMET') {
    return new StoreError(code, `${got} of the ${needed} replicas needed answered`, { needed, got });
  }
  if (code === 'KV_CORRUPT') {
    return new StoreError(code, 'a replica’s record failed its checksum and too few others could answer', {
      needed,
      got,
    });
  }
  if (code === 'KV_TOO_MANY_SIBLINGS') {
    return new StoreError(
      code,
      'the siblings of the key are together more than a record holds (16 MiB): put it without a context, which replaces them',
    );
  }
  return new StoreError(code, `the read failed on its coordinator: ${code}`);
}
