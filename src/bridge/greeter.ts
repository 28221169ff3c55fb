/** Makes the greetings of one host: its own hello, and what it holds against another's. */
import { randomBytes } from 'node:crypto';
import type { FrameSocket } from './frame-socket.js';
import { Greeting, type GreetingEnd } from './greeting.js';
import { Handshake } from './handshake.js';
import { type Hello, MAGIC, NONCE_BYTES, PROTOCOL_VERSIONS, type Purpose } from './hello.js';
import { HANDSHAKE_MS } from './limits.js';
import type { RefusalReason } from './refusal.js';
import type { Part } from './secret-proof.js';
import type { Credentials, HostAddress } from './types.js';

export interface GreeterOptions extends Credentials {
  readonly self: HostAddress;
  readonly optionsHash: string;
  readonly clusterId?: string;
  readonly purpose: Purpose;
  readonly monotonicMs: () => number;
}

export interface Approach {
  readonly part: Part;
  /** Ids that the peer's certificate names; undefined without TLS. */
  readonly names: readonly string[] | undefined;
  readonly objection: (hello: Hello) => RefusalReason | undefined;
  readonly onEnd: (end: GreetingEnd) => void;
}

export class Greeter {
  readonly #options: GreeterOptions;
  readonly #incarnation = randomBytes(6).readUIntLE(0, 6);

  constructor(options: GreeterOptions) {
    this.#options = options;
  }

  /** Greets whoever is at the other end. */
  greet(link: FrameSocket, { part, names, objection, onEnd }: Approach): void {
    const { secret, tls, clockDriftMaxMs, handshakeMs = HANDSHAKE_MS } = this.#options;
    const handshake = new Handshake({
      part,
      hello: () => this.#hello(),
      secret,
      judgement: () => ({
        clockMs: Date.now(),
        clockDriftMaxMs,
        certificateNames: names,
        allow: tls?.allow,
        objection,
      }),
    });
    new Greeting(link, handshake, handshakeMs, onEnd).begin();
  }

  #hello(): Hello {
    const {
      clusterName,
      self,
      optionsHash,
      clusterId,
      purpose,
      secret,
      versions = PROTOCOL_VERSIONS,
      monotonicMs,
    } = this.#options;
    return {
      magic: MAGIC,
      versions,
      cluster: clusterName,
      incarnation: this.#incarnation,
      optionsHash,
      ...(clusterId !== undefined && { clusterId }),
      clockMs: Date.now(),
      monotonicMs: monotonicMs(),
      nonce: randomBytes(NONCE_BYTES),
      purpose,
      proves: secret !== undefined,
      self,
    };
  }
}
