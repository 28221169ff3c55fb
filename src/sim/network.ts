/**
 * The mailboxes of the simulated world: one lane for each ordered pair of threads, first in, first out. A message is encoded
 * into words of its own, arrives after a random delay behind its predecessors, and is overwritten with noise when the
 * turn that read it ends. A lane between nodes can reconnect: what it delivered last then arrives once more.
 */
import { instanceOf, nodeOf, Role, roleOf } from '../actor/address.js';
import type { Outbound } from '../actor/env.js';
import { putHeader } from '../protocol/header.js';
import type { PostOffice } from '../runtime/post-office.js';
import type { TurnReader } from '../runtime/worker-loop.js';
import type { Random } from './random.js';

interface Parcel {
  readonly words: Int32Array<ArrayBuffer>;
  dueMs: number;
}

export interface NetworkOptions {
  readonly nodes: number;
  readonly random: Random;
  /** Bytes that may wait in one lane before a message is refused. */
  readonly laneBytesMax: number;
  /** Delay of a message in milliseconds, least and most. */
  readonly delayMs: readonly [number, number];
  /** Share of the messages between nodes after which their lane reconnects. */
  readonly reconnects: number;
  readonly nowMs: () => number;
  readonly schedule: (atMs: number, run: () => void) => void;
  /** Something will arrive at this thread. */
  readonly onSent: (thread: number, dueMs: number) => void;
  readonly onDelivered: (from: number, to: number, words: Int32Array) => void;
}

/** Messages that a reconnecting lane may deliver again. */
const REPEATED_MAX = 4;
const RECONNECT_MS_MAX = 3;
const FRESH_NOISE = 0x3c3c3c3c;
const READ_NOISE = 0x0badf00d;

export class Network {
  highWaterBytes = 0;
  refused = 0;
  readonly options: NetworkOptions;
  readonly #lanes = new Map<number, Lane>();

  constructor(options: NetworkOptions) {
    this.options = options;
  }

  lane(from: number, to: number): Lane {
    const id = from * 0x1_0000 + to;
    let lane = this.#lanes.get(id);
    if (lane === undefined) {
      lane = new Lane(this, from, to);
      this.#lanes.set(id, lane);
    }
    return lane;
  }

  /** A thread that starts anew begins with what is sent later. */
  emptyLanesTo(thread: number): void {
    for (const lane of this.#lanes.values()) if (lane.to === thread) lane.clear();
  }

  /** Thread that hosts the actor at this address. */
  threadOf(address: number): number {
    return roleOf(address) === Role.client ? this.options.nodes + instanceOf(address) : nodeOf(address);
  }
}

/** One ordered pair of threads; the receiving loop reads it like a mailbox. */
export class Lane implements TurnReader {
  readonly from: number;
  readonly to: number;
  words: Int32Array = new Int32Array(0);
  bytes: Buffer = Buffer.alloc(0);
  /** Messages that the turn under way may still take. */
  quota = Number.POSITIVE_INFINITY;
  waitingBytes = 0;
  readonly #network: Network;
  readonly #queue: Parcel[] = [];
  readonly #delivered: Int32Array<ArrayBuffer>[] = [];
  /** What this turn's messages were copied into; noise once the turn is over. */
  readonly #outgrown: Int32Array[] = [];
  #used = 0;
  #lastDueMs = 0;

  constructor(network: Network, from: number, to: number) {
    this.#network = network;
    this.from = from;
    this.to = to;
  }

  send(words: Int32Array<ArrayBuffer>): void {
    const { nowMs, random, delayMs, onSent } = this.#network.options;
    const dueMs = Math.max(this.#lastDueMs, nowMs() + random.between(...delayMs));
    this.#lastDueMs = dueMs;
    this.#queue.push({ words, dueMs });
    this.waitingBytes += words.length * 4;
    this.#network.highWaterBytes = Math.max(this.#network.highWaterBytes, this.waitingBytes);
    onSent(this.to, dueMs);
  }

  next(): number {
    const { nowMs, onDelivered } = this.#network.options;
    const first = this.#queue[0];
    if (first === undefined || first.dueMs > nowMs() || this.quota <= 0) return -1;
    this.#queue.shift();
    this.quota--;
    this.waitingBytes -= first.words.length * 4;
    const at = this.#place(first.words);
    this.#delivered.push(first.words.slice());
    if (this.#delivered.length > REPEATED_MAX) this.#delivered.shift();
    onDelivered(this.from, this.to, first.words);
    this.#mayReconnect();
    return at;
  }

  /** Messages stay where they are until `release`, as in a mailbox: the loop takes several before it delivers the first. */
  #place(message: Int32Array): number {
    const at = this.#used;
    if (at + message.length > this.words.length) {
      const larger = new Int32Array((at + message.length) * 2);
      larger.set(this.words);
      this.words = larger;
      this.bytes = Buffer.from(larger.buffer);
      this.#outgrown.push(larger);
    }
    this.words.set(message, at);
    this.#used += message.length;
    return at;
  }

  #mayReconnect(): void {
    const { nodes, random, reconnects, nowMs, schedule } = this.#network.options;
    if (reconnects === 0 || this.from >= nodes || this.to >= nodes || !random.chance(reconnects)) return;
    schedule(nowMs() + random.between(0, RECONNECT_MS_MAX), () => this.reconnect());
  }

  get hasMail(): boolean {
    return this.#queue.length > 0 && this.#queue[0].dueMs <= this.#network.options.nowMs();
  }

  release(): void {
    for (const words of this.#outgrown) words.fill(READ_NOISE);
    this.#outgrown.length = 0;
    this.words = new Int32Array(0);
    this.#used = 0;
  }

  /** Delivers the last messages once more, ahead of those that wait. */
  reconnect(): void {
    const { nowMs, onSent } = this.#network.options;
    const again = this.#delivered.splice(0).map((words) => ({ words, dueMs: nowMs() }));
    this.#queue.unshift(...again);
    for (const { words } of again) this.waitingBytes += words.length * 4;
    if (again.length > 0) onSent(this.to, nowMs());
  }

  clear(): void {
    this.#queue.length = 0;
    this.#delivered.length = 0;
    this.waitingBytes = 0;
  }
}

/** All that one thread of the world sends; it leaves with `publish`, like a real post office's. */
export class SimPost implements Pick<PostOffice, 'open' | 'undo' | 'publish'> {
  readonly #network: Network;
  readonly #thread: number;
  #opened: { readonly words: Int32Array<ArrayBuffer>; readonly to: number; readonly handler: number }[] = [];

  constructor(network: Network, thread: number) {
    this.#network = network;
    this.#thread = thread;
  }

  open(out: Outbound, bytes: number, tag: number, to: number, from: number, request: number, handler: number): boolean {
    const thread = this.#network.threadOf(to);
    let waiting = this.#network.lane(this.#thread, thread).waitingBytes + bytes;
    for (const message of this.#opened) if (message.to === thread) waiting += message.words.length * 4;
    if (waiting > this.#network.options.laneBytesMax) {
      this.#network.refused++;
      return false;
    }
    const words = new Int32Array(bytes / 4).fill(FRESH_NOISE);
    this.#opened.push({ words, to: thread, handler });
    out.words = words;
    out.bytes = Buffer.from(words.buffer);
    out.at = 0;
    putHeader(words, 0, tag, bytes, to, from, request);
    return true;
  }

  undo(handler: number): void {
    this.#opened = this.#opened.filter((message) => message.handler !== handler);
  }

  publish(): void {
    for (const { words, to } of this.#opened) this.#network.lane(this.#thread, to).send(words);
    this.#opened = [];
  }
}
