/**
 * The door: accepts connections and knows those that have not authenticated themselves yet, the strangers. Their number is
 * bounded; at the bound the oldest makes room, unless it has only just come, so that nobody keeps the door by saying nothing.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { StoreError } from '../core/errors.js';
import { formatEndpoint } from './host-address.js';
import { FAREWELL_MS, HANDSHAKE_MS, STRANGER_GRACE_MS, STRANGERS_MAX } from './limits.js';
import type { RefusalReason } from './refusal.js';
import type { Tally } from './stats.js';
import { isCertificateError, serverTls } from './tls-identity.js';
import type { TlsSettings } from './types.js';

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsSettings | undefined;
  readonly tally: Tally;
  /** A stranger, behind TLS where there is any. `isKnown` is called once it is none any more. */
  readonly onStranger: (socket: Socket, address: string, isKnown: () => void) => void;
  readonly onRefused: (address: string, reason: RefusalReason) => void;
}

export class Listener {
  strangersMost = 0;
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #accepted = new Set<Socket>();
  /** When each came, oldest first. */
  readonly #strangers = new Map<Socket, number>();

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { tls } = options;
    if (tls === undefined) {
      this.#server = createServer((socket) => {
        if (this.#admit(socket)) this.#greet(socket, socket);
      });
      return;
    }
    const server = createTlsServer({ ...serverTls(tls), handshakeTimeout: HANDSHAKE_MS });
    const rawOf = new Map<string, Socket>();
    server.prependListener('connection', (raw: Socket) => {
      const name = nameOf(raw);
      if (!this.#admit(raw)) return;
      rawOf.set(name, raw);
      raw.once('close', () => rawOf.delete(name));
    });
    server.on('secureConnection', (socket) => {
      const raw = rawOf.get(nameOf(socket));
      if (raw === undefined) socket.destroy();
      else this.#greet(socket, raw);
    });
    server.on('tlsClientError', (error, socket) => {
      const reason = isCertificateError(error) ? 'certificate' : 'closed';
      options.tally.closed[reason]++;
      options.onRefused(addressOf(socket), reason);
      socket.destroy();
    });
    this.#server = server;
  }

  get strangers(): number {
    return this.#strangers.size;
  }

  /** Resolves to the port. @throws StoreError KV_IN_USE, KV_INVALID_OPTION */
  async listen(): Promise<number> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => {
        const taken = error.code === 'EADDRINUSE';
        const why = taken ? 'another process does; stop it, or name another address' : error.message;
        const code = taken ? 'KV_IN_USE' : 'KV_INVALID_OPTION';
        reject(new StoreError(code, `cannot listen at ${formatEndpoint({ host, port })}: ${why}`, {}, error));
      };
      this.#server.once('error', fail);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', fail);
        // a failed accept (no file descriptors left) is the peer's loss
        this.#server.on('error', () => undefined);
        resolve();
      });
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops listening and turns out the strangers; resolves once the others, whom their owner ends, are gone too, soon. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#strangers.keys()) socket.destroy();
    const timer = setTimeout(() => {
      for (const socket of this.#accepted) socket.destroy();
    }, FAREWELL_MS);
    await closed;
    clearTimeout(timer);
  }

  /** Whether there is room for the connection; destroys it otherwise. */
  #admit(raw: Socket): boolean {
    const { tally, onRefused } = this.#options;
    raw.on('error', () => undefined);
    tally.accepted++;
    const now = performance.now();
    if (this.#strangers.size >= STRANGERS_MAX) {
      const [oldest, since] = this.#strangers.entries().next().value as [Socket, number];
      const turnedOut = now - since < STRANGER_GRACE_MS ? raw : oldest;
      tally.closed.busy++;
      onRefused(addressOf(turnedOut), 'busy');
      this.#strangers.delete(oldest === turnedOut ? oldest : raw);
      turnedOut.destroy();
      if (turnedOut === raw) return false;
    }
    this.#accepted.add(raw);
    this.#strangers.set(raw, now);
    this.strangersMost = Math.max(this.strangersMost, this.#strangers.size);
    raw.once('close', () => {
      this.#accepted.delete(raw);
      this.#strangers.delete(raw);
    });
    return true;
  }

  #greet(socket: Socket, raw: Socket): void {
    this.#options.onStranger(socket, addressOf(raw), () => this.#strangers.delete(raw));
  }
}

const nameOf = (socket: Socket): string => `${socket.remoteAddress}|${socket.remotePort}`;

const addressOf = ({ remoteAddress = 'unknown', remotePort = 0 }: Socket): string =>
  formatEndpoint({ host: remoteAddress, port: remotePort });
