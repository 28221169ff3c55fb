/**
 * One thread's place at the host: its mailboxes to and from every node and the bridge, and the doorbells that tell its event loop that
 * mail has come. What is sent within one tick leaves together, at its end.
 */
import type { MessagePort } from 'node:worker_threads';
import { addressOf, Role } from '../actor/address.js';
import type { Outbound } from '../actor/env.js';
import { NODE_COUNT_MAX } from '../core/ids.js';
import { isQuiet, Life, Status, type ThreadMap } from '../host/thread-map.js';
import { MessageView } from '../protocol/header.js';
import { Kind } from '../protocol/messages.js';
import { EventLoopMail } from '../runtime/event-loop-mail.js';
import { HostClock } from '../runtime/host-clock.js';
import { MailboxReader } from '../runtime/mailbox.js';
import { PieceReader } from '../runtime/pieces.js';
import { bridgeThread, PostOffice, seatThread } from '../runtime/post-office.js';
import { Wake } from '../runtime/wake.js';

export interface SeatBoxes {
  readonly seat: number;
  readonly tenancy: number;
  readonly outboxes: readonly SharedArrayBuffer[];
  readonly inboxes: readonly SharedArrayBuffer[];
}

/** Messages taken from one node before the event loop gets a turn. */
const DRAIN_MAX = 8_192;

export class Seat {
  readonly address: number;
  readonly out: Outbound = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
  /** The host's monotonic clock, as of this tick. */
  nowMs: number;
  /** Ticks begun. */
  ticks = 0;
  /** Milliseconds since 1970, as of this tick. */
  wallMs = Date.now();
  readonly #thread: number;
  readonly #post: PostOffice;
  readonly #readers: readonly MailboxReader[];
  readonly #wake: Wake;
  readonly #clock: HostClock;
  readonly #status: Int32Array;
  readonly #bells: (MessagePort | undefined)[] = [];
  readonly #view = new MessageView();
  readonly #pieces = new PieceReader();
  readonly #onMessage: (view: MessageView) => void;
  readonly #mail: EventLoopMail;
  /** Opens what is held back until the tick ends, or is published. */
  beforePublish: () => void = () => undefined;
  #flushing = false;
  #referenced = false;

  constructor(map: ThreadMap, boxes: SeatBoxes, onMessage: (view: MessageView) => void) {
    this.#thread = seatThread(map, boxes.seat);
    this.address = addressOf(Role.client, boxes.tenancy, boxes.seat);
    this.#wake = new Wake(map.wake);
    const bridge = bridgeThread(map);
    this.#post = new PostOffice(map, this.#wake, (thread) => {
      if (thread === bridge) this.#bells[thread]?.postMessage(0);
      else this.#wake.notify(thread);
    });
    for (const [thread, box] of boxes.outboxes.entries()) this.#post.connect(thread, box);
    this.#readers = boxes.inboxes.map((box) => new MailboxReader(box));
    this.#mail = new EventLoopMail({ thread: this.#thread, wake: this.#wake, take: () => this.#take() });
    this.#mail.setReaders(this.#readers);
    this.#clock = new HostClock(map.clockStartMs);
    this.#status = new Int32Array(map.status);
    this.#onMessage = onMessage;
    this.nowMs = this.#clock.nowMs();
    this.#wake.announceSleep(this.#thread);
  }

  /** The bell of a thread that sends to this one, at the start and whenever that was started anew. */
  setBell(thread: number, bell: MessagePort): void {
    this.#bells[thread]?.close();
    this.#bells[thread] = bell;
    bell.on('message', () => this.#mail.drain());
    if (!this.#referenced) bell.unref();
  }

  /** Keeps the event loop alive while something is awaited. */
  set referenced(value: boolean) {
    if (value === this.#referenced) return;
    this.#referenced = value;
    for (const bell of this.#bells) {
      if (value) bell?.ref();
      else bell?.unref();
    }
  }

  isUp(node: number): boolean {
    return Atomics.load(this.#status, node * Status.line + Status.up) === Life.up; // Atomics: acquire; up follows recovery
  }

  /** Whether nothing is heard of its host at present. */
  isQuiet(node: number): boolean {
    return isQuiet(this.#status, node);
  }

  /** Whether it may still answer what it was asked: it is up, or its host is about to close. */
  mayAnswer(node: number): boolean {
    return Atomics.load(this.#status, node * Status.line + Status.up) !== Life.down; // Atomics: acquire, as above
  }

  incarnationOf(node: number): number {
    return Atomics.load(this.#status, node * Status.line + Status.incarnation); // Atomics: acquire
  }

  /** Which connection leads to the node's host; 0 for a node of this one. */
  connectionTo(node: number): number {
    return Atomics.load(this.#status, node * Status.line + Status.connection); // Atomics: acquire
  }

  /** Opens a message in `out`; false where the node's mailbox and the outbox are full. It leaves with the tick. */
  open(tag: number, to: number, request: number, bytes: number): boolean {
    this.beginTick();
    return this.#post.open(this.out, bytes, tag, to, this.address, request, 0);
  }

  /** The message opened last is only `bytes` long, which its header must say too. */
  shrink(to: number, bytes: number): void {
    this.#post.shrink(to, bytes);
  }

  #readClocks(): void {
    this.nowMs = this.#clock.nowMs();
    this.wallMs = Date.now();
  }

  /** What is opened from here on leaves when the tick ends. */
  beginTick(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.ticks = (this.ticks + 1) | 0;
    this.#readClocks();
    queueMicrotask(() => {
      this.publish();
      this.#flushing = false;
    });
  }

  /** Sends what was opened so far in this tick. */
  publish(): void {
    this.beforePublish();
    this.#post.publish();
  }

  /** Sends what was opened so far; what is held back until the tick ends stays so. */
  publishEarly(): void {
    this.#post.publish();
  }

  /**
   * Sends what waits for room, and takes what came: called now and then while anything is in flight, since a node that
   * died between claiming this thread's wake-up and ringing its bell has left it deaf.
   */
  flush(): void {
    this.#readClocks();
    this.#post.publish();
    if (this.#mail.hasMail()) this.#mail.drain();
  }

  #take(): void {
    this.nowMs = this.#clock.nowMs();
    const view = this.#view;
    for (const reader of this.#readers) {
      for (let i = 0; i < DRAIN_MAX; i++) {
        const at = reader.next();
        if (at < 0) break;
        view.point(reader.words, reader.bytes, at);
        // a reply to an earlier thread on this seat is dropped
        if (view.to === this.address && (view.tag !== Kind.piece || this.#isWhole(view))) this.#onMessage(view);
      }
      reader.release();
    }
  }

  /** Whether a piece completes its message, which the view then shows. */
  #isWhole(view: MessageView): boolean {
    const whole = this.#pieces.add(view.words, view.at);
    if (whole !== undefined) view.point(whole, Buffer.from(whole.buffer), 0);
    return whole !== undefined;
  }

  /** Every node that can be reached, of any host. */
  nodesUp(): number[] {
    const nodes: number[] = [];
    for (let node = 0; node < NODE_COUNT_MAX; node++) if (this.isUp(node)) nodes.push(node);
    return nodes;
  }

  close(): void {
    for (const bell of this.#bells) bell?.close();
  }
}
