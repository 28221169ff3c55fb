/**
 * The messages of one ordered pair of threads, first in, first out. Each arrives after a delay behind its predecessors and
 * is overwritten with noise when the turn that read it ends. A lane within a host never loses anything; one between hosts
 * rides on a connection (connection.ts), which may block it, cut it, and send the last messages once more; it may be held up
 * alone, too, while the others of its connection go on.
 */
import type { TurnReader } from '../runtime/worker-loop.js';

export interface Parcel {
  readonly words: Int32Array<ArrayBuffer>;
  /** When it arrives; Infinity while it is held up. */
  dueMs: number;
  /** The connection that carries it, and its place therein. */
  readonly connection: number;
  readonly sequence: number;
}

export interface LaneParts {
  readonly from: number;
  readonly to: number;
  readonly nowMs: () => number;
  /** Whether a broken connection's messages may be sent again: those of actors may, a client's request would be done twice. */
  readonly repeats: boolean;
  /** Delay of the next message. */
  readonly delayMs: () => number;
  /** Bytes that wait, whenever there are more. */
  readonly onWaiting: (bytes: number) => void;
  /** Something arrives at the receiver at this time. */
  readonly onSent: (to: number, dueMs: number) => void;
  readonly onDelivered: (lane: Lane, parcel: Parcel) => void;
}

/** Messages that a connection may deliver again. */
const REPEATED_MAX = 4;
const READ_NOISE = 0x0badf00d;

export class Lane implements TurnReader {
  readonly from: number;
  readonly to: number;
  readonly repeats: boolean;
  /** Plants a fault: a message may overtake the one before. */
  reorders = false;
  words: Int32Array = new Int32Array(0);
  bytes: Buffer = Buffer.alloc(0);
  /** Messages that the turn under way may still take. */
  quota = Number.POSITIVE_INFINITY;
  waitingBytes = 0;
  connection = 0;
  /** Its connection lets nothing through. */
  blocked = false;
  #holds = 0;
  readonly #parts: LaneParts;
  readonly #queue: Parcel[] = [];
  readonly #delivered: Int32Array<ArrayBuffer>[] = [];
  /** What this turn's messages were copied into; noise once the turn is over. */
  readonly #outgrown: Int32Array[] = [];
  #used = 0;
  #lastDueMs = 0;
  #sequence = 0;

  constructor(parts: LaneParts) {
    this.#parts = parts;
    this.from = parts.from;
    this.to = parts.to;
    this.repeats = parts.repeats;
  }

  send(words: Int32Array<ArrayBuffer>): void {
    const parcel = { words, dueMs: Number.POSITIVE_INFINITY, connection: this.connection, sequence: this.#sequence++ };
    this.#queue.push(parcel);
    this.waitingBytes += words.length * 4;
    this.#parts.onWaiting(this.waitingBytes);
    if (this.#isFree) this.#carry(parcel);
  }

  #carry(parcel: Parcel): void {
    const { nowMs, delayMs, onSent } = this.#parts;
    parcel.dueMs = Math.max(this.#lastDueMs, nowMs() + delayMs());
    this.#lastDueMs = parcel.dueMs;
    onSent(this.to, parcel.dueMs);
  }

  next(): number {
    const first = this.#queue[0];
    if (first === undefined || first.dueMs > this.#parts.nowMs() || this.quota <= 0) return -1;
    if (this.reorders) this.#swapFirst();
    const [taken] = this.#queue.splice(0, 1);
    this.quota--;
    this.waitingBytes -= taken.words.length * 4;
    const at = this.#place(taken.words);
    this.#delivered.push(taken.words.slice());
    if (this.#delivered.length > REPEATED_MAX) this.#delivered.shift();
    this.#parts.onDelivered(this, taken);
    return at;
  }

  #swapFirst(): void {
    const [first, second] = this.#queue;
    if (second === undefined || second.dueMs > this.#parts.nowMs()) return;
    this.#queue.splice(0, 2, second, first);
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

  get hasMail(): boolean {
    return this.#queue.length > 0 && this.#queue[0].dueMs <= this.#parts.nowMs();
  }

  release(): void {
    for (const words of this.#outgrown) words.fill(READ_NOISE);
    this.#outgrown.length = 0;
    this.words = new Int32Array(0);
    this.#used = 0;
  }

  /** What has not arrived yet waits. */
  block(): void {
    this.blocked = true;
    this.#suspend();
  }

  unblock(): void {
    this.blocked = false;
    this.#resume();
  }

  /** What has not arrived yet waits, whatever its connection does, until the returned function is called; holds add up. */
  hold(): () => void {
    this.#holds++;
    this.#suspend();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#holds--;
      this.#resume();
    };
  }

  get #isFree(): boolean {
    return !this.blocked && this.#holds === 0;
  }

  #suspend(): void {
    for (const parcel of this.#queue) if (parcel.dueMs > this.#parts.nowMs()) parcel.dueMs = Number.POSITIVE_INFINITY;
  }

  #resume(): void {
    if (!this.#isFree) return;
    for (const parcel of this.#queue) if (parcel.dueMs === Number.POSITIVE_INFINITY) this.#carry(parcel);
  }

  /** The connection is gone, and all that was under way with it; what arrived stays. The messages lost, oldest first. */
  cut(): Int32Array<ArrayBuffer>[] {
    const nowMs = this.#parts.nowMs();
    const arrived = this.#queue.filter(({ dueMs }) => dueMs <= nowMs);
    const lost = this.#queue.filter(({ dueMs }) => dueMs > nowMs).map(({ words }) => words);
    this.#keep(arrived);
    return lost;
  }

  /**
   * Begins a connection with up to `repeats` of the messages that the one before delivered last, once more, then with what
   * it lost and `again` brings; how many were repeated.
   */
  begin(
    connection: number,
    { repeats, again }: { repeats: number; again: readonly Int32Array<ArrayBuffer>[] },
  ): number {
    this.connection = connection;
    this.#sequence = 0;
    this.#lastDueMs = 0;
    const delivered = this.#delivered.splice(0);
    const repeated = delivered.slice(Math.max(0, delivered.length - repeats));
    for (const words of [...repeated, ...again]) this.send(words);
    return repeated.length;
  }

  /** A thread that starts anew begins with what arrives later. */
  dropArrived(): void {
    const nowMs = this.#parts.nowMs();
    this.#keep(this.#queue.filter(({ dueMs }) => dueMs > nowMs));
  }

  #keep(parcels: readonly Parcel[]): void {
    this.#queue.splice(0, Number.POSITIVE_INFINITY, ...parcels);
    this.waitingBytes = parcels.reduce((sum, { words }) => sum + words.length * 4, 0);
  }
}
