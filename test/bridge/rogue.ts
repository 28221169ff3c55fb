/** A peer that has authenticated itself and then does as it likes, a proxy that breaks connections, and ports that are free. */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ExecutionContext } from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import { allocateFrame, type FrameType } from '../../src/bridge/frame.js';
import type { Frame } from '../../src/bridge/frame-decoder.js';
import { FrameSocket } from '../../src/bridge/frame-socket.js';
import { Greeter } from '../../src/bridge/greeter.js';
import { FRAME_HEADER_BYTES } from '../../src/bridge/limits.js';
import { Tally } from '../../src/bridge/stats.js';
import { type FakeHost, ROOM, strangerTo } from './bridge-fixture.js';

export class Rogue {
  readonly socket: Socket;
  readonly frames: FrameType[] = [];
  closed: string | undefined;
  readonly #link: FrameSocket;

  constructor(socket: Socket) {
    this.socket = socket;
    this.#link = new FrameSocket(socket, 'rogue', new Tally());
  }

  /** Introduces itself as the host with this name and number. */
  greet(host: string, index: number): Promise<void> {
    const greeter = new Greeter({
      clusterName: 'test',
      clockDriftMaxMs: 60_000,
      optionsHash: 'options',
      purpose: 'peer',
      monotonicMs: () => performance.now() | 0,
      self: { host, address: '127.0.0.1:1', first: index * ROOM, room: ROOM, zone: '', machine: '' },
    });
    return new Promise((resolve, reject) => {
      greeter.greet(this.#link, {
        part: 'dialer',
        names: undefined,
        objection: () => undefined,
        onEnd: (end) => {
          if (end.kind === 'refused') reject(new Error(end.reason));
          else this.#listen(resolve);
        },
      });
    });
  }

  #listen(begun: () => void): void {
    this.#link.handler = {
      onFrame: ({ type }: Frame) => this.frames.push(type),
      onIdle: () => undefined,
      onClosed: (reason) => {
        this.closed = reason;
      },
    };
    begun();
  }

  send(type: FrameType, lane: number, body: Int32Array): void {
    const frame = allocateFrame(body.length * 4);
    frame.words.set(body, FRAME_HEADER_BYTES / 4);
    this.#link.send(frame, { type, lane }, body.length * 4);
  }
}

/** A host of the cluster, by name and number, that is none of ours. */
export async function rogueAt(t: ExecutionContext, host: FakeHost, name: string, index: number): Promise<Rogue> {
  const rogue = new Rogue(await strangerTo(t, host));
  await rogue.greet(name, index);
  return rogue;
}

/** Passes bytes on to a port, until it is told to cut. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  target = 0;
  port = 0;
  connections = 0;

  constructor() {
    this.#server = createServer((inner) => {
      this.connections++;
      const outer = connect(this.target, '127.0.0.1');
      for (const socket of [inner, outer]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#sockets.delete(socket);
          (socket === inner ? outer : inner).destroy();
        });
      }
      inner.pipe(outer);
      outer.pipe(inner);
    });
  }

  async start(t: ExecutionContext): Promise<this> {
    t.teardown(() => {
      this.cut();
      this.#server.close();
    });
    this.port = await listenAnywhere(this.#server);
    return this;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

async function listenAnywhere(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** So many ports that nobody uses. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
