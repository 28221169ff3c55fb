/**
 * A socket that speaks frames. It counts, it numbers what it sends, and it closes itself on the first violation; what the
 * frames mean is its handler's business, which changes once the peer is known.
 */
import type { Socket } from 'node:net';
import { asStoreError } from '../core/errors.js';
import { type FrameBuffer, type FrameKind, FrameType, sealFrame } from './frame.js';
import { type Frame, FrameDecoder } from './frame-decoder.js';
import { FAREWELL_MS } from './limits.js';
import { plainFrame } from './plain-frame.js';
import { type RefusalReason, reasonOf } from './refusal.js';
import type { Tally } from './stats.js';

export interface FrameHandler {
  /** @throws StoreError whose reason closes the connection */
  onFrame(frame: Frame): void;
  /** Everything that was read has been handled. */
  onIdle(): void;
  /** Once; nothing is called after it. */
  onClosed(reason: RefusalReason, text: string): void;
}

export class FrameSocket {
  handler: FrameHandler | undefined;
  readonly address: string;
  readonly #socket: Socket;
  readonly #tally: Tally;
  readonly #decoder = new FrameDecoder();
  #sequence = 0;
  #isClosed = false;

  constructor(socket: Socket, address: string, tally: Tally) {
    this.#socket = socket;
    this.address = address;
    this.#tally = tally;
    socket.setNoDelay(true);
    socket.on('error', (error) => this.#end('closed', error.message));
    socket.on('close', () => this.#end('closed', 'the connection ended'));
    socket.on('end', () => this.destroy('closed', 'the peer ended the connection'));
    socket.on('data', (bytes: Buffer) => this.#read(bytes));
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Bytes that the socket has been given and has not written. */
  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** The peer is known; its frames may be large. */
  trust(): void {
    this.#decoder.trust();
  }

  #read(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#tally.bytesIn += bytes.length;
    try {
      this.#decoder.feed(bytes, (frame) => {
        this.#tally.framesIn++;
        this.handler?.onFrame(frame);
        return !this.#isClosed;
      });
      if (!this.#isClosed) this.handler?.onIdle();
    } catch (thrown) {
      this.destroy(reasonOf(thrown), asStoreError(thrown).message);
    }
  }

  /** Everything sent until `uncork` leaves in one write. */
  cork(): void {
    this.#socket.cork();
  }

  uncork(): void {
    this.#socket.uncork();
  }

  /** Sends the frame; its memory must stay as it is until `written` is called. */
  send(frame: FrameBuffer, kind: FrameKind, bodyBytes: number, written?: () => void): void {
    if (this.#isClosed) return;
    const bytes = sealFrame(frame, kind, bodyBytes, this.#sequence);
    this.#sequence = (this.#sequence + 1) >>> 0;
    this.#tally.framesOut++;
    this.#tally.bytesOut += bytes.length;
    this.#socket.write(bytes, written);
  }

  /** Tells the peer why, gives it a moment to read that, and closes. */
  refuse(reason: RefusalReason, text: string): void {
    const { frame, bodyBytes } = plainFrame({ reason, text });
    this.send(frame, { type: FrameType.refuse, lane: 0 }, bodyBytes);
    this.finish(reason, text);
  }

  /** Closes once everything sent has been written and the peer has closed too, or `limitMs` have passed. */
  finish(reason: RefusalReason, text: string, limitMs = FAREWELL_MS): void {
    if (this.#isClosed) return;
    const timer = setTimeout(() => this.#socket.destroy(), limitMs);
    this.#socket.once('close', () => clearTimeout(timer));
    this.#socket.end();
    this.#end(reason, text);
  }

  destroy(reason: RefusalReason, text: string): void {
    this.#socket.destroy();
    this.#end(reason, text);
  }

  #end(reason: RefusalReason, text: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#tally.closed[reason]++;
    this.handler?.onClosed(reason, text);
  }
}
