/**
 * The store of another process, over its socket: the `KVORUM` commands of the Redis protocol, one bulk string of JSON
 * each way. An error reply becomes the StoreError that it was; a connection that breaks becomes KV_UNREACHABLE. That process
 * may be of an older version: what it does not know is done without where that is possible, and named otherwise.
 */
import type { ChangeResult, RepairResult, RingPlan, RingReport, WriteResult } from '../client/types.js';
import { StoreError } from '../core/errors.js';
import type { DrainReport } from '../server/draining.js';
import type { RecordPage } from '../server/record-commands.js';
import { connectResp, type RespClient } from '../server/resp-client.js';
import { ARGUMENT_SLACK_BYTES, RESP_LIMITS } from '../server/resp-parser.js';
import { RespReplyError, type RespValue } from '../server/resp-reply-parser.js';
import type { ChangeOrder } from '../server/ring-json.js';
import { exactToJson } from '../server/value-json.js';
import { SERVER_NAME, SERVER_VERSION } from '../server/version.js';
import { CliError } from './exit-codes.js';
import { formatTarget, type Target } from './quantities.js';
import type {
  FoundValue,
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

/** What a server says of a subcommand, or of a field of its JSON, that came after its version. */
const UNKNOWN_TO_IT = /^unknown (?:subcommand '|field ")/;
/** A large partition is read as a whole before its first page comes. */
const INSTANT_MS_MAX = 600_000;
/** Pairs that one page of a scan asks for. */
const PAGE_PAIRS = 1_000;

interface Page {
  readonly pairs: readonly JsonPair[];
  readonly next: string | null;
  readonly nextBase64?: string;
}

/** Connects, or answers undefined where nobody listens. */
export async function connectAccess(target: Target): Promise<RemoteAccess | undefined> {
  let client: RespClient;
  try {
    client = await connectResp('socketPath' in target ? { path: target.socketPath } : target, { errorDetails: true });
  } catch {
    return undefined;
  }
  return new RemoteAccess(client, formatTarget(target));
}

export class RemoteAccess implements StoreAccess {
  constructor(
    private readonly client: RespClient,
    readonly via: string,
  ) {}

  get(key: string, request: ReadRequest = {}): Promise<FoundValue> {
    return request.r === undefined ? this.#ask('GET', key) : this.#ask('GET', key, JSON.stringify(request));
  }

  put(request: PutRequest): Promise<WriteResult> {
    return this.#ask('PUT', JSON.stringify(carried(request)));
  }

  delete(key: string, request: WriteRequest = {}): Promise<WriteResult> {
    return this.#ask('DELETE', JSON.stringify({ key, ...request }));
  }

  async load(pairs: readonly PairToWrite[]): Promise<void> {
    const text = JSON.stringify(pairs.map(carried));
    const { argumentBytesMax } = RESP_LIMITS;
    if (pairs.length === 1 && Buffer.byteLength(text) > argumentBytesMax) {
      throw new StoreError('KV_PAIR_TOO_LARGE', `a line of more than ${argumentBytesMax} bytes cannot be sent`);
    }
    await this.#ask('LOAD', text);
  }

  async *scan({ limit = Number.POSITIVE_INFINITY, ...request }: ScanRequest): AsyncGenerator<JsonPair> {
    let left = limit;
    let after: Record<string, string> = {};
    while (left > 0) {
      const question = { ...request, ...after, limit: Math.min(left, PAGE_PAIRS) };
      const page = await this.#ask<Page>('SCAN', JSON.stringify(question));
      yield* page.pairs;
      left -= page.pairs.length;
      if (page.nextBase64 !== undefined) after = { afterBase64: page.nextBase64 };
      else if (page.next !== null) after = { after: page.next };
      else return;
    }
  }

  async *records({ onInstant, ...request }: RecordsRequest): AsyncGenerator<RecordPage> {
    let question: object = { ...request, ...(onInstant !== undefined && { instant: true }) };
    for (let pages = 0; ; pages++) {
      const reply = await this.#send(['RECORDS', JSON.stringify(question)], INSTANT_MS_MAX).catch((thrown: unknown) => {
        if (!(thrown instanceof OlderServerError) || thrown.details.field !== 'instant') throw thrown;
        question = request;
        return this.#send(['RECORDS', JSON.stringify(request)]);
      });
      const [frames, count, last, cursor, report] = Array.isArray(reply) ? reply : [];
      if (!Buffer.isBuffer(frames) || typeof count !== 'number') throw this.#stranger('it did not answer with records');
      if (pages === 0) {
        onInstant?.(report === undefined ? { instant: false, reason: 'older-server' } : this.#json(report));
      }
      const after = Buffer.isBuffer(last) ? last : undefined;
      yield { frames, count, after };
      if (after === undefined) return;
      if (typeof cursor === 'number') question = { cursor };
      else if (!('cursor' in question)) question = { ...request, afterBase64: after.toString('base64') };
    }
  }

  async restore(frames: Buffer): Promise<RestoreReport> {
    const pieces: Buffer[] = [];
    for (let at = 0; at < frames.length; at += ARGUMENT_SLACK_BYTES) {
      pieces.push(frames.subarray(at, at + ARGUMENT_SLACK_BYTES));
    }
    return this.#json(await this.#send(['RESTORE', ...pieces]));
  }

  status(): Promise<StatusReport> {
    return this.#ask('STATUS');
  }

  ring(): Promise<RingReport> {
    return this.#ask('RING');
  }

  repair(request: RepairRequest): Promise<RepairResult> {
    return this.#ask('REPAIR', JSON.stringify(request));
  }

  plan({ change, force }: ChangeOrder): Promise<RingPlan> {
    return this.#ask('PLAN', JSON.stringify({ ...change, force }));
  }

  change({ change, force }: ChangeOrder): Promise<ChangeResult> {
    return this.#ask('CHANGE', JSON.stringify({ ...change, force }));
  }

  /** Has the process end, or tells how far it is with that. */
  drain(waitMs: number): Promise<DrainReport> {
    return this.#ask('DRAIN', JSON.stringify({ waitMs }));
  }

  /** Whether the server answers on this connection. */
  isThere(): Promise<boolean> {
    return this.client.send(['PING']).then(
      () => true,
      () => false,
    );
  }

  async close(): Promise<void> {
    await this.client.close();
  }

  /** One command; the reply is taken for the type that server/admin-commands.ts gives it. */
  async #ask<Reply>(...words: string[]): Promise<Reply> {
    return this.#json(await this.#send(words));
  }

  #send(words: readonly (string | Buffer)[], deadlineMs?: number): Promise<RespValue> {
    return this.client.send(['KVORUM', ...words], deadlineMs).catch((thrown: unknown) => this.#explain(thrown));
  }

  #json<Reply>(reply: RespValue): Reply {
    if (typeof reply !== 'string' && !Buffer.isBuffer(reply)) throw this.#stranger('it did not answer with JSON');
    return JSON.parse(reply.toString()) as Reply;
  }

  /** KV_UNAVAILABLE is the store's own (too few replicas) as long as the connection lives, which a PING shows. */
  async #explain(thrown: unknown): Promise<never> {
    if (thrown instanceof Error && UNKNOWN_TO_IT.test(thrown.message)) throw await this.#older(thrown.message);
    if (thrown instanceof RespReplyError) throw this.#stranger(thrown.message);
    if (!(thrown instanceof StoreError) || thrown.code !== 'KV_UNAVAILABLE') throw thrown;
    if (await this.isThere()) throw thrown;
    throw new CliError('KV_UNREACHABLE', `${this.via}: ${thrown.message}; a write may have happened`, {}, thrown);
  }

  /** `complaint`: what the server said. */
  async #older(complaint: string): Promise<Error> {
    const hello = await this.client.send(['HELLO', '2']).catch(() => undefined);
    const facts = (Array.isArray(hello) ? hello : []).map(String);
    const theirs = facts[facts.indexOf('version') + 1];
    if (facts[facts.indexOf('server') + 1] !== SERVER_NAME || theirs === undefined) return this.#stranger(complaint);
    return new OlderServerError(this.via, theirs, complaint);
  }

  #stranger(why: string): CliError {
    return new CliError('KV_UNREACHABLE', `${this.via} is no kvorum server: ${why}`, { address: this.via });
  }
}

/** A pair as the socket carries it: 1e999 in a JSON text is a number, and JSON has no other form of it. */
function carried<Pair extends PairToWrite>(pair: Pair): Pair {
  const isText = typeof pair.value === 'string' || pair.type === 'bytes' || pair.type === 'cborBase64';
  return isText ? pair : { ...pair, ...exactToJson(pair.value) };
}

/** The process that holds the store does not know what is asked of it; `field`: which field of the question, where it is that. */
class OlderServerError extends StoreError {
  constructor(via: string, version: string, complaint: string) {
    const theirs = version === SERVER_VERSION ? `another build of kvorum ${version}` : `kvorum ${version}`;
    const message =
      `the process at ${via} runs ${theirs}, which does not know what this command line, of version ${SERVER_VERSION}, ` +
      `asks for (it says: ${complaint}); restart it with this version, or use the command line of its own`;
    const field = /^unknown field "([^"]*)"/.exec(complaint)?.[1];
    super('KV_PROTOCOL', message, { address: via, version, ...(field !== undefined && { field }) });
  }
}
