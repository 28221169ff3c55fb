/**
 * A thread's writes as the store makes them, over mailboxes that a test empties: each message lies there until the test has
 * its node take it, which mints as a vnode does, or refuse it.
 */

import { nodeOf } from '../../src/actor/address.js';
import { KeyScratch } from '../../src/client/key-scratch.js';
import { Requests } from '../../src/client/requests.js';
import { Batch, PromiseWaiter, type Repeater } from '../../src/client/waiters.js';
import { type WriteSender, WriteWaiter } from '../../src/client/write-waiter.js';
import { type WriteOrder, Writes } from '../../src/client/writes.js';
import { tick, wallMsOf } from '../../src/core/hybrid-clock.js';
import { clock as asClock, type Clock } from '../../src/core/ids.js';
import type { ErrorCode, StoreError, WriteResult } from '../../src/index.js';
import { WroteMany } from '../../src/protocol/batch-messages.js';
import { MessageView, putHeader } from '../../src/protocol/header.js';
import { Kind, Write, Written } from '../../src/protocol/messages.js';
import { failure, success } from '../../src/protocol/outcome.js';
import { getNumber, putNumber, sizeOf } from '../../src/protocol/record.js';
import { decodeRecord, keyParts } from '../../src/protocol/record-set.js';

export const ORDER: WriteOrder = {
  w: 2,
  durability: 1,
  deadlineMs: 5_000,
  expiresAtMs: 0,
  tombstone: false,
  available: false,
  context: undefined,
};

interface Mail {
  readonly node: number;
  readonly id: number;
  readonly words: Int32Array;
}

export interface Held {
  readonly value: string;
  readonly clock: number;
}

const SLOT_SHIFT = 6;

export class PipelineLab {
  readonly requests: Requests;
  readonly writes: Writes;
  readonly paused = { count: 0, dropped: (waiter: object) => this.writes.pipelines.dropped(waiter) };
  /** Messages that no node has taken, oldest first. */
  readonly mail: Mail[] = [];
  /** What each node has minted of a key, newest last. */
  readonly held = new Map<string, Held[]>();
  /** The node that coordinates from now on. */
  node = 0;
  /** Clocks of the nodes. */
  readonly clocks: Clock[] = [0, 0, 0].map(asClock);
  readonly #key = new KeyScratch();
  readonly #sender: WriteSender;

  constructor() {
    const startMs = performance.now();
    const seat = {
      address: 0,
      get nowMs() {
        return Math.floor(performance.now() - startMs) + 1_000;
      },
      get wallMs() {
        return Date.now();
      },
      referenced: false,
      out: { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 },
      beforePublish: () => undefined,
      beginTick: () => undefined,
      flush: () => undefined,
      publishEarly: () => undefined,
      shrink: () => undefined,
      incarnationOf: () => 1,
      connectionTo: () => 0,
      mayAnswer: () => true,
      open: (tag: number, to: number, id: number, bytes: number) => {
        const words = new Int32Array(bytes / 4);
        seat.out = { words, bytes: Buffer.from(words.buffer), at: 0 };
        words[0] = bytes | (tag << 24);
        this.mail.push({ node: nodeOf(to), id, words });
        return true;
      },
    };
    const router = { route: () => this.node, epoch: 1, slotShift: SLOT_SHIFT };
    this.requests = new Requests(seat, 1_000);
    this.writes = new Writes(seat, this.requests, { pairBytesMax: 10_240, clockDriftMaxMs: 60_000 }, router);
    this.#sender = {
      decodeResult: (reply) => this.writes.result(reply),
      leftMs: (reply) => (this.requests.deadlineOf(reply.request) - seat.nowMs) | 0,
      paused: this.paused,
      addWrite: (key, value, order, member, index) => {
        this.#key.set(key);
        this.writes.batches.add(this.#key, value, order, member, index);
      },
    };
  }

  /** A put as it is without options: it leaves with the others of the tick. */
  put(key: string, value: string, order: WriteOrder = ORDER): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.#sender.addWrite(key, value, order, new WriteWaiter(this.#sender, key, value, order, resolve, reject), 0);
    });
  }

  /** A put as it is with options: it leaves alone. */
  putAlone(key: string, value: string, order: WriteOrder = ORDER): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      const send: Repeater['send'] = (waiter, deadlineMs) => {
        this.#key.set(key);
        return this.writes.send(this.#key, value, { ...order, deadlineMs }, waiter);
      };
      const { decodeResult, leftMs } = this.#sender;
      const repeater = { send, leftMs, paused: this.paused, asked: { key, order } };
      send(new PromiseWaiter(decodeResult, resolve, reject, repeater), order.deadlineMs);
    });
  }

  putMany(pairs: readonly (readonly [string, string])[]): Promise<void> {
    const batch = new Batch<readonly [string, string]>(
      ([key, value], member, index) => this.#sender.addWrite(key, value, ORDER, member, index),
      {
        keyOf: ([key]) => key,
        order: ORDER,
        check: (reply) => this.writes.confirm(reply),
        deadlineMs: ORDER.deadlineMs,
        window: 100,
        signal: undefined,
        publish: () => undefined,
        onAbort: () => undefined,
      },
    );
    return batch.run(pairs);
  }

  /** The oldest message, for this node if one is named. */
  next(node?: number): Mail {
    this.writes.batches.flushAll();
    const at = this.mail.findIndex((mail) => node === undefined || mail.node === node);
    if (at < 0) throw new Error('no message waits');
    return this.mail.splice(at, 1)[0];
  }

  /** Its node mints what is in it, as late as a vnode may, and answers. */
  take(mail: Mail): void {
    let member = 0;
    for (const record of recordsOf(mail.words)) {
      const own: Clock = tick(this.clocks[mail.node], Date.now());
      const clock = Math.max(own, getNumber(mail.words, Write.callerClock) + 1) as Clock;
      if (((wallMsOf(clock) - mail.words[Write.latest]) | 0) > 0) {
        this.#answer(mail, failure('KV_DEADLINE_EXCEEDED'), own, member++);
        continue;
      }
      this.clocks[mail.node] = clock;
      this.held.set(record.key, [...(this.held.get(record.key) ?? []), { value: record.value, clock }]);
      this.#answer(mail, success(2, 1), clock, member++);
    }
  }

  refuse(mail: Mail, code: ErrorCode): void {
    for (let member = 0; member < recordsOf(mail.words).length; member++) this.#answer(mail, failure(code), 0, member);
  }

  #answer(mail: Mail, outcome: number, clock: number, member: number): void {
    const isMany = mail.words[0] >>> 24 === Kind.writeMany;
    const words = new Int32Array(WroteMany.end);
    putHeader(words, 0, isMany ? Kind.wroteMany : Kind.written, words.length * 4, 0, mail.node << NODE_SHIFT, mail.id);
    words[Written.outcome] = outcome;
    putNumber(words, Written.clock, clock);
    words[WroteMany.first] = member;
    words[WroteMany.count] = 1;
    const view = new MessageView();
    view.point(words, Buffer.from(words.buffer), 0);
    this.requests.settle(view);
  }

  /** What a reader by `newest` is shown. */
  newest(key: string): string | undefined {
    return this.held.get(key)?.toSorted((one, other) => other.clock - one.clock)[0]?.value;
  }

  /** Takes all that waits, and what is sent again meanwhile. */
  takeAll(): void {
    for (this.writes.batches.flushAll(); this.mail.length > 0; this.writes.batches.flushAll()) this.take(this.next());
  }

  /** Whether a message waits for this node. */
  has(node: number): boolean {
    this.writes.batches.flushAll();
    return this.mail.some((mail) => mail.node === node);
  }

  refuseAll(): void {
    this.writes.batches.flushAll();
    for (const mail of this.mail.splice(0)) this.refuse(mail, 'KV_STALE_EPOCH');
  }

  /** Whether a write of the key would go the short way. */
  isUsual(key: string): boolean {
    this.#key.set(key);
    return this.writes.pipelines.isUsual(this.#key.slot, false, this.node);
  }

  close(): void {
    this.requests.close(new Error('over') as StoreError);
  }
}

/** Where the node stands in an address. */
const NODE_SHIFT = 16;

function recordsOf(words: Int32Array): { readonly key: string; readonly value: string }[] {
  const bytes = Buffer.from(words.buffer);
  const end = (words[0] & 0xff_ff_ff) / 4;
  const records = [];
  const isMany = words[0] >>> 24 === Kind.writeMany;
  for (let at: number = Write.record; at < end; at += sizeOf(words, at) / 4) {
    const [sibling] = decodeRecord(words, bytes, at).siblings;
    const key = Buffer.from(keyParts(words, bytes, at).bytes).toString();
    records.push({ key, value: Buffer.from(sibling.value).toString() });
    if (!isMany) break;
  }
  return records;
}

/** A write with options leaves alone, one without with the others of its tick. */
export const WAYS = ['put', 'putAlone'] as const;

export function open(t: { teardown(fn: () => void): void }): PipelineLab {
  const lab = new PipelineLab();
  t.teardown(() => lab.close());
  return lab;
}

export const codeOf = (promise: Promise<unknown>): Promise<ErrorCode | 'ok'> =>
  promise.then(
    () => 'ok',
    ({ code }: StoreError) => code,
  );
