/**
 * The embedded store as a thread sees it: reads from shared memory where the replicas' tables can answer, messages
 * otherwise; writes into the mailbox of the node that coordinates them. `open` makes one with a host behind it, `attach`
 * one for another thread of the same program.
 */
import type { BridgeStats } from '../bridge/stats.js';
import { StoreError } from '../core/errors.js';
import { newestSibling } from '../core/siblings.js';
import type { HostReport, MemberReport, NodeStats, RingReport, StoreEvents } from '../host/reports.js';
import { badArgument, batch, getMany, putMany } from './batches.js';
import { encodeContext } from './context.js';
import { drain } from './drain.js';
import { checkEvent } from './event-name.js';
import { GatheredGets } from './gathered-gets.js';
import { NOT_LOCAL } from './local-reads.js';
import type { RecordsOptions, RestoreOptions, RestoreResult, StoredRecord } from './record-types.js';
import { records, restore } from './records.js';
import { repair } from './repair.js';
import { resolveSet, showSiblings, siblingValue } from './resolving.js';
import { type RingAdmin, RingChanges } from './ring-changes.js';
import type { ChangeOptions, ChangeResult, PlanOptions, RingPlan, StoreChange } from './ring-types.js';
import { scanEntries } from './scan.js';
import { boundsOf } from './scan-bounds.js';
import { type CoreParts, StoreCore } from './store-core.js';
import type {
  BatchOperation,
  DrainOptions,
  DrainResult,
  Key,
  Pair,
  PutOptions,
  ReadOptions,
  ReadResult,
  RepairOptions,
  RepairResult,
  ScanOptions,
  Store,
  StoreHandle,
  StoreStats,
  Value,
  WriteOptions,
  WriteResult,
} from './types.js';
import { update } from './update.js';

/** What stands behind a store: the host itself, or its shared memory seen from another thread. */
export interface Backing {
  ring(): RingReport;
  hosts(): HostReport[];
  members(): MemberReport[];
  stats(): NodeStats[];
  /** What passes between this host and others; undefined where there is no bridge, and for an attached store. */
  bridge(): Promise<BridgeStats | undefined>;
  handle(): StoreHandle;
  on<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): void;
  off<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): void;
  /** What it takes to change the ring; only where the store was opened. */
  readonly admin?: RingAdmin;
  close(): Promise<void>;
}

export interface StoreParts extends CoreParts {
  readonly backing: Backing;
}

export class EmbeddedStore implements Store {
  readonly #parts: StoreParts;
  readonly #core: StoreCore;
  readonly #gets: GatheredGets;
  #closed: Promise<void> | undefined;

  constructor(parts: StoreParts) {
    this.#parts = parts;
    this.#core = new StoreCore(parts);
    this.#gets = new GatheredGets(this.#core);
  }

  get(key: Key, options?: ReadOptions): Promise<Value | undefined> {
    return options === undefined ? this.#gets.get(key) : this.#core.getWith(key, options);
  }

  getSync(key: Key): Value | undefined {
    const value = this.#core.getLocal(key, this.#core.calls.defaultRead.r);
    if (value !== NOT_LOCAL) return value;
    throw new StoreError('KV_NOT_LOCAL', 'the value is not in memory, or replicas disagree; use get');
  }

  async read(key: Key, options?: ReadOptions): Promise<ReadResult> {
    const order = this.#core.calls.read(options);
    const { set, replicas, fallbacks, via, hash } = await this.#core.readSet(key, order);
    const siblings = showSiblings(set, Date.now());
    return { siblings, context: encodeContext(set.vector, hash), replicas, fallbacks, via, monotonic: order.monotonic };
  }

  async has(key: Key, options?: ReadOptions): Promise<boolean> {
    const { set } = await this.#core.readSet(key, this.#core.calls.read(options));
    return newestSibling(set, Date.now()) !== undefined;
  }

  put(key: Key, value: Value, options?: PutOptions): Promise<WriteResult> {
    if (options === undefined) return this.#core.writePlainly(key, value, this.#core.calls.defaultPut);
    return this.#core.write(key, value, options, false, this.#core.decodeResult);
  }

  delete(key: Key, options?: WriteOptions): Promise<WriteResult> {
    if (options === undefined) return this.#core.writePlainly(key, undefined, this.#core.calls.defaultDelete);
    return this.#core.write(key, undefined, options, true, this.#core.decodeResult);
  }

  update(key: Key, fn: (value: Value | undefined) => Value, options?: ReadOptions & PutOptions): Promise<Value> {
    return update(this.#core, key, fn, options);
  }

  getMany(keys: readonly Key[], options?: ReadOptions): Promise<(Value | undefined)[]> {
    return getMany(this.#core, keys, options);
  }

  putMany(pairs: Iterable<readonly [Key, Value]>, options?: PutOptions): Promise<void> {
    return putMany(this.#core, pairs, options);
  }

  batch(operations: Iterable<BatchOperation>, options?: WriteOptions): Promise<void> {
    return batch(this.#core, operations, options);
  }

  async *scan(options: ScanOptions = {}): AsyncIterableIterator<Pair> {
    this.#core.checkOpen();
    const order = this.#core.calls.scan(options);
    const { limit = Number.POSITIVE_INFINITY, keys = 'utf8', values = true } = options;
    const bounds = boundsOf(options);
    const { map } = this.#parts;
    const parts = {
      seat: this.#core.seat,
      requests: this.#core.requests,
      ring: this.#core.ring,
      partitions: map.partitions,
    };
    let left = limit;
    if (left === 0) return;
    for await (const { key, set } of scanEntries(
      parts,
      Number.isFinite(limit) ? { ...bounds, limit } : bounds,
      order,
    )) {
      this.#core.checkOpen();
      const newest = newestSibling(set, Date.now());
      if (newest === undefined) continue;
      const value = !values
        ? undefined
        : this.#core.resolve === 'newest'
          ? siblingValue(newest)
          : resolveSet(set, this.#core.resolve, Date.now());
      yield { key: keys === 'utf8' ? key.toString() : key, value };
      if (--left <= 0) return;
    }
  }

  async *records(options: RecordsOptions = {}): AsyncIterableIterator<StoredRecord> {
    this.#core.checkOpen();
    yield* records(this.#core, this.#parts.map.partitions, options);
  }

  async restore(given: Iterable<StoredRecord>, options?: RestoreOptions): Promise<RestoreResult> {
    this.#core.checkOpen();
    return restore(this.#core, given, options);
  }

  async count(): Promise<number> {
    this.#core.checkOpen();
    const { backing } = this.#parts;
    const { nodes, partitions } = backing.ring();
    const own = new Map(backing.stats().map(({ node, keysAbout }) => [node, keysAbout]));
    let held = 0;
    for (const keys of own.values()) held += keys;
    // nodes of other hosts are taken to hold as much for each replica as those of this one
    const replicas = nodes.reduce((sum, { node, replicas: held }) => sum + (own.has(node) ? held : 0), 0);
    return replicas === 0 ? 0 : Math.round((held * partitions) / replicas);
  }

  async stats(): Promise<StoreStats> {
    this.#core.checkOpen();
    const { sharedReads, lostRaces, reads } = this.#core;
    const { messageReads } = reads;
    const client = { inFlight: this.#core.inFlight, sharedReads, messageReads, lostRaces };
    const { backing } = this.#parts;
    const bridge = await backing.bridge();
    return { nodes: backing.stats(), client, ...(bridge === undefined ? {} : { bridge }) };
  }

  async repair(options?: RepairOptions): Promise<RepairResult> {
    const { seat, requests } = this.#core;
    const checkOpen = () => this.#core.checkOpen();
    checkOpen();
    return repair({ seat, requests, ring: this.ring(), checkOpen }, options);
  }

  ring(): RingReport {
    this.#core.checkOpen();
    return this.#parts.backing.ring();
  }

  hosts(): HostReport[] {
    this.#core.checkOpen();
    return this.#parts.backing.hosts();
  }

  members(): MemberReport[] {
    this.#core.checkOpen();
    return this.#parts.backing.members();
  }

  async plan(change: StoreChange, options?: PlanOptions): Promise<RingPlan> {
    return this.changes.plan(change, options);
  }

  async change(change: StoreChange, options?: ChangeOptions): Promise<ChangeResult> {
    return this.changes.change(change, options);
  }

  get changes(): RingChanges {
    this.#core.checkOpen();
    const { admin } = this.#parts.backing;
    if (admin !== undefined) return new RingChanges(this.#core, admin);
    throw badArgument('the ring is changed by the store that was opened, not by an attached one');
  }

  handle(): StoreHandle {
    this.#core.checkOpen();
    return this.#parts.backing.handle();
  }

  on<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): this {
    checkEvent(event, listener);
    this.#parts.backing.on(event, listener);
    return this;
  }

  off<Name extends keyof StoreEvents>(event: Name, listener: (detail: StoreEvents[Name]) => void): this {
    checkEvent(event, listener);
    this.#parts.backing.off(event, listener);
    return this;
  }

  async drain(options?: DrainOptions): Promise<DrainResult> {
    const core = this.#core;
    core.checkOpen();
    const { backing, defaults } = this.#parts;
    const parts = {
      refuseWrites: () => core.refuseWrites(),
      inFlight: () => core.inFlight,
      stats: () => backing.stats(),
      deadlineMs: defaults.deadlineMs,
    };
    return drain(parts, options);
  }

  close(): Promise<void> {
    this.#gets.answer();
    this.#core.isClosed = true;
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Waits for what is in flight, bounded by the deadlines, then ends what stands behind. */
  async #close(): Promise<void> {
    while (this.#core.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    this.#core.requests.close(new StoreError('KV_CLOSED', 'the store was closed'));
    this.#core.seat.close();
    await this.#parts.backing.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
