/**
 * One client: its socket, its parser, its replies in the order of its requests.
 *
 * A turn takes what the socket brought, runs every whole command in it, and leaves with one write. Commands that wait for
 * the store overlap (key-order.ts). The connection stops reading while the client does not take its replies, while too
 * many are pending, or while a command must wait for one before it; what it holds is bounded by all three.
 */
import type { Socket } from 'node:net';
import { asStoreError } from '../core/errors.js';
import { type CommandSpec, errorText, keysOf, type Reply, weightOf } from './command-spec.js';
import { KeyOrder } from './key-order.js';
import { ReadWindow } from './read-window.js';
import { ReplyQueue, type ReplySlot } from './reply-queue.js';
import { findCommand, looksLikeHttp } from './resp-commands.js';
import { type RespLimits, RespParser } from './resp-parser.js';
import type { RespProtocol, RespWriter } from './resp-writer.js';
import type { ErrorForm, ServerContext, Session } from './session.js';

/** Most replies of one connection that may wait for the store. */
const PENDING_MAX = 1_024;
/** Most bytes of replies that are there and may not be written yet: reads that answer at once, behind a write that waits. */
const KEPT_BYTES_MAX = 1024 * 1024;
/** Most bytes of commands of one connection that wait for the store, but for one that is longer. */
const PENDING_BYTES_MAX = 4 * 1024 * 1024;
/** Most keys that one connection waits for, but for one command that has more; of reads fewer, if values are large (read-window.ts). */
const PENDING_KEYS_MAX = 1_024;
/** Replies are handed to the socket at least every so many bytes, so that `write() === false` is seen in time. */
const FLUSH_BYTES = 256 * 1024;
/** How long a closed connection waits for the client to hang up, so that the last reply is not lost to a reset. */
const LINGER_MS = 1_000;

/** What a connection needs of its server. */
export interface ConnectionHost extends ServerContext {
  readonly limits: RespLimits;
  /** Shared by all connections; empty between their turns. */
  readonly writer: RespWriter;
  /** Asks for one `turn()` at the end of this round of promise callbacks. */
  schedule(connection: RespConnection): void;
  /** Whether another request may go to the store; where not, `turn()` follows once one may. */
  hasRoom(connection: RespConnection): boolean;
  /** A command of so many bytes waits for the store, or does no more. */
  enter(bytes: number): void;
  leave(bytes: number): void;
  /** Notes a change of the unparsed bytes; false where all connections together hold too many. */
  buffered(byBytes: number): boolean;
  closed(connection: RespConnection): void;
}

export class RespConnection implements Session {
  readonly connectedAtMs = Date.now();
  readonly address: string;
  readonly localAddress: string;
  lastCommandAtMs = this.connectedAtMs;
  lastCommand = '';
  protocol: RespProtocol = 2;
  errorForm: ErrorForm = 'plain';
  clientName = '';
  libraryName = '';
  libraryVersion = '';
  closing = false;
  private readonly parser: RespParser;
  private readonly order = new KeyOrder();
  private readonly replies = new ReplyQueue();
  private readonly reads = new ReadWindow();
  /** A command that must wait for one in flight, or for a share of the requests. */
  private held: Buffer[] | undefined;
  private draining = false;
  private finishing = false;
  private linger: NodeJS.Timeout | undefined;
  private inputEnded = false;
  private bufferedBytes = 0;
  private pendingKeys = 0;

  constructor(
    readonly id: number,
    readonly server: ConnectionHost,
    private readonly socket: Socket,
    socketPath: string | undefined,
  ) {
    this.parser = new RespParser(server.limits);
    this.address = socketPath ?? `${socket.remoteAddress}:${socket.remotePort}`;
    this.localAddress = socketPath ?? `${socket.localAddress}:${socket.localPort}`;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('drain', () => {
      this.draining = false;
      this.turn();
    });
    socket.on('end', () => {
      this.inputEnded = true;
      this.turn();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.gone());
  }

  /** Writes the replies that are done, runs what can run, and leaves with one write. Never throws. */
  turn(): void {
    if (this.socket.destroyed) return;
    try {
      this.runTurn();
    } catch {
      // A bug, and perhaps half a reply: this client's connection ends, the process and the others go on.
      this.server.counters.internalErrors += 1;
      this.server.writer.truncate(0);
      this.socket.destroy();
    }
  }

  private runTurn(): void {
    const out = this.server.writer;
    while (!this.draining && this.replies.writeNext(out, this.errorForm)) if (out.length >= FLUSH_BYTES) this.flush();
    out.protocol = this.protocol;
    while (!this.closing && this.canRun() && this.runNext(out)) if (out.length >= FLUSH_BYTES) this.flush();
    this.flush();
    this.noteBuffered(out);
    this.settle();
  }

  /** Answers what was asked so far, then ends; `destroy` follows for a client that does not go. */
  end(): void {
    this.closing = true;
    this.turn();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private receive(chunk: Buffer): void {
    if (this.closing) return;
    this.server.counters.bytesIn += chunk.length;
    this.lastCommandAtMs = Date.now();
    this.parser.push(chunk);
    this.turn();
  }

  private canRun(): boolean {
    const { length, keptBytes, pendingBytes } = this.replies;
    const hasRoom = length < PENDING_MAX && keptBytes < KEPT_BYTES_MAX && pendingBytes < PENDING_BYTES_MAX;
    return !this.draining && hasRoom;
  }

  /** Runs one command; false where none is complete or the next must wait. */
  private runNext(out: RespWriter): boolean {
    let args = this.held;
    if (args === undefined) {
      try {
        args = this.parser.next();
      } catch (thrown) {
        this.refuse(out, thrown);
        return false;
      }
      if (args === undefined) return false;
    }
    this.held = this.execute(args, out) ? undefined : args;
    return this.held === undefined;
  }

  /** Runs a command unless it must wait; its reply goes to `out`, or behind those that wait. */
  private execute(args: Buffer[], out: RespWriter): boolean {
    const mark = out.length;
    let spec: CommandSpec | undefined;
    let keys: readonly string[] | undefined;
    let reply: ReturnType<CommandSpec['handler']>;
    try {
      spec = findCommand(args);
      if (spec.access !== 'none') {
        if (!this.order.idle) {
          const weight = weightOf(spec, args);
          if (this.pendingKeys + weight > PENDING_KEYS_MAX) return false;
          if (spec.access === 'read' && !this.reads.hasRoom(weight)) return false;
          keys = keysOf(spec, args);
          if (this.order.blocks(spec.access, keys)) return false;
        }
        if (!this.server.hasRoom(this)) return false;
      }
      this.lastCommand = spec.name;
      this.server.counters.commands += 1;
      reply = spec.handler(args, this, out);
    } catch (thrown) {
      out.truncate(mark);
      if (spec === undefined && looksLikeHttp(args)) this.closing = true;
      out.error(this.complaint(thrown, this.errorForm));
    }
    if (reply !== undefined) this.wait(spec as CommandSpec, args, keys ?? keysOf(spec as CommandSpec, args), reply);
    else if (this.replies.length > 0) this.replies.keep(this.protocol, out.cut(mark));
    return true;
  }

  /** Keeps the place of a reply that comes later. */
  private wait(spec: CommandSpec, args: readonly Buffer[], keys: readonly string[], reply: Promise<Reply>): void {
    const { access } = spec;
    const { errorForm } = this;
    const weight = weightOf(spec, args);
    const bytes = args.reduce((sum, argument) => sum + argument.length, 0);
    const slot = this.replies.push(this.protocol, bytes);
    this.order.enter(access, keys);
    this.pendingKeys += weight;
    this.server.enter(bytes);
    if (access === 'read') this.reads.enter(weight);
    const complete = (write: Reply, valueBytes: number | undefined) => {
      this.replies.complete(slot, write);
      this.order.leave(access, keys);
      this.pendingKeys -= weight;
      if (access === 'read') this.reads.leave(weight, valueBytes);
      this.server.leave(bytes);
      this.server.schedule(this);
    };
    const fail = (thrown: unknown, valueBytes?: number) => {
      const text = this.complaint(thrown, errorForm);
      complete((out) => out.error(text), valueBytes);
    };
    const answer = (write: Reply) => {
      const valueBytes = write.share?.bytes ?? write.bytes ?? 0;
      let shared: Reply;
      try {
        shared = this.shared(slot, write);
      } catch (thrown) {
        return fail(thrown, valueBytes);
      }
      complete(shared, valueBytes);
    };
    reply.then(answer, fail);
  }

  /** What is not written at once takes its part of the bytes that all replies may keep. @throws StoreError KV_OVERLOADED */
  private shared(slot: ReplySlot, reply: Reply): Reply {
    if (reply.bytes === undefined || (this.replies.isNext(slot) && !this.draining)) return reply;
    const share = this.server.replyBudget.share();
    share.take(reply.bytes);
    return Object.assign((out: RespWriter) => reply(out), { share });
  }

  private complaint(thrown: unknown, form: ErrorForm): string {
    this.server.counters.errorReplies += 1;
    return errorText(thrown, form);
  }

  /** Answers input that breaks the protocol, behind what was asked before, and closes. */
  private refuse(out: RespWriter, thrown: unknown): void {
    this.server.counters.protocolErrors += 1;
    this.closing = true;
    const mark = out.length;
    out.error(`ERR ${asStoreError(thrown).message}`);
    if (this.replies.length > 0) this.replies.keep(this.protocol, out.cut(mark));
  }

  private flush(): void {
    const out = this.server.writer;
    if (out.length === 0) return;
    const bytes = out.take();
    this.server.counters.bytesOut += bytes.length;
    if (!this.socket.write(bytes)) this.draining = true;
  }

  private noteBuffered(out: RespWriter): void {
    const change = this.parser.bufferedBytes - this.bufferedBytes;
    if (change === 0) return;
    this.bufferedBytes += change;
    if (this.server.buffered(change) || change < 0 || this.closing) return;
    this.refuse(out, new Error('too many unfinished commands on all connections together'));
    this.flush();
  }

  /** Reads on, waits, or ends: whatever the state asks for. */
  private settle(): void {
    const idle = this.replies.length === 0 && !this.draining;
    if (this.closing || (this.inputEnded && this.held === undefined && this.canRun())) {
      if (idle) this.finish();
      return;
    }
    const reads = this.canRun() && this.held === undefined;
    if (reads === this.socket.isPaused()) {
      if (reads) this.socket.resume();
      else this.socket.pause();
    }
  }

  private finish(): void {
    if (this.finishing) return;
    this.finishing = true;
    this.socket.end();
    this.socket.resume();
    this.linger = setTimeout(() => this.socket.destroy(), LINGER_MS);
  }

  private gone(): void {
    clearTimeout(this.linger);
    this.server.buffered(-this.bufferedBytes);
    this.bufferedBytes = 0;
    this.replies.drop();
    this.server.closed(this);
  }
}
