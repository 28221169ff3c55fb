/**
 * The store in this process: the data directory is opened for the command and closed after it. It answers in the same
 * shapes as a server does.
 */
import type {
  ChangeResult,
  Context,
  Key,
  RepairResult,
  RingPlan,
  RingReport,
  ScanOptions,
  Store,
  StoreHandle,
  WriteResult,
} from '../client/types.js';
import { keyToJson, pairToJson, readToJson, statusToJson } from '../server/admin-json.js';
import { type RecordPage, recordPage } from '../server/record-commands.js';
import { decodeFrames } from '../server/record-frames.js';
import type { ChangeOrder } from '../server/ring-json.js';
import { valueFromJson } from '../server/value-json.js';
import type {
  FoundValue,
  JsonKey,
  JsonPair,
  PairToWrite,
  PutRequest,
  ReadRequest,
  RecordsRequest,
  RepairRequest,
  RestoreReport,
  ScanRequest,
  StatusReport,
  StoreAccess,
  WriteRequest,
} from './store-access.js';

export class LocalAccess implements StoreAccess {
  readonly via = 'this process';

  constructor(
    private readonly store: Store,
    private readonly path: string,
  ) {}

  /** A seat for another thread of this process. */
  handle(): StoreHandle {
    return this.store.handle();
  }

  async get(key: string, request: ReadRequest = {}): Promise<FoundValue> {
    return readToJson(await this.store.read(key, request));
  }

  put(request: PutRequest): Promise<WriteResult> {
    const { value, type, ttlMs, ...rest } = request;
    const options = { ...writeOptions(rest), ...(ttlMs === undefined ? {} : { ttlMs }) };
    return this.store.put(keyOf(request), valueFromJson(value, type), options);
  }

  delete(key: string, request: WriteRequest = {}): Promise<WriteResult> {
    return this.store.delete(key, writeOptions(request));
  }

  async load(pairs: readonly PairToWrite[]): Promise<void> {
    const operations = pairs.map((pair) => {
      const put = { type: 'put' as const, key: keyOf(pair), value: valueFromJson(pair.value, pair.type) };
      return pair.ttlMs === undefined ? put : { ...put, ttlMs: pair.ttlMs };
    });
    await this.store.batch(operations);
  }

  async *scan({ exact, ...request }: ScanRequest): AsyncGenerator<JsonPair> {
    const options: ScanOptions = { ...request, keys: 'bytes' };
    for await (const pair of this.store.scan(options)) {
      yield request.values === false ? keyToJson(pair.key) : pairToJson(pair, exact);
    }
  }

  async *records(request: RecordsRequest): AsyncGenerator<RecordPage> {
    const records = this.store.records({ ...request, spillTo: this.path });
    try {
      for (let more = true; more; ) {
        const page = await recordPage(records);
        yield page;
        more = page.after !== undefined;
      }
    } finally {
      await records.return?.();
    }
  }

  async restore(frames: Buffer): Promise<RestoreReport> {
    const { failed, ...counts } = await this.store.restore(decodeFrames(frames));
    return { ...counts, failed: failed.map(({ key, ...why }) => ({ keyBase64: key.toString('base64'), ...why })) };
  }

  async status(): Promise<StatusReport> {
    const [stats, count] = await Promise.all([this.store.stats(), this.store.count()]);
    const members = this.store.members();
    const hosts = this.store.hosts();
    const facts = { path: this.path, pid: process.pid, hosts, members, stats, count, ring: this.store.ring() };
    return statusToJson(facts);
  }

  async ring(): Promise<RingReport> {
    return this.store.ring();
  }

  repair(request: RepairRequest): Promise<RepairResult> {
    return this.store.repair(request);
  }

  plan({ change, force }: ChangeOrder): Promise<RingPlan> {
    return this.store.plan(change, { force });
  }

  change({ change, force }: ChangeOrder): Promise<ChangeResult> {
    return this.store.change(change, { force, wait: false });
  }

  close(): Promise<void> {
    return this.store.close();
  }
}

function keyOf(key: JsonKey): Key {
  return 'key' in key ? key.key : Buffer.from(key.keyBase64, 'base64');
}

function writeOptions({ w, mode, durability, context }: WriteRequest) {
  return {
    ...(w === undefined ? {} : { w }),
    ...(mode === undefined ? {} : { mode }),
    ...(durability === undefined ? {} : { durability }),
    ...(context === undefined ? {} : { context: context as Context }),
  };
}
