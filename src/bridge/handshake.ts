/**
 * The greeting of two hosts as a pure state machine: what came in, what is sent, and how it ends.
 *
 *   dialer                      listener
 *   hello                  ->
 *                          <-   hello          or refuse
 *   proof                  ->                  with a secret: the side that anybody can reach proves last
 *                          <-   proof
 *   welcome                ->
 *                          <-   welcome        from here on either may send anything
 */
import { decodeBody, encodeBody } from '../protocol/body.js';
import { isBoundedCbor } from './cbor-bounds.js';
import { FrameType } from './frame.js';
import { commonVersion, type Hello, type Judgement, judgeHello, readHello } from './hello.js';
import type { RefusalReason } from './refusal.js';
import { isProof, type Part, proofOf, type Transcript } from './secret-proof.js';

export interface Step {
  readonly send: readonly { readonly type: FrameType; readonly packed: Uint8Array }[];
  readonly end?:
    | { readonly peer: Hello; readonly version: number }
    | { readonly reason: RefusalReason; readonly text: string };
}

export interface HandshakeOptions {
  readonly part: Part;
  /** This side's, made when it is sent: it tells the time. */
  readonly hello: () => Hello;
  readonly secret: string | undefined;
  /** Asked once, when the other hello is here. */
  readonly judgement: () => Judgement;
}

export class Handshake {
  readonly #options: HandshakeOptions;
  #own: Hello | undefined;
  #packed = new Uint8Array(0);
  #awaits: FrameType | undefined = FrameType.hello;
  #transcript: Transcript | undefined;
  #peer: Hello | undefined;

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  /** What this side sends unasked. */
  begin(): Step {
    if (this.#options.part === 'listener') return { send: [] };
    this.#introduce();
    return { send: [{ type: FrameType.hello, packed: this.#packed }] };
  }

  #introduce(): Hello {
    if (this.#own === undefined) {
      this.#own = this.#options.hello();
      this.#packed = Uint8Array.from(encodeBody(this.#own));
    }
    return this.#own;
  }

  /** A frame came; the CBOR of its body. Nothing may come after the end. */
  receive(type: FrameType, packed: Uint8Array): Step {
    if (type === FrameType.refuse) return this.#refusedBy(packed);
    if (type !== this.#awaits) return this.#refuse('order', 'a frame out of turn');
    if (!isBoundedCbor(packed)) return this.#refuse('malformed', 'a greeting that is no plain CBOR');
    if (type === FrameType.hello) return this.#greeted(packed);
    return type === FrameType.proof ? this.#proved(packed) : this.#welcomed();
  }

  #greeted(packed: Uint8Array): Step {
    const { part, secret, judgement } = this.#options;
    const hello = this.#introduce();
    const theirs = readHello(attempt(packed));
    if (typeof theirs === 'string') return this.#refuse(theirs, 'the hello is none that this host understands');
    const reason = judgeHello(hello, theirs, judgement());
    if (reason !== undefined) return this.#refuse(reason, describe(reason, hello, theirs));
    const [own, other] = [this.#packed, Uint8Array.from(packed)];
    this.#transcript = part === 'dialer' ? { dialer: own, listener: other } : { dialer: other, listener: own };
    this.#peer = theirs;
    this.#awaits = secret === undefined ? FrameType.welcome : FrameType.proof;
    if (part === 'listener') return { send: [{ type: FrameType.hello, packed: own }] };
    return { send: [secret === undefined ? WELCOME : this.#proof(secret)] };
  }

  #proof(secret: string): Step['send'][number] {
    const proof = proofOf(secret, this.#options.part, this.#transcript as Transcript);
    return { type: FrameType.proof, packed: Uint8Array.from(encodeBody(proof)) };
  }

  #proved(packed: Uint8Array): Step {
    const { part, secret = '' } = this.#options;
    const proof = attempt(packed);
    const other = part === 'dialer' ? 'listener' : 'dialer';
    if (!(proof instanceof Uint8Array) || !isProof(proof, secret, other, this.#transcript as Transcript)) {
      return this.#refuse('proof', 'the secrets differ');
    }
    this.#awaits = FrameType.welcome;
    return { send: [part === 'listener' ? this.#proof(secret) : WELCOME] };
  }

  #welcomed(): Step {
    const { part } = this.#options;
    const peer = this.#peer as Hello;
    const version = commonVersion(this.#introduce().versions, peer.versions) as number;
    this.#awaits = undefined;
    return { send: part === 'listener' ? [WELCOME] : [], end: { peer, version } };
  }

  #refuse(reason: RefusalReason, text: string): Step {
    this.#awaits = undefined;
    return {
      send: [{ type: FrameType.refuse, packed: Uint8Array.from(encodeBody({ reason, text })) }],
      end: { reason, text },
    };
  }

  /** The peer refuses us: its reason is the text, and is believed no further. */
  #refusedBy(packed: Uint8Array): Step {
    this.#awaits = undefined;
    return { send: [], end: { reason: 'refused', text: readRefusal(packed) } };
  }
}

const WELCOME = { type: FrameType.welcome, packed: Uint8Array.from(encodeBody({})) };

/** The reason that a peer gives, cut to a word. */
export function readRefusal(packed: Uint8Array): string {
  const plain = isBoundedCbor(packed) ? attempt(packed) : undefined;
  const reason = typeof plain === 'object' && plain !== null ? (plain as Record<string, unknown>).reason : undefined;
  return typeof reason === 'string' && /^[a-z-]{1,40}$/.test(reason) ? reason : 'unknown';
}

/** What the bytes decode to; undefined where they do not. */
function attempt(packed: Uint8Array): unknown {
  try {
    return decodeBody(packed);
  } catch {
    return undefined;
  }
}

function describe(reason: RefusalReason, own: Hello, theirs: Hello): string {
  switch (reason) {
    case 'version':
      return `this host speaks versions ${own.versions.min} to ${own.versions.max}, the other ${theirs.versions.min} to ${theirs.versions.max}`;
    case 'clock':
      return `the clocks differ by ${Math.abs(own.clockMs - theirs.clockMs)} ms`;
    case 'id-in-use':
      return `another process is connected as ${theirs.self.host}`;
    case 'not-admitted':
      return `${theirs.self.host} is no host of the cluster`;
    case 'range':
      return `nodes from ${theirs.self.first} on are taken`;
    default:
      return `the hosts do not agree: ${reason}`;
  }
}
