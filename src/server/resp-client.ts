/**
 * A small RESP2 client, for the command line tool: one connection over TCP or a Unix socket, pipelined and bounded.
 *
 * Replies come in the order of the requests. A connection that fails rejects everything in flight; it does not reconnect,
 * since whether a write may be sent again is the caller's to know.
 */
import { connect, type Socket } from 'node:net';
import { ERROR_CODES, type ErrorCode, StoreError, type WireError } from '../core/errors.js';
import { RespReplyError, RespReplyParser, type RespValue } from './resp-reply-parser.js';
import { RespWriter } from './resp-writer.js';

export type RespTarget = { readonly path: string } | { readonly host: string; readonly port: number };

export interface RespClientOptions {
  /** Milliseconds until a connection or a reply is given up; default 30,000. */
  readonly deadlineMs?: number;
  /** Most requests without a reply; default 1,024. */
  readonly inFlightMax?: number;
  /** Asks for the details of the store's errors; a server that knows no `KVORUM ERRORS` sends code and message. Default false. */
  readonly errorDetails?: boolean;
}

export interface RespClient {
  /**
   * Sends one command; the reply in RESP2 types, within `deadlineMs`, or that of the connection.
   * @throws StoreError the store's own error; KV_OVERLOADED beyond `inFlightMax`; KV_DEADLINE_EXCEEDED; KV_UNAVAILABLE
   *   when the connection is lost (a write may have happened); KV_CLOSED; RespReplyError for another error reply
   */
  send(args: readonly (string | Uint8Array)[], deadlineMs?: number): Promise<RespValue>;
  /** Waits for what is in flight, then ends the connection. Idempotent. */
  close(): Promise<void>;
}

const DEADLINE_MS_DEFAULT = 30_000;
const IN_FLIGHT_DEFAULT_MAX = 1_024;

/** Connects. @throws StoreError KV_UNAVAILABLE when nobody answers there, KV_DEADLINE_EXCEEDED when nobody does in time */
export async function connectResp(target: RespTarget, options: RespClientOptions = {}): Promise<RespClient> {
  const { deadlineMs = DEADLINE_MS_DEFAULT, inFlightMax = IN_FLIGHT_DEFAULT_MAX } = options;
  const socket = connect({ ...target, noDelay: true });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => fail(new Error('timeout')), deadlineMs);
    const fail = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      const where = 'path' in target ? target.path : `${target.host}:${target.port}`;
      reject(new StoreError('KV_UNAVAILABLE', `cannot connect to ${where}: ${error.message}`, {}, error));
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', fail);
      resolve();
    });
  });
  const connection = new Connection(socket, deadlineMs, inFlightMax);
  if (options.errorDetails === true) await connection.askForDetails();
  return connection;
}

interface Waiting {
  resolve(value: RespValue): void;
  reject(error: Error): void;
  readonly untilMs: number;
  readonly deadlineMs: number;
}

class Connection implements RespClient {
  private readonly parser = new RespReplyParser();
  private readonly writer = new RespWriter();
  private readonly waiting: Waiting[] = [];
  private readonly timer: NodeJS.Timeout;
  private hasDetails = false;
  private flushing = false;
  private failure: StoreError | undefined;
  private closing: Promise<void> | undefined;
  private drained: (() => void) | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly deadlineMs: number,
    private readonly inFlightMax: number,
  ) {
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error) => this.fail('KV_UNAVAILABLE', `the connection failed: ${error.message}`));
    socket.on('close', () => this.fail('KV_UNAVAILABLE', 'the server closed the connection'));
    this.timer = setInterval(() => this.checkDeadline(), Math.max(10, Math.min(1_000, deadlineMs / 4)));
    this.timer.unref();
  }

  /** Before all else. Where the connection fails meanwhile, the next command tells. */
  async askForDetails(): Promise<void> {
    const refused = () => false;
    this.hasDetails = await this.send(['KVORUM', 'ERRORS', 'JSON']).then((reply) => reply === 'OK', refused);
  }

  send(args: readonly (string | Uint8Array)[], deadlineMs = this.deadlineMs): Promise<RespValue> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.closing !== undefined) return Promise.reject(new StoreError('KV_CLOSED', 'the connection is closed'));
    if (this.waiting.length >= this.inFlightMax) {
      return Promise.reject(new StoreError('KV_OVERLOADED', `${this.inFlightMax} requests are in flight already`));
    }
    this.writer.array(args.length);
    for (const argument of args) {
      if (typeof argument === 'string') this.writer.bulkText(argument);
      else this.writer.bulk(argument);
    }
    if (!this.flushing) {
      this.flushing = true;
      process.nextTick(() => this.flush());
    }
    const untilMs = Date.now() + deadlineMs;
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject, untilMs, deadlineMs }));
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async shutDown(): Promise<void> {
    if (this.failure !== undefined) return;
    if (this.waiting.length > 0) {
      await new Promise<void>((resolve) => {
        this.drained = resolve;
      });
    }
    this.fail('KV_CLOSED', 'the connection is closed');
  }

  private flush(): void {
    this.flushing = false;
    if (this.failure === undefined) this.socket.write(this.writer.take());
  }

  private receive(chunk: Buffer): void {
    try {
      this.parser.push(chunk);
      for (;;) {
        const value = this.parser.next();
        if (value === undefined) break;
        this.settle(value);
      }
    } catch (thrown) {
      this.fail('KV_PROTOCOL', (thrown as Error).message);
    }
    if (this.waiting.length === 0) this.drained?.();
  }

  private settle(value: RespValue): void {
    const request = this.waiting.shift();
    if (request === undefined) throw new StoreError('KV_PROTOCOL', 'the server answered what was not asked');
    if (value instanceof RespReplyError) request.reject(storeErrorOf(value, this.hasDetails));
    else request.resolve(value);
  }

  private checkDeadline(): void {
    const oldest = this.waiting[0];
    if (oldest === undefined || Date.now() < oldest.untilMs) return;
    this.fail('KV_DEADLINE_EXCEEDED', `no reply within ${oldest.deadlineMs} ms; a write may or may not have happened`);
  }

  private fail(code: ErrorCode, message: string): void {
    if (this.failure !== undefined) return;
    this.failure = new StoreError(code, message);
    clearInterval(this.timer);
    this.socket.destroy();
    for (const request of this.waiting.splice(0)) request.reject(this.failure);
    this.drained?.();
  }
}

/** The store's error back from its reply; another server error as it is. */
function storeErrorOf(error: RespReplyError, hasDetails: boolean): Error {
  const { code } = error;
  const told = hasDetails && code.startsWith('KV_') ? parsed(error.message) : error;
  if (told === undefined) return new StoreError('KV_PROTOCOL', `the server broke the protocol: ${error.message}`);
  if (!Object.hasOwn(ERROR_CODES, code)) return new RespReplyError(code, told.message);
  return new StoreError(code as ErrorCode, told.message, 'details' in told ? told.details : {});
}

function parsed(json: string): Omit<WireError, 'code'> | undefined {
  try {
    return JSON.parse(json) as Omit<WireError, 'code'>;
  } catch {
    return undefined;
  }
}
