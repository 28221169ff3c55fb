/**
 * The embedded store as a thread sees it: reads from shared memory where the replicas' tables can answer, messages
 * otherwise; writes into the mailbox of the node that coordinates them. `open` makes one with a host behind it, `attach`
 * one for another thread of the same program.
 */
import { asStoreError, StoreError } from '../core/errors.js';
import { newestSibling } from '../core/siblings.js';
import type { MemberReport, NodeStats, RingReport, StoreEvents } from '../host/reports.js';
import type { ThreadMap } from '../host/thread-map.js';
import type { MessageView } from '../protocol/header.js';
import { Written } from '../protocol/messages.js';
import { aborted, CallOptions, type ReadOrder, type RequestDefaults } from './call-options.js';
import { encodeContext } from './context.js';
import { KeyScratch } from './key-scratch.js';
import { COMPLEX, LocalReads, NOT_LOCAL } from './local-reads.js';
import { decodeAnswer, MessageReads, type SetAnswer } from './message-reads.js';
import { Requests, type Waiter } from './requests.js';
import { resolveSet, showSiblings, siblingValue } from './resolving.js';
import { scanEntries } from './scan.js';
import { boundsOf } from './scan-bounds.js';
import type { Seat } from './seat.js';
import type {
  BatchOperation,
  Key,
  Pair,
  PutOptions,
  ReadOptions,
  ReadResult,
  Resolve,
  ScanOptions,
  Store,
  StoreHandle,
  StoreStats,
  Value,
  WriteOptions,
  WriteResult,
} from './types.js';
import { Batch, PromiseWaiter, type SendItem } from './waiters.js';
import { type WriteOrder, Writes } from './writes.js';

/** What stands behind a store: the host itself, or its shared memory seen from another thread. */
export interface Backing {
  ring(): RingReport;
  members(): MemberReport[];
  stats(): NodeStats[];
  handle(): StoreHandle;
  on<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): void;
  off<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): void;
  close(): Promise<void>;
}

export interface StoreParts {
  readonly map: ThreadMap;
  readonly seat: (onMessage: (view: MessageView) => void) => Seat;
  readonly defaults: RequestDefaults;
  readonly pairBytesMax: number;
  readonly inFlightMax: number;
  readonly resolve: Resolve;
  readonly backing: Backing;
}

/** Rounds of `update` before it leaves the siblings that others keep making. */
const UPDATE_ROUNDS = 16;

type Item = BatchOperation;

export class EmbeddedStore implements Store {
  readonly #parts: StoreParts;
  readonly #seat: Seat;
  readonly #requests: Requests;
  readonly #key = new KeyScratch();
  readonly #local: LocalReads;
  readonly #reads: MessageReads;
  readonly #writes: Writes;
  readonly #calls: CallOptions;
  readonly #resolve: Resolve;
  readonly #decodeResult = (message: MessageView) => this.#writes.result(message);
  #closed: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#resolve = parts.resolve;
    this.#calls = new CallOptions(parts.defaults);
    this.#local = new LocalReads(parts.map);
    this.#seat = parts.seat((view) => this.#requests.settle(view));
    this.#requests = new Requests(this.#seat, parts.inFlightMax);
    const route = (slot: number) => this.#route(slot);
    this.#reads = new MessageReads(this.#seat, this.#requests, route);
    this.#writes = new Writes(this.#seat, this.#requests, parts.pairBytesMax, route);
  }

  /** The first node of the key's preference list that is up. @throws StoreError KV_UNAVAILABLE */
  #route(slot: number): number {
    const { n, slotShift, preference } = this.#local;
    const first = (slot >>> slotShift) * n;
    for (let i = first; i < first + n; i++) if (this.#seat.isUp(preference[i])) return preference[i];
    throw new StoreError('KV_UNAVAILABLE', 'no replica of the key is up; nothing was done');
  }

  #open(): void {
    if (this.#closed !== undefined) throw new StoreError('KV_CLOSED', 'the store is closed');
  }

  get(key: Key, options?: ReadOptions): Promise<Value | undefined> {
    try {
      const value = options === undefined ? this.#getLocal(key, this.#calls.defaultRead.r) : NOT_LOCAL;
      return value === NOT_LOCAL ? this.#getAny(key, this.#calls.read(options)) : Promise.resolve(value);
    } catch (error) {
      return Promise.reject(asStoreError(error));
    }
  }

  getSync(key: Key): Value | undefined {
    const value = this.#getLocal(key, this.#calls.defaultRead.r);
    if (value !== NOT_LOCAL) return value;
    throw new StoreError('KV_NOT_LOCAL', 'the value is not in memory, or replicas disagree; use get');
  }

  /** The value, or NOT_LOCAL where a message is needed. @throws StoreError KV_INVALID_KEY, KV_CLOSED */
  #getLocal(key: Key, r: number): unknown {
    this.#open();
    this.#key.set(key);
    const value = this.#resolve === 'siblings' ? COMPLEX : this.#local.getValue(this.#key, r);
    if (value !== COMPLEX) return value;
    const answer = this.#local.getSet(this.#key, r, false);
    return answer === undefined ? NOT_LOCAL : resolveSet(answer.set, this.#resolve, Date.now());
  }

  async #getAny(key: Key, order: ReadOrder): Promise<Value | undefined> {
    const { set } = await this.#readSet(key, order);
    return resolveSet(set, this.#resolve, Date.now());
  }

  /** The joined record of R replicas, from memory or by messages. */
  async #readSet(key: Key, order: ReadOrder): Promise<SetAnswer & { via: 'memory' | 'messages'; hash: number }> {
    this.#open();
    this.#key.set(key);
    const { hash } = this.#key;
    const local = this.#local.getSet(this.#key, order.r, order.monotonic);
    if (local !== undefined) return { ...local, via: 'memory', hash };
    const answer = await this.#request<SetAnswer>(order.signal, decodeAnswer, (waiter) =>
      this.#reads.send(this.#key, order, waiter),
    );
    return { ...answer, via: 'messages', hash };
  }

  /** Sends a request whose reply, or whose signal, settles the promise. */
  #request<Result>(
    signal: AbortSignal | undefined,
    decode: (message: MessageView) => Result,
    send: (waiter: Waiter) => number,
  ): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (signal === undefined) {
        send(new PromiseWaiter(decode, resolve, reject));
        return;
      }
      const onAbort = () => this.#requests.end(id)?.fail(aborted(signal));
      const settle = (result: Result) => {
        signal.removeEventListener('abort', onAbort);
        resolve(result);
      };
      const fail = (error: StoreError) => {
        signal.removeEventListener('abort', onAbort);
        reject(error);
      };
      const id = send(new PromiseWaiter(decode, settle, fail));
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  async read(key: Key, options?: ReadOptions): Promise<ReadResult> {
    const order = this.#calls.read(options);
    const { set, replicas, via, hash } = await this.#readSet(key, order);
    const siblings = showSiblings(set, Date.now());
    return { siblings, context: encodeContext(set.vector, hash), replicas, via, monotonic: order.monotonic };
  }

  async has(key: Key, options?: ReadOptions): Promise<boolean> {
    const { set } = await this.#readSet(key, this.#calls.read(options));
    return newestSibling(set, Date.now()) !== undefined;
  }

  put(key: Key, value: Value, options?: PutOptions): Promise<WriteResult> {
    return this.#write(key, value, options, false, this.#decodeResult);
  }

  delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    return this.#write(key, undefined, options, true, this.#decodeResult);
  }

  #write<Result>(
    key: Key,
    value: Value,
    options: PutOptions | undefined,
    tombstone: boolean,
    decode: (message: MessageView) => Result,
  ): Promise<Result> {
    try {
      this.#open();
      this.#key.set(key);
      const order = this.#calls.write(options, tombstone, this.#key.hash);
      return this.#request(options?.signal, decode, (waiter) => this.#writes.send(this.#key, value, order, waiter));
    } catch (error) {
      return Promise.reject(asStoreError(error));
    }
  }

  async update(
    key: Key,
    fn: (value: Value | undefined) => Value,
    options: ReadOptions & PutOptions = {},
  ): Promise<Value> {
    this.#calls.checkUpdate(options);
    if (typeof fn !== 'function') throw badArgument('update takes a function of the value');
    const { r, monotonic, w, durability, ttlMs, ...common } = options;
    const reading = { ...common, ...(r !== undefined && { r }), ...(monotonic !== undefined && { monotonic }) };
    const writing = {
      ...common,
      ...(w !== undefined && { w }),
      ...(durability && { durability }),
      ...(ttlMs !== undefined && { ttlMs }),
    };
    let value: Value;
    for (let round = 0; ; round++) {
      const { set, hash } = await this.#readSet(key, this.#calls.read(reading));
      value = fn(resolveSet(set, this.#resolve, Date.now()));
      const context = encodeContext(set.vector, hash);
      const siblings = await this.#write(key, value, { ...writing, context }, false, (message) => {
        this.#writes.result(message);
        return message.u32(Written.detail);
      });
      if (siblings <= 1 || round === UPDATE_ROUNDS) return value;
    }
  }

  async getMany(keys: readonly Key[], options?: ReadOptions): Promise<(Value | undefined)[]> {
    const order = this.#calls.read(options);
    if (!Array.isArray(keys)) throw badArgument('getMany takes an array of keys');
    const values: (Value | undefined)[] = new Array(keys.length);
    const misses: Promise<void>[] = [];
    try {
      for (let i = 0; i < keys.length; i++) {
        const value = order.monotonic ? NOT_LOCAL : this.#getLocal(keys[i], order.r);
        if (value !== NOT_LOCAL) values[i] = value;
        else {
          const keep = (late: Value) => {
            values[i] = late;
          };
          misses.push(this.#getAny(keys[i], order).then(keep));
          if (misses.length >= this.#window) await Promise.all(misses.splice(0));
        }
      }
    } catch (error) {
      await Promise.allSettled(misses);
      throw error;
    }
    if (misses.length > 0) await Promise.all(misses);
    return values;
  }

  async putMany(pairs: Iterable<readonly [Key, Value]>, options?: PutOptions): Promise<void> {
    const order = this.#batchOrder(options);
    const send = (pair: readonly [Key, Value], waiter: Waiter) => {
      this.#open();
      if (!Array.isArray(pair)) throw badArgument('putMany takes pairs, each an array of key and value');
      const [key, value] = pair;
      this.#key.set(key);
      this.#writes.send(this.#key, value, order, waiter);
    };
    await this.#batch(send, order, options?.signal).run(pairs);
  }

  async batch(operations: Iterable<BatchOperation>, options?: WriteOptions): Promise<void> {
    const order = this.#batchOrder(options);
    const send = (item: Item, waiter: Waiter) => {
      this.#open();
      const isPut = item?.type === 'put';
      if (!isPut && item?.type !== 'delete') {
        throw new StoreError('KV_INVALID_OPTION', `a batch takes operations of type put or delete`, { option: 'type' });
      }
      this.#key.set(item.key);
      const ttlMs = isPut ? item.ttlMs : undefined;
      const base = ttlMs === undefined ? order : { ...order, expiresAtMs: this.#calls.expiresAtMs(ttlMs) };
      this.#writes.send(this.#key, isPut ? item.value : undefined, { ...base, tombstone: !isPut }, waiter);
    };
    await this.#batch(send, order, options?.signal).run(operations);
  }

  #batch<One>(send: SendItem<One>, order: WriteOrder, signal: AbortSignal | undefined): Batch<One> {
    const window = this.#window;
    return new Batch(send, { check: this.#decodeResult, deadlineMs: order.deadlineMs, window, signal });
  }

  /** Requests of one call under way at the same time: others have room beside it. */
  get #window(): number {
    return Math.max(1, this.#parts.inFlightMax >>> 2);
  }

  #batchOrder(options: PutOptions | undefined): WriteOrder {
    this.#open();
    if (options?.context === undefined) return this.#calls.write(options, false, 0);
    throw new StoreError('KV_INVALID_OPTION', 'a batch takes no context: it would fit one key only', {
      option: 'context',
    });
  }

  async *scan(options: ScanOptions = {}): AsyncIterableIterator<Pair> {
    this.#open();
    const order = this.#calls.scan(options);
    const { limit = Number.POSITIVE_INFINITY, keys = 'utf8', values = true } = options;
    const bounds = boundsOf(options);
    const { map } = this.#parts;
    const parts = { seat: this.#seat, requests: this.#requests, local: this.#local, partitions: map.partitions };
    let left = limit;
    if (left === 0) return;
    for await (const { key, set } of scanEntries(
      parts,
      Number.isFinite(limit) ? { ...bounds, limit } : bounds,
      order,
    )) {
      this.#open();
      const newest = newestSibling(set, Date.now());
      if (newest === undefined) continue;
      const value = !values
        ? undefined
        : this.#resolve === 'newest'
          ? siblingValue(newest)
          : resolveSet(set, this.#resolve, Date.now());
      yield { key: keys === 'utf8' ? key.toString() : key, value };
      if (--left <= 0) return;
    }
  }

  async count(): Promise<number> {
    this.#open();
    const held = this.#parts.backing.stats().reduce((sum, { keysAbout }) => sum + keysAbout, 0);
    return Math.round(held / this.#parts.defaults.n);
  }

  async stats(): Promise<StoreStats> {
    this.#open();
    const { sharedReads, lostRaces } = this.#local;
    const { messageReads } = this.#reads;
    const client = { inFlight: this.#requests.inFlight, sharedReads, messageReads, lostRaces };
    return { nodes: this.#parts.backing.stats(), client };
  }

  ring(): RingReport {
    return this.#parts.backing.ring();
  }

  members(): MemberReport[] {
    return this.#parts.backing.members();
  }

  handle(): StoreHandle {
    this.#open();
    return this.#parts.backing.handle();
  }

  on<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): this {
    this.#parts.backing.on(event, listener);
    return this;
  }

  off<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): this {
    this.#parts.backing.off(event, listener);
    return this;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Waits for what is in flight, bounded by the deadlines, then ends what stands behind. */
  async #close(): Promise<void> {
    while (this.#requests.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    this.#requests.close(new StoreError('KV_CLOSED', 'the store was closed'));
    this.#seat.close();
    await this.#parts.backing.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function badArgument(message: string): StoreError {
  return new StoreError('KV_INVALID_OPTION', message, { option: 'arguments' });
}
