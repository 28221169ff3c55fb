/** A served store on a free port for one test, with raw sockets and kvorum's own client; all of it ends with the test. */
import { connect, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import type { Store } from '../../src/client/types.js';
import { connectResp, type RespClient } from '../../src/server/resp-client.js';
import { type RespServer, type RespServerOptions, serveResp } from '../../src/server/resp-server.js';
import { FakeStore } from './fake-store.js';

export interface Served<S extends Store> {
  readonly store: S;
  readonly server: RespServer;
  readonly client: RespClient;
}

export async function serve(t: ExecutionContext, options: RespServerOptions = {}): Promise<Served<FakeStore>> {
  return serveStore(t, new FakeStore(), options);
}

export async function serveStore<S extends Store>(
  t: ExecutionContext,
  store: S,
  options: RespServerOptions = {},
): Promise<Served<S>> {
  const server = await serveResp(store, options.socketPath === undefined ? { port: 0, ...options } : options);
  t.teardown(() => server.close());
  const target = options.socketPath === undefined ? tcp(server) : { path: options.socketPath };
  const client = await connectResp(target, { deadlineMs: 20_000, inFlightMax: 20_000 });
  t.teardown(() => client.close());
  return { store, server, client };
}

export const tcp = (server: RespServer) => ({ host: '127.0.0.1', port: server.port });

/** A connection without a parser. */
export class RawConnection {
  readonly socket: Socket;
  received = Buffer.alloc(0);
  ended = false;

  constructor(server: RespServer) {
    this.socket = connect({ ...tcp(server), allowHalfOpen: true });
    this.socket.on('data', (chunk: Buffer) => {
      this.received = Buffer.concat([this.received, chunk]);
    });
    this.socket.on('end', () => {
      this.ended = true;
    });
    this.socket.on('error', () => undefined);
  }

  send(text: string | Buffer): void {
    this.socket.write(text);
  }

  /** What came until `done` says that it is enough. */
  async until(done: (text: string) => boolean): Promise<string> {
    await eventually(() => done(this.received.toString('latin1')));
    return this.received.toString('latin1');
  }
}

export function raw(t: ExecutionContext, server: RespServer): RawConnection {
  const connection = new RawConnection(server);
  t.teardown(() => connection.socket.destroy());
  return connection;
}

/** How long what must come may take: a slow machine sends many megabytes in some of these tests. */
const PATIENCE_MS = 60_000;

/** Waits until something holds; fails in the end. */
export async function eventually(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Replies as plain text, so that they are easy to compare. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('latin1');
  if (Array.isArray(value)) return value.map(plain);
  return value;
}

/** The reply or the error text of a command given as words. */
export async function ask(client: RespClient, ...words: (string | Buffer)[]): Promise<unknown> {
  try {
    return plain(await client.send(words));
  } catch (thrown) {
    const { code, message } = thrown as { code: string; message: string };
    return `${code} ${message}`;
  }
}
