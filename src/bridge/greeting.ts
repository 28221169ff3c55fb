/** A connection until its peer is known: the handshake over a socket, within its time limit. */
import { FrameType } from './frame.js';
import type { Frame } from './frame-decoder.js';
import type { FrameHandler, FrameSocket } from './frame-socket.js';
import type { Handshake, Step } from './handshake.js';
import type { Hello } from './hello.js';
import { packedBody, packedFrame } from './plain-frame.js';
import { type RefusalReason, violation } from './refusal.js';

export interface KnownPeer {
  readonly peer: Hello;
  readonly version: number;
}

export type GreetingEnd =
  | (KnownPeer & { readonly kind: 'known' })
  | { readonly kind: 'refused'; readonly reason: RefusalReason; readonly text: string };

const GREETING_TYPES = new Set([FrameType.hello, FrameType.proof, FrameType.welcome, FrameType.refuse]);

export class Greeting implements FrameHandler {
  readonly #link: FrameSocket;
  readonly #handshake: Handshake;
  readonly #onEnd: (end: GreetingEnd) => void;
  readonly #timer: NodeJS.Timeout;
  #isOver = false;

  /** Calls `onEnd` once, within `limitMs`. When the peer is known, the connection is the caller's, who sets its handler. */
  constructor(link: FrameSocket, handshake: Handshake, limitMs: number, onEnd: (end: GreetingEnd) => void) {
    this.#link = link;
    this.#handshake = handshake;
    this.#onEnd = onEnd;
    this.#timer = setTimeout(() => link.destroy('timeout', 'the greeting took too long'), limitMs);
    link.handler = this;
  }

  begin(): void {
    this.#take(this.#handshake.begin());
  }

  onFrame(frame: Frame): void {
    if (!GREETING_TYPES.has(frame.type)) throw violation('order', 'no greeting');
    this.#take(this.#handshake.receive(frame.type, packedBody(frame, frame.bodyBytes)));
  }

  onIdle(): void {}

  onClosed(reason: RefusalReason, text: string): void {
    this.#finish({ kind: 'refused', reason, text });
  }

  #take({ send, end }: Step): void {
    for (const { type, packed } of send) {
      const { frame, bodyBytes } = packedFrame(packed);
      this.#link.send(frame, { type, lane: 0 }, bodyBytes);
    }
    if (end === undefined) return;
    if ('reason' in end) this.#link.finish(end.reason, end.text);
    else {
      this.#link.trust();
      this.#finish({ kind: 'known', ...end });
    }
  }

  #finish(end: GreetingEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#onEnd(end);
  }
}
