/**
 * The Redis door: a store over TCP or a Unix socket, for redis-cli, redis-benchmark and every Redis client library.
 *
 * There are no passwords: it listens on loopback unless told otherwise. All bounds are here or in resp-parser.ts:
 * connections, unparsed bytes over all of them, and requests in flight to the store: how many, and the bytes of them and of
 * their replies.
 */
import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { Store } from '../client/types.js';
import { StoreError } from '../core/errors.js';
import type { Draining } from './draining.js';
import { LocalReads } from './local-reads.js';
import { RecordCursors } from './record-cursors.js';
import { ReplyBudget } from './reply-budget.js';
import { COMMANDS } from './resp-commands.js';
import { type ConnectionHost, RespConnection } from './resp-connection.js';
import { RESP_LIMITS, type RespLimits } from './resp-parser.js';
import { RespWriter } from './resp-writer.js';
import { ScanCursors } from './scan-cursors.js';
import type { ServerCounters } from './session.js';
import { listenAtPath, removeSocket } from './unix-socket.js';

export interface RespServerOptions {
  /** Address to listen on; default `127.0.0.1`. Anyone who reaches it may read and write. */
  readonly host?: string;
  /** TCP port; default 7379, 0 for any free one. */
  readonly port?: number;
  /** Path of a Unix socket, instead of host and port; only the owner may connect to it. */
  readonly socketPath?: string;
  /** Most connections; default 10,000. The next one is told and closed. */
  readonly connectionsMax?: number;
  /** Bounds of a connection's input that differ from the usual. */
  readonly limits?: Partial<RespLimits>;
  /** Most bytes of values in replies that are gathered or wait for their clients; default 256 MiB. */
  readonly repliesBytesMax?: number;
  /** The data directory, as `KVORUM STATUS` shows it. */
  readonly dataPath?: string;
  /** Lets `KVORUM DRAIN` end the process; without it that is refused. */
  readonly draining?: Draining;
}

export interface RespServer {
  /** `host:port`, or the socket's path. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /** Stops listening, answers what was asked, ends the connections. The store stays open. Idempotent. */
  close(): Promise<void>;
}

export const PORT_DEFAULT = 7379;
const CONNECTIONS_DEFAULT_MAX = 10_000;
/** Most unparsed bytes over all connections. */
const BUFFERED_BYTES_MAX = 256 * 1024 * 1024;
/** Most requests to the store in flight over all connections; half of what a thread of the store takes. */
const IN_FLIGHT_MAX = 8_192;
/** Most bytes of commands that wait for the store, over all connections. */
const PENDING_BYTES_MAX = 256 * 1024 * 1024;
/** Most bytes of values in replies that are gathered or wait for their clients, over all connections. */
const REPLIES_BYTES_MAX = 256 * 1024 * 1024;
/** How long `close` waits for replies to be taken. */
const CLOSE_GRACE_MS = 2_000;
const KEEP_ALIVE_MS = 60_000;

/**
 * Serves a store until `close`.
 * @throws StoreError KV_INVALID_OPTION, KV_IN_USE (address or path is taken), KV_PATH
 */
export async function serveResp(store: Store, options: RespServerOptions = {}): Promise<RespServer> {
  const { socketPath, port = PORT_DEFAULT, host = '127.0.0.1' } = options;
  if (socketPath !== undefined && (options.port !== undefined || options.host !== undefined)) {
    throw new StoreError('KV_INVALID_OPTION', 'give a socketPath, or a host and port, not both', {
      option: 'socketPath',
    });
  }
  const door = new Door(store, options);
  if (socketPath === undefined) await listenAtPort(door.listener, host, port);
  else await listenAtPath(door.listener, socketPath);
  // A failed accept (no file descriptors left) is the client's loss; it must not end the process.
  door.listener.on('error', () => undefined);
  const shownHost = host.includes(':') ? `[${host}]` : host;
  return {
    address: socketPath ?? `${shownHost}:${door.port()}`,
    port: door.port(),
    close: () => door.close(),
  };
}

/** The listening socket and its connections. */
class Door implements ConnectionHost {
  readonly listener: Server;
  readonly localReads: LocalReads;
  readonly cursors = new ScanCursors(Date.now);
  readonly recordCursors = new RecordCursors();
  readonly replyBudget: ReplyBudget;
  readonly commands = COMMANDS;
  readonly limits: RespLimits;
  readonly writer = new RespWriter();
  readonly connectionsMax: number;
  readonly dataPath: string;
  readonly draining: Draining | undefined;
  readonly runId = randomBytes(20).toString('hex');
  readonly startedAtMs = Date.now();
  readonly counters: ServerCounters = {
    connectionsReceived: 0,
    connectionsRefused: 0,
    commands: 0,
    errorReplies: 0,
    protocolErrors: 0,
    internalErrors: 0,
    bytesIn: 0,
    bytesOut: 0,
  };
  private readonly connections = new Set<RespConnection>();
  private readonly scheduled = new Set<RespConnection>();
  /** Connections whose next command waits for room among the requests in flight. */
  private readonly waiting = new Set<RespConnection>();
  private readonly socketPath: string | undefined;
  private inFlight = 0;
  private bufferedBytes = 0;
  private pendingBytes = 0;
  private nextId = 1;
  private ended: Promise<void> | undefined;

  constructor(
    readonly store: Store,
    options: RespServerOptions,
  ) {
    this.connectionsMax = options.connectionsMax ?? CONNECTIONS_DEFAULT_MAX;
    if (!Number.isSafeInteger(this.connectionsMax) || this.connectionsMax < 1) {
      throw new StoreError('KV_INVALID_OPTION', 'connectionsMax must be a whole number, at least 1', {
        option: 'connectionsMax',
      });
    }
    this.limits = { ...RESP_LIMITS, ...options.limits };
    this.replyBudget = new ReplyBudget(options.repliesBytesMax ?? REPLIES_BYTES_MAX);
    this.socketPath = options.socketPath;
    this.dataPath = options.dataPath ?? '';
    this.draining = options.draining;
    this.localReads = new LocalReads(store);
    this.listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.accept(socket));
  }

  readonly port = (): number => {
    const address = this.listener.address();
    return typeof address === 'object' && address !== null ? (address as AddressInfo).port : 0;
  };

  readonly sessions = (): Iterable<RespConnection> => this.connections;

  schedule(connection: RespConnection): void {
    // nextTick runs after all promise callbacks of this round: the replies of a batch leave together.
    if (this.scheduled.size === 0) process.nextTick(() => this.runScheduled());
    this.scheduled.add(connection);
  }

  hasRoom(connection: RespConnection): boolean {
    if (this.inFlight < IN_FLIGHT_MAX && this.pendingBytes < PENDING_BYTES_MAX) return true;
    this.waiting.add(connection);
    return false;
  }

  enter(bytes: number): void {
    this.inFlight += 1;
    this.pendingBytes += bytes;
  }

  leave(bytes: number): void {
    this.inFlight -= 1;
    this.pendingBytes -= bytes;
    if (this.waiting.size === 0) return;
    for (const connection of this.waiting) this.schedule(connection);
    this.waiting.clear();
  }

  buffered(byBytes: number): boolean {
    this.bufferedBytes += byBytes;
    return this.bufferedBytes <= BUFFERED_BYTES_MAX;
  }

  closed(connection: RespConnection): void {
    this.connections.delete(connection);
    this.waiting.delete(connection);
  }

  close(): Promise<void> {
    this.ended ??= this.shutDown();
    return this.ended;
  }

  private runScheduled(): void {
    const connections = [...this.scheduled];
    this.scheduled.clear();
    for (const connection of connections) connection.turn();
  }

  private accept(socket: Socket): void {
    this.counters.connectionsReceived += 1;
    if (this.connections.size >= this.connectionsMax) {
      this.counters.connectionsRefused += 1;
      socket.on('error', () => socket.destroy());
      socket.end('-ERR max number of clients reached\r\n', () => socket.destroy());
      return;
    }
    if (this.socketPath === undefined) socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.connections.add(new RespConnection(this.nextId++, this, socket, this.socketPath));
  }

  private async shutDown(): Promise<void> {
    if (this.socketPath !== undefined) await removeSocket(this.socketPath);
    const stopped = new Promise<void>((resolve) => {
      this.listener.close(() => resolve());
    });
    for (const connection of [...this.connections]) connection.end();
    const grace = setTimeout(() => {
      for (const connection of this.connections) connection.destroy();
    }, CLOSE_GRACE_MS);
    await stopped;
    clearTimeout(grace);
    this.recordCursors.close();
  }
}

function listenAtPort(listener: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException) => {
      const taken = error.code === 'EADDRINUSE';
      const why = taken ? 'another process does; stop it, or name another address' : error.message;
      const code = taken ? 'KV_IN_USE' : 'KV_INVALID_OPTION';
      reject(new StoreError(code, `cannot listen at ${host}:${port}: ${why}`, { host, port }, error));
    };
    listener.once('error', refused);
    try {
      listener.listen(port, host, () => {
        listener.removeListener('error', refused);
        resolve();
      });
    } catch (thrown) {
      refused(thrown as NodeJS.ErrnoException);
    }
  });
}
