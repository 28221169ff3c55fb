/** What a client asks the vnodes of a partition themselves: a page of what one holds, and what of it has changed since. */
import { addressOf, Role } from '../actor/address.js';
import { StoreError } from '../core/errors.js';
import { bodyMessageBytes, encodeBody, putBody } from '../protocol/body.js';
import type { MessageView } from '../protocol/header.js';
import { PAGE_BYTES_MAX } from '../protocol/limits.js';
import { Kind, Scan } from '../protocol/messages.js';
import { Watch, type WatchStep } from '../protocol/watch-messages.js';
import type { Requests } from './requests.js';
import type { ScanBounds } from './scan-bounds.js';
import type { Seat } from './seat.js';
import { PromiseWaiter } from './waiters.js';

/** One replica of a partition, by the ring of an epoch. */
export interface Replica {
  readonly seat: Pick<Seat, 'nowMs' | 'open' | 'out'>;
  readonly requests: Pick<Requests, 'begin' | 'end' | 'extend'>;
  readonly node: number;
  readonly partition: number;
  readonly epoch: number;
  readonly deadlineMs: number;
}

interface Call<Reply> {
  readonly tag: Kind;
  readonly bytes: number;
  readonly fill: (words: Int32Array, bytes: Buffer, at: number, deadline: number) => void;
  readonly decode: (message: MessageView) => Reply;
}

/** The records of a page, as `decode` reads them. @throws StoreError KV_OVERLOADED, and what `decode` throws */
export function askPage<Reply>(
  replica: Replica,
  bounds: ScanBounds,
  decode: (message: MessageView) => Reply,
): Promise<Reply> {
  const body = encodeBody(bounds);
  return ask(replica, {
    tag: Kind.scan,
    bytes: bodyMessageBytes(Scan.body, body),
    decode,
    fill(words, bytes, at, deadline) {
      words[at + Scan.deadline] = deadline;
      words[at + Scan.bytesMax] = PAGE_BYTES_MAX;
      words[at + Scan.epoch] = replica.epoch;
      words[at + Scan.epoch + 1] = 0;
      putBody(words, bytes, at + Scan.body, body);
    },
  });
}

/** One step of a watch: see WatchStep. @throws StoreError KV_OVERLOADED, and what `decode` throws */
export function askChanges<Reply>(
  replica: Replica,
  { id, step }: { readonly id: number; readonly step: WatchStep },
  decode: (message: MessageView) => Reply,
): Promise<Reply> {
  return ask(replica, {
    tag: Kind.watch,
    bytes: Watch.end * 4,
    decode,
    fill(words, _bytes, at) {
      words[at + Watch.bytesMax] = PAGE_BYTES_MAX;
      words[at + Watch.epoch] = replica.epoch;
      words[at + Watch.id] = id;
      words[at + Watch.step] = step;
    },
  });
}

function ask<Reply>(replica: Replica, { tag, bytes, fill, decode }: Call<Reply>): Promise<Reply> {
  const { seat, requests, node, partition, deadlineMs } = replica;
  return new Promise((resolve, reject) => {
    const id = requests.begin(node, (seat.nowMs + deadlineMs) >>> 0, new PromiseWaiter(decode, resolve, reject));
    if (!seat.open(tag, addressOf(Role.vnode, node, partition), id, bytes)) {
      requests.end(id);
      throw new StoreError('KV_OVERLOADED', `the mailbox of node ${node} is full; slow down and try again`, { node });
    }
    const deadline = (seat.nowMs + deadlineMs) >>> 0;
    requests.extend(id, deadline);
    const { words, bytes: target, at } = seat.out;
    fill(words, target, at, deadline);
  });
}
