/** A Store over a Map, for tests of the doors: no replicas, no disk. Writes answer in a later turn, as the real one does. */
import type {
  BatchOperation,
  ChangeOptions,
  ChangeResult,
  Context,
  DrainResult,
  HostReport,
  Key,
  MemberReport,
  Pair,
  PlanOptions,
  PutOptions,
  ReadResult,
  RecordsOptions,
  RepairOptions,
  RepairResult,
  RestoreResult,
  RingPlan,
  RingReport,
  ScanOptions,
  Store,
  StoreChange,
  StoredRecord,
  StoreHandle,
  StoreStats,
  Value,
  WriteOptions,
  WriteResult,
} from '../../src/client/types.js';
import { StoreError } from '../../src/core/errors.js';

interface Entry {
  readonly value: Value;
  readonly writtenAtMs: number;
  readonly expiresAtMs: number | undefined;
}

const KEY_BYTES_MAX = 1_900;

export class FakeStore implements Store {
  /** Keys as latin1 text of their bytes, so that text order is byte order. */
  readonly entries = new Map<string, Entry>();
  /** Options that calls were given, newest last. */
  readonly seen: unknown[] = [];
  /** When set, calls reject with it. */
  failure: StoreError | undefined;
  instant: Parameters<NonNullable<RecordsOptions['onInstant']>>[0] = { instant: true };
  /** How long a write takes; 0 answers in the next turn of the event loop. */
  delayMs = 0;
  maxInFlight = 0;
  private inFlight = 0;
  private local = true;

  setLocal(local: boolean): void {
    this.local = local;
  }

  async get(key: Key): Promise<Value | undefined> {
    await this.later();
    return this.live(key)?.value;
  }

  getSync(key: Key): Value | undefined {
    if (this.failure !== undefined) throw this.failure;
    if (!this.local) throw new StoreError('KV_NOT_LOCAL', 'ask by message');
    return this.live(key)?.value;
  }

  async repair(options: RepairOptions = {}): Promise<RepairResult> {
    await this.later();
    this.seen.push(options);
    return { partitions: 1, differing: 2, moved: 3, failed: [] };
  }

  async read(key: Key): Promise<ReadResult> {
    await this.later();
    const entry = this.live(key);
    const siblings =
      entry === undefined
        ? []
        : [
            {
              value: entry.value,
              writtenAtMs: entry.writtenAtMs,
              ...(entry.expiresAtMs === undefined ? {} : { expiresAtMs: entry.expiresAtMs }),
            },
          ];
    return { siblings, context: 'fake-context' as Context, replicas: 2, fallbacks: 0, via: 'memory', monotonic: false };
  }

  async has(key: Key): Promise<boolean> {
    await this.later();
    return this.live(key) !== undefined;
  }

  async put(key: Key, value: Value, options: PutOptions = {}): Promise<WriteResult> {
    this.seen.push(options);
    const name = nameOf(key);
    await this.later();
    this.set(name, value, options.ttlMs);
    return { replicas: 2, fallbacks: 0, durability: options.durability ?? 'interval' };
  }

  async delete(key: Key, options: WriteOptions = {}): Promise<WriteResult> {
    this.seen.push(options);
    const name = nameOf(key);
    await this.later();
    this.entries.delete(name);
    return { replicas: 2, fallbacks: 0, durability: options.durability ?? 'interval' };
  }

  async update(key: Key, fn: (value: Value | undefined) => Value): Promise<Value> {
    const value = fn(await this.get(key));
    await this.put(key, value);
    return value;
  }

  async getMany(keys: readonly Key[]): Promise<(Value | undefined)[]> {
    await this.later();
    return keys.map((key) => this.live(key)?.value);
  }

  async putMany(pairs: Iterable<readonly [Key, Value]>): Promise<void> {
    const named = [...pairs].map(([key, value]) => [nameOf(key), value] as const);
    await this.later();
    for (const [name, value] of named) this.set(name, value, undefined);
  }

  async batch(operations: Iterable<BatchOperation>): Promise<void> {
    const all = [...operations];
    await this.later();
    for (const operation of all) {
      if (operation.type === 'put') this.set(nameOf(operation.key), operation.value, operation.ttlMs);
      else this.entries.delete(nameOf(operation.key));
    }
  }

  async *scan(options: ScanOptions = {}): AsyncIterableIterator<Pair> {
    this.seen.push(options);
    await this.later();
    const { prefix, gt, gte, lt, lte, limit = Number.POSITIVE_INFINITY } = options;
    const names = [...this.entries.keys()]
      .sort()
      .filter(
        (name) =>
          (prefix === undefined || name.startsWith(nameOf(prefix))) &&
          (gt === undefined || name > nameOf(gt)) &&
          (gte === undefined || name >= nameOf(gte)) &&
          (lt === undefined || name < nameOf(lt)) &&
          (lte === undefined || name <= nameOf(lte)),
      );
    if (options.reverse) names.reverse();
    let given = 0;
    for (const name of names) {
      if (given >= limit) return;
      const bytes = Buffer.from(name, 'latin1');
      const entry = this.live(bytes);
      if (entry === undefined) continue;
      given += 1;
      const key = options.keys === 'bytes' ? bytes : bytes.toString();
      yield { key, value: options.values === false ? undefined : entry.value };
    }
  }

  /** Strings and bytes only, all of them in partition 0. */
  async *records({ partition = 0, gt, onInstant, spillTo }: RecordsOptions = {}): AsyncIterableIterator<StoredRecord> {
    await this.later();
    if (onInstant !== undefined) this.seen.push({ spillTo });
    onInstant?.(this.instant);
    for (const name of partition === 0 ? [...this.entries.keys()].sort() : []) {
      const entry = this.live(Buffer.from(name, 'latin1'));
      if (entry === undefined || (gt !== undefined && name <= nameOf(gt))) continue;
      const { value, writtenAtMs, expiresAtMs = 0 } = entry;
      const about = { type: typeof value === 'string' ? 'string' : 'bytes', tombstone: false } as const;
      const siblings = [{ ...about, expiresAtMs, writtenAtMs, value: Buffer.from(value as string) }];
      yield { key: Buffer.from(name, 'latin1'), siblings };
    }
  }

  async restore(records: Iterable<StoredRecord>): Promise<RestoreResult> {
    const [all] = await Promise.all([[...records], this.later()]);
    for (const { key, siblings } of all) {
      const { type, value } = siblings[0];
      this.set(nameOf(key), type === 'string' ? Buffer.from(value).toString() : value, undefined);
    }
    return { written: all.length, unchanged: 0, failed: [] };
  }

  async count(): Promise<number> {
    await this.later();
    return this.entries.size;
  }

  async stats(): Promise<StoreStats> {
    const client = { inFlight: this.inFlight, sharedReads: 0, messageReads: 0, lostRaces: 0 };
    return { nodes: [], client };
  }

  ring(): RingReport {
    return {
      epoch: 1,
      partitions: 8,
      n: 1,
      failureDomain: 'node',
      preferenceLists: [[0]],
      nodes: [{ node: 0, replicas: 8, fairShare: 8 }],
    };
  }

  /** What a plan says, and what a change then reports as moved. */
  planned: RingPlan = {
    kind: 'join',
    changesRing: true,
    nodes: [{ node: 0, weight: 1, replicas: 8 }],
    gone: [],
    partitions: 2,
    replicas: 2,
    records: 10,
    bytes: 640,
    transfers: [{ partition: 3, to: 1, from: 0, bytes: 640, records: 10 }],
  };

  async plan(change: StoreChange, options?: PlanOptions): Promise<RingPlan> {
    this.seen.push({ plan: change, ...options });
    if (this.failure !== undefined) throw this.failure;
    return { ...this.planned, kind: change.kind };
  }

  async change(change: StoreChange, { onProgress, ...options }: ChangeOptions = {}): Promise<ChangeResult> {
    this.seen.push({ change, ...options });
    if (this.failure !== undefined) throw this.failure;
    const { partitions, records, bytes } = this.planned;
    const progress = { epoch: 4, partitions, settled: partitions, records, bytes };
    onProgress?.({ ...progress, epoch: 2, settled: 0, records: 0, bytes: 0 });
    return { ...progress, id: 2, joined: change.kind === 'join' ? [1] : [], done: true };
  }

  hosts(): HostReport[] {
    return [{ host: 'fake', zone: 'zone-1', machine: 'one', own: true, state: 'up', nodes: [0] }];
  }

  members(): MemberReport[] {
    return [{ node: 0, host: 'fake', zone: 'zone-1', weight: 1, state: 'up', reporters: [], incarnation: 1 }];
  }

  handle(): StoreHandle {
    return { transferList: [] };
  }

  on(): this {
    return this;
  }

  off(): this {
    return this;
  }

  async drain(): Promise<DrainResult> {
    await this.later();
    return { drained: true, hints: 0, notes: 0 };
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private set(name: string, value: Value, ttlMs: number | undefined): void {
    const writtenAtMs = Date.now();
    const kept = value instanceof Uint8Array ? Buffer.from(value) : value;
    const expiresAtMs = ttlMs === undefined ? undefined : writtenAtMs + ttlMs;
    this.entries.set(name, { value: kept, writtenAtMs, expiresAtMs });
  }

  private live(key: Key): Entry | undefined {
    const entry = this.entries.get(nameOf(key));
    if (entry?.expiresAtMs !== undefined && entry.expiresAtMs <= Date.now()) return undefined;
    return entry;
  }

  private async later(): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.inFlight += 1;
    this.maxInFlight = Math.max(this.maxInFlight, this.inFlight);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    else await Promise.resolve();
    this.inFlight -= 1;
  }
}

function nameOf(key: Key): string {
  const name = typeof key === 'string' ? Buffer.from(key).latin1Slice() : Buffer.from(key).latin1Slice();
  if (name.length < 1 || name.length > KEY_BYTES_MAX) {
    throw new StoreError('KV_INVALID_KEY', `a key has 1 to ${KEY_BYTES_MAX} bytes, not ${name.length}`);
  }
  return name;
}
