/**
 * One thread's means of asking: the key scratch, the local reads, the requests in flight, and the two ways to send. What
 * `store.ts` offers is made of these; one core serves one thread.
 */
import { asStoreError, StoreError } from '../core/errors.js';
import type { RingTable } from '../host/ring-table.js';
import type { ThreadMap } from '../host/thread-map.js';
import type { MessageView } from '../protocol/header.js';
import { replicasOfHost } from '../protocol/outcome.js';
import { aborted, CallOptions, type ReadOrder, type RequestDefaults } from './call-options.js';
import { loadPair } from './early-loads.js';
import { KeyScratch } from './key-scratch.js';
import { COMPLEX, LocalReads, NOT_LOCAL } from './local-reads.js';
import { decodeAnswer, MessageReads, type SetAnswer } from './message-reads.js';
import { GROUP_KEYS, NOT_PLAIN, PlainReads } from './plain-reads.js';
import { encodedAhead } from './record-writer.js';
import { Replicas } from './replicas.js';
import { Requests, type Waiter } from './requests.js';
import type { Paused } from './resending.js';
import { resolveSet } from './resolving.js';
import { Router } from './router.js';
import type { Seat } from './seat.js';
import type { Key, PutOptions, ReadOptions, Resolve, Value, WriteResult } from './types.js';
import { PromiseWaiter, type Repeater } from './waiters.js';
import type { AskedWrite, Member } from './write-members.js';
import { type WriteSender, WriteWaiter } from './write-waiter.js';
import { type WriteLimits, type WriteOrder, Writes } from './writes.js';

export interface CoreParts {
  readonly map: ThreadMap;
  readonly seat: (onMessage: (view: MessageView) => void) => Seat;
  readonly defaults: RequestDefaults;
  readonly limits: WriteLimits;
  readonly inFlightMax: number;
  readonly resolve: Resolve;
}

/** A read's answer, and where it came from. */
export interface CoreAnswer extends SetAnswer {
  readonly via: 'memory' | 'messages';
  /** Hash of the key, which a context carries. */
  readonly hash: number;
}

type Send = Repeater['send'];
type RequestOrder = Pick<ReadOrder, 'signal' | 'deadlineMs'>;

/** Bytes of the values that one call waits for, besides those that it has. */
const READ_BYTES_MAX = 64 * 1024 * 1024;

export class StoreCore implements WriteSender {
  readonly seat: Seat;
  readonly requests: Requests;
  readonly ring: RingTable;
  readonly plain: PlainReads;
  /** Of reads that are gathered: what is in its group stays there until they are answered. */
  readonly gathered: PlainReads;
  readonly local: LocalReads;
  readonly reads: MessageReads;
  readonly writes: Writes;
  readonly calls: CallOptions;
  readonly resolve: Resolve;
  /** Requests of one call under way at the same time: others have room beside it. */
  readonly window: number;
  /** The same of reads, whose values come into memory: no more of them than 64 MiB hold the largest of. */
  readonly readWindow: number;
  /** The result that a reply to a write carries. @throws StoreError */
  readonly decodeResult = (message: MessageView): WriteResult => this.writes.result(message);
  /** What is left of the time of the request that this answers. */
  readonly leftMs = (reply: MessageView): number => (this.requests.deadlineOf(reply.request) - this.seat.nowMs) | 0;
  readonly paused: Paused = { count: 0, dropped: (waiter) => this.writes.pipelines.dropped(waiter) };
  isClosed = false;
  #isDraining = false;
  readonly #key = new KeyScratch();

  constructor(parts: CoreParts) {
    this.resolve = parts.resolve;
    this.window = Math.max(1, parts.inFlightMax >>> 2);
    this.readWindow = Math.min(
      this.window,
      Math.max(GROUP_KEYS, Math.floor(READ_BYTES_MAX / parts.limits.pairBytesMax)),
    );
    this.calls = new CallOptions(parts.defaults);
    const replicas = new Replicas(parts.map, GROUP_KEYS);
    this.ring = replicas.ring;
    this.plain = new PlainReads(replicas);
    this.gathered = new PlainReads(replicas);
    this.local = new LocalReads(replicas);
    this.seat = parts.seat((view) => this.requests.settle(view));
    this.requests = new Requests(this.seat, parts.inFlightMax);
    const router = new Router(parts.map, this.seat, this.ring, replicas.slotShift);
    this.reads = new MessageReads(this.seat, this.requests, router);
    this.writes = new Writes(this.seat, this.requests, parts.limits, router);
  }

  /** @throws StoreError KV_CLOSED */
  checkOpen(): void {
    if (this.isClosed) throw new StoreError('KV_CLOSED', 'the store is closed');
  }

  /** Reads answered from shared memory. */
  get sharedReads(): number {
    return this.plain.answered + this.gathered.answered + this.local.sharedReads;
  }

  /** Reads that lost every race to a writer, and took the message path. */
  get lostRaces(): number {
    return this.local.lostRaces;
  }

  /** Requests that have no answer yet. */
  get inFlight(): number {
    return this.requests.inFlight + this.paused.count;
  }

  /** From now on: writes in flight go on. */
  refuseWrites(): void {
    this.#isDraining = true;
  }

  /** @throws StoreError KV_CLOSED, KV_DRAINING */
  checkWritable(): void {
    this.checkOpen();
    if (this.#isDraining)
      throw new StoreError('KV_DRAINING', 'the store is about to be closed and takes no more writes');
  }

  /** The value, or NOT_LOCAL where a message is needed. @throws StoreError KV_INVALID_KEY, KV_CLOSED */
  getLocal(key: Key, r: number): unknown {
    this.checkOpen();
    this.#key.set(key);
    if (this.resolve !== 'siblings') {
      const value = this.plain.readOne(this.#key, r);
      if (value !== NOT_PLAIN) return value;
    }
    return this.#getLocal(r);
  }

  /** Takes a key into the group of gathered reads. @throws StoreError KV_INVALID_KEY, KV_CLOSED */
  gather(index: number, key: Key): void {
    this.checkOpen();
    this.#key.set(key);
    this.gathered.put(index, this.#key);
  }

  /** Answers the group that was gathered: values, or NOT_PLAIN. */
  getGathered(count: number, values: unknown[]): void {
    if (this.resolve === 'siblings') values.fill(NOT_PLAIN, 0, count);
    else this.gathered.read(count, this.calls.defaultRead.r, values, 0);
  }

  /** As `getLocal` of each key in keys[start, end), up to GROUP_KEYS, into `values`. */
  getLocalGroup(keys: readonly Key[], start: number, end: number, r: number, values: unknown[]): void {
    this.checkOpen();
    // strings come from memory too: a short loop has more of them under way
    let chars = 0;
    for (let i = start; i < end; i++) if (typeof keys[i] === 'string') chars += keys[i].length;
    this.plain.touched ^= chars;
    for (let i = start; i < end; i++) {
      this.#key.set(keys[i]);
      this.plain.put(i - start, this.#key);
    }
    if (this.resolve === 'siblings') values.fill(NOT_PLAIN, start, end);
    else this.plain.read(end - start, r, values, start);
    for (let i = start; i < end; i++) {
      if (values[i] !== NOT_PLAIN) continue;
      this.#key.set(keys[i]);
      values[i] = this.#getLocal(r);
    }
  }

  /** As `getLocal` of the key in the scratch, which is no plain record. */
  #getLocal(r: number): unknown {
    const value = this.resolve === 'siblings' ? COMPLEX : this.local.getValue(this.#key, r);
    if (value !== COMPLEX) return value;
    const answer = this.local.getSet(this.#key, r, false);
    return answer === undefined ? NOT_LOCAL : resolveSet(answer.set, this.resolve, Date.now());
  }

  /** As `getLocal`, or by messages where that takes them. @throws StoreError */
  getOne(key: Key): Value | undefined | Promise<Value | undefined> {
    const value = this.getLocal(key, this.calls.defaultRead.r);
    return value === NOT_LOCAL ? this.getWith(key, undefined) : (value as Value | undefined);
  }

  async getWith(key: Key, options: ReadOptions | undefined): Promise<Value | undefined> {
    return this.getAny(key, this.calls.read(options));
  }

  async getAny(key: Key, order: ReadOrder): Promise<Value | undefined> {
    const { set } = await this.readSet(key, order);
    return resolveSet(set, this.resolve, Date.now());
  }

  /** The joined record of R replicas, from memory or by messages. */
  async readSet(key: Key, order: ReadOrder): Promise<CoreAnswer> {
    this.checkOpen();
    this.#key.set(key);
    const { hash } = this.#key;
    const r = replicasOfHost(order.r);
    const local = r === 0 ? undefined : this.local.getSet(this.#key, r, order.monotonic);
    if (local !== undefined) return { ...local, fallbacks: 0, via: 'memory', hash };
    const send: Send = (waiter, deadlineMs) => {
      this.#key.set(key);
      return this.reads.send(this.#key, { ...order, deadlineMs }, waiter);
    };
    const answer = await this.#request<SetAnswer>(order, decodeAnswer, send);
    return { ...answer, via: 'messages', hash };
  }

  /** Sends a request whose reply, or whose signal, settles the promise. */
  #request<Result>(
    { signal, deadlineMs }: RequestOrder,
    decode: (message: MessageView) => Result,
    send: Send,
    asked?: AskedWrite,
  ): Promise<Result> {
    const { leftMs, paused } = this;
    return new Promise((resolve, reject) => {
      if (signal === undefined) {
        send(new PromiseWaiter(decode, resolve, reject, { send, leftMs, paused, asked }), deadlineMs);
        return;
      }
      const onAbort = () => (this.requests.giveUp(id) ?? waiter).fail(aborted(signal));
      const settle = (result: Result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      const fail = (error: StoreError) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      };
      const again: Send = (own, left) => {
        id = send(own, left);
        return id;
      };
      const waiter = new PromiseWaiter(decode, settle, fail, { send: again, leftMs, paused, asked });
      let id = send(waiter, deadlineMs);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** A put or delete without options, the common one: no more than a promise and its waiter. */
  writePlainly(key: Key, value: Value, order: WriteOrder): Promise<WriteResult> {
    return new Promise((resolve, reject) => {
      this.checkWritable();
      this.plain.touched ^= loadPair(key, value);
      this.addWrite(key, value, order, new WriteWaiter(this, key, value, order, resolve, reject), 0);
    });
  }

  /** Sends one write; settles with what `decode` reads in the reply. */
  write<Result>(
    key: Key,
    value: Value,
    options: PutOptions | undefined,
    tombstone: boolean,
    decode: (message: MessageView) => Result,
  ): Promise<Result> {
    try {
      this.checkWritable();
      this.#key.set(key);
      const order = this.calls.write(options, tombstone, this.#key.hash);
      const { deadlineMs } = order;
      const send: Send = (waiter, left) => this.sendWrite(key, value, { ...order, deadlineMs: left }, waiter);
      return this.#request({ signal: options?.signal, deadlineMs }, decode, send, { key, order });
    } catch (error) {
      return Promise.reject(asStoreError(error));
    }
  }

  /** Writes one of many, which leaves with the tick; again, too, while the store is being closed. @throws StoreError where it cannot be sent */
  addWrite(key: Key, value: Value, order: WriteOrder, member: Member, index: number): void {
    const body = encodedAhead(value, order);
    this.#key.set(key);
    this.writes.batches.add(this.#key, body, order, member, index);
  }

  /** As `addWrite`, on its own; its id. @throws StoreError where it cannot be sent */
  sendWrite(key: Key, value: Value, order: WriteOrder, waiter: Waiter): number {
    const body = encodedAhead(value, order);
    this.#key.set(key);
    return this.writes.send(this.#key, body, order, waiter);
  }
}
