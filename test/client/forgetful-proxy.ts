/**
 * A proxy in front of a host that can part from it: it holds up what the host sends to its callers, ends the connections on
 * the host's side only, and hands on what it held later, as a buffer somewhere on the way does.
 */
import { connect, createServer, type Server, type Socket } from 'node:net';

interface Pair {
  readonly caller: Socket;
  readonly host: Socket;
  readonly held: Buffer[];
}

export class ForgetfulProxy {
  port = 0;
  #isHolding = false;
  readonly #server: Server;
  readonly #pairs: Pair[] = [];

  constructor(hostPort: number) {
    this.#server = createServer((caller) => this.#accept(caller, connect(hostPort, '127.0.0.1')));
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.port = (this.#server.address() as { port: number }).port;
  }

  #accept(caller: Socket, host: Socket): void {
    const held: Buffer[] = [];
    this.#pairs.push({ caller, host, held });
    for (const socket of [caller, host]) socket.on('error', () => undefined);
    caller.on('data', (bytes) => host.destroyed || host.write(bytes));
    host.on('data', (bytes) => (this.#isHolding ? held.push(bytes) : caller.write(bytes)));
    caller.on('close', () => host.destroy());
    host.on('close', () => this.#isHolding || caller.destroy());
  }

  /** From here on nothing arrives of what the host sends. */
  hold(): void {
    this.#isHolding = true;
  }

  get heldBytes(): number {
    return this.#pairs.flatMap(({ held }) => held).reduce((sum, { length }) => sum + length, 0);
  }

  /** The host sees its connections end, the callers do not. */
  partFromHost(): void {
    for (const { host } of this.#pairs) host.destroy();
  }

  /** What was held up arrives. */
  release(): void {
    for (const { caller, held } of this.#pairs) for (const bytes of held.splice(0)) caller.write(bytes);
  }

  /** The callers see their connections end too, and may come again. */
  forget(): void {
    this.#isHolding = false;
    for (const { caller } of this.#pairs) caller.destroy();
  }

  close(): void {
    this.#isHolding = false;
    this.#server.close();
    for (const { caller, host } of this.#pairs) {
      caller.destroy();
      host.destroy();
    }
  }
}
