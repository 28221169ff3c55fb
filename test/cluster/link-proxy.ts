/**
 * A proxy in front of a host that knows who connects: it reads the dialer's hello as it passes (a frame of the bridge, in
 * the clear unless there is TLS), so that each link can be treated by itself: held up in one direction or both, delayed,
 * split into odd pieces, reset, or replayed on a second connection.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import { decode } from 'cbor-x';

export interface LinkRule {
  /** Bytes of the dialer, or those of the host, go no further until the rule is another one. */
  readonly holdsUp: boolean;
  readonly holdsDown: boolean;
  readonly delayMs: number;
  /** Passes at most so many bytes at once; 0: as they come. */
  readonly pieceBytes: number;
}

export const OPEN_LINK: LinkRule = { holdsUp: false, holdsDown: false, delayMs: 0, pieceBytes: 0 };

const FRAME_HEADER_BYTES = 16;
const LOOK_MS = 5;

interface Link {
  dialer: string | undefined;
  readonly near: Socket;
  readonly far: Socket;
  /** First bytes of the dialer, until its hello is whole. */
  head: Buffer;
}

export class LinkProxy {
  port = 0;
  replays = 0;
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #ruleFor: (dialer: string) => LinkRule;
  readonly #links = new Set<Link>();
  /** First bytes of the last dialer, as they came. */
  #lastHello: Buffer = Buffer.alloc(0);

  constructor(target: { host: string; port: number }, ruleFor: (dialer: string) => LinkRule) {
    this.#target = target;
    this.#ruleFor = ruleFor;
    this.#server = createServer((near) => this.#accept(near));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as { port: number }).port;
  }

  #accept(near: Socket): void {
    const far = connect(this.#target);
    const link: Link = { dialer: undefined, near, far, head: Buffer.alloc(0) };
    this.#links.add(link);
    const end = () => {
      near.destroy();
      far.destroy();
      this.#links.delete(link);
    };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
    }
    near.on('data', (bytes: Buffer) => {
      this.#learn(link, bytes);
      void this.#pass(link, near, far, bytes, 'holdsUp');
    });
    far.on('data', (bytes: Buffer) => void this.#pass(link, far, near, bytes, 'holdsDown'));
  }

  #learn(link: Link, bytes: Buffer): void {
    if (link.dialer !== undefined) return;
    link.head = Buffer.concat([link.head, bytes]);
    const dialer = dialerOf(link.head);
    if (dialer === undefined) return;
    link.dialer = dialer;
    this.#lastHello = link.head;
  }

  /** One piece after the other, so that order is kept; the sender is paused meanwhile. */
  async #pass(link: Link, from: Socket, to: Socket, bytes: Buffer, side: 'holdsUp' | 'holdsDown'): Promise<void> {
    from.pause();
    let at = 0;
    while (at < bytes.length && !to.destroyed) {
      const rule = link.dialer === undefined ? OPEN_LINK : this.#ruleFor(link.dialer);
      if (rule[side]) {
        await wait(LOOK_MS);
        continue;
      }
      if (rule.delayMs > 0) await wait(rule.delayMs);
      const end = rule.pieceBytes === 0 ? bytes.length : Math.min(bytes.length, at + rule.pieceBytes);
      to.write(bytes.subarray(at, end));
      at = end;
    }
    from.resume();
  }

  /** Resets every connection of this dialer, or of all. */
  reset(dialer?: string): void {
    for (const { near, far, dialer: own } of this.#links) {
      if (dialer !== undefined && own !== dialer) continue;
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
  }

  /** Sends the last dialer's first bytes to the host again, from a stranger. */
  async replay(): Promise<void> {
    if (this.#lastHello.length === 0) return;
    this.replays++;
    const socket = connect(this.#target);
    socket.on('error', () => undefined);
    socket.write(this.#lastHello);
    await wait(200);
    socket.destroy();
  }

  async close(): Promise<void> {
    this.reset();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Who says hello, if the bytes hold all of it. */
function dialerOf(head: Buffer): string | undefined {
  if (head.length < FRAME_HEADER_BYTES) return undefined;
  const end = FRAME_HEADER_BYTES + head.readUInt32LE(0);
  if (head.length < end) return undefined;
  try {
    const hello = decode(head.subarray(FRAME_HEADER_BYTES, end)) as { readonly host?: unknown };
    return typeof hello.host === 'string' ? hello.host : '';
  } catch {
    return '';
  }
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
