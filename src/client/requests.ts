/**
 * The requests that a thread has in flight: a bounded table whose rows are waiters. A request id is a row and its
 * generation, so that a late reply to an earlier request in the same row is dropped.
 */
import { nodeOf } from '../actor/address.js';
import { StoreError } from '../core/errors.js';
import { NODE_COUNT_MAX } from '../core/ids.js';
import type { MessageView } from '../protocol/header.js';
import { Kind, Written } from '../protocol/messages.js';
import { isSuccess } from '../protocol/outcome.js';
import type { Seat } from './seat.js';
import type { Member } from './write-members.js';

/** What waits for a reply. `settle` reads the message in place and must not throw. */
export interface Waiter {
  settle(message: MessageView): void;
  /** Of a request that is answered in parts: how many of its writes this reply has settled. */
  settleSome?(message: MessageView): number;
  fail(error: StoreError): void;
  /** Of a write that travels alone: who made it, under index 0. */
  readonly only?: { readonly member: Member; readonly index: number } | undefined;
}

/** What requests need of their thread's seat. */
export type RequestSeat = Pick<
  Seat,
  'nowMs' | 'wallMs' | 'referenced' | 'flush' | 'incarnationOf' | 'connectionTo' | 'mayAnswer'
>;

/** Deadlines are looked at this often, so a request may take this much longer. */
const SWEEP_MS = 25;
const GENERATIONS = 0x8000;
/** Rows in use at first: few enough to stay in the processor's cache, many enough that an id comes back late. */
const ROWS_FIRST = 2_048;

export class Requests {
  inFlight = 0;
  /** The latest millisecond that the clock of a write says which was given up without a reply, as far as that is known. */
  latestGivenUp = 0;
  /** Requests begun so far, as 32 bits that wrap. */
  begun = 0;
  /** Is shown each reply that says that writes have failed, before they are told. */
  onRefusal: (reply: MessageView) => void = () => undefined;
  readonly #seat: RequestSeat;
  readonly #max: number;
  readonly #waiters: (Waiter | undefined)[] = [];
  readonly #deadlines: Float64Array;
  readonly #nodes: Uint16Array;
  readonly #incarnations: Int32Array;
  readonly #connections: Int32Array;
  /** Of writes: the latest millisecond since 1970 that their clock may say. 0 for other requests. */
  readonly #latest: Float64Array;
  readonly #generations: Uint16Array;
  /** Of each row: which request of all it is. */
  readonly #numbers: Int32Array;
  /** Of each node: which was the latest request with many writes that it has answered. */
  readonly #answeredMany = new Int32Array(NODE_COUNT_MAX);
  /** Writes that travel in the request and are not answered; 1 for any other. */
  readonly #writes: Uint16Array;
  readonly #free: Int32Array;
  /** Rows are taken in turn, so that an id comes back late. */
  #freeHead = 0;
  #freeCount = 0;
  /** Rows ever used; all of them are free or open. */
  #rows = 0;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(seat: RequestSeat, inFlightMax: number) {
    this.#seat = seat;
    this.#max = inFlightMax;
    this.#deadlines = new Float64Array(inFlightMax);
    this.#nodes = new Uint16Array(inFlightMax);
    this.#incarnations = new Int32Array(inFlightMax);
    this.#connections = new Int32Array(inFlightMax);
    this.#latest = new Float64Array(inFlightMax);
    // begins anywhere, as the seat's tenancy does: a late reply to an earlier process fits no request of this one
    this.#generations = new Uint16Array(inFlightMax).fill(Math.floor(Math.random() * GENERATIONS));
    this.#numbers = new Int32Array(inFlightMax);
    this.#writes = new Uint16Array(inFlightMax);
    this.#free = new Int32Array(inFlightMax);
  }

  /** Opens a request to a node; its id. @throws StoreError KV_OVERLOADED: nothing was sent */
  begin(node: number, deadlineMs: number, waiter: Waiter): number {
    this.#checkRoom();
    if (this.#freeCount === 0) this.#addRows();
    const row = this.#free[this.#freeHead];
    if (++this.#freeHead === this.#max) this.#freeHead = 0;
    this.#freeCount--;
    this.#waiters[row] = waiter;
    this.#deadlines[row] = deadlineMs;
    this.#nodes[row] = node;
    this.#incarnations[row] = this.#seat.incarnationOf(node);
    this.#connections[row] = this.#seat.connectionTo(node);
    this.#latest[row] = 0;
    this.begun = (this.begun + 1) | 0;
    this.#numbers[row] = this.begun;
    this.#writes[row] = 1;
    if (++this.inFlight === 1) this.#watch();
    return (this.#generations[row] << 16) | row;
  }

  /** One more write travels in a request that was begun. @throws StoreError KV_OVERLOADED: it does not */
  join(id: number): void {
    this.#checkRoom();
    this.#writes[id & 0xffff]++;
    this.inFlight++;
  }

  #checkRoom(): void {
    if (this.inFlight < this.#max) return;
    throw new StoreError('KV_OVERLOADED', `${this.#max} requests are in flight; wait for some, or raise inFlightMax`);
  }

  /** Doubles the rows in use. */
  #addRows(): void {
    const wanted = Math.min(this.#max, Math.max(ROWS_FIRST, this.#rows * 2));
    while (this.#rows < wanted) this.#release(this.#rows++);
  }

  #release(row: number): void {
    let tail = this.#freeHead + this.#freeCount++;
    if (tail >= this.#max) tail -= this.#max;
    this.#free[tail] = row;
  }

  /** The incarnation of its node when a request began. */
  incarnationOf(id: number): number {
    return this.#incarnations[id & 0xffff];
  }

  /** Of a write: the latest millisecond that its clock may say. */
  latestOf(id: number): number {
    return this.#latest[id & 0xffff];
  }

  /** The deadline of a request, right until another one takes its row. */
  deadlineOf(id: number): number {
    return this.#deadlines[id & 0xffff];
  }

  /** Sets the times anew: the tick's clocks may only be read when the first message of the tick is opened. */
  extend(id: number, deadlineMs: number, latest = 0): void {
    this.#deadlines[id & 0xffff] = deadlineMs;
    this.#latest[id & 0xffff] = latest;
  }

  /**
   * Ends a request that may have been done, or may still be; its waiter, if it was open. Whatever this host's wall clock
   * says, its clock may be any up to its latest: that of a node that has ended was ahead of the wall by as much as those of
   * other hosts and callers.
   */
  giveUp(id: number): Waiter | undefined {
    const latest = this.#latest[id & 0xffff];
    const waiter = this.end(id);
    if (waiter !== undefined && latest > this.latestGivenUp) this.latestGivenUp = latest;
    return waiter;
  }

  /** Ends a request that has its reply, or was not sent; its waiter, if it was open. */
  end(id: number): Waiter | undefined {
    const row = id & 0xffff;
    const waiter = this.#waiterOf(id);
    if (waiter === undefined) return undefined;
    this.#waiters[row] = undefined;
    this.#generations[row] = (this.#generations[row] + 1) & (GENERATIONS - 1);
    this.#release(row);
    this.inFlight -= this.#writes[row];
    if (this.inFlight === 0) this.#idle();
    return waiter;
  }

  #waiterOf(id: number): Waiter | undefined {
    const row = id & 0xffff;
    return this.#generations[row] === id >>> 16 ? this.#waiters[row] : undefined;
  }

  /** Which request of all this was, right until another one takes its row. */
  begunAt(id: number): number {
    return this.#numbers[id & 0xffff];
  }

  /**
   * Whether its node may have taken a later write before it refused this one: in one turn it answers a request with many writes
   * ahead of one that its vnode is to mint.
   */
  mayBeOvertaken(refusal: MessageView): boolean {
    const row = refusal.request & 0xffff;
    return refusal.tag === Kind.written && ((this.#answeredMany[this.#nodes[row]] - this.#numbers[row]) | 0) > 0;
  }

  /** Puts other waiters in place of those of the open requests behind that number, or of all, in the order in which they began. */
  replaceEach(since: number | undefined, replace: (waiter: Waiter, node: number) => Waiter): void {
    const rows: number[] = [];
    for (let row = 0; row < this.#rows; row++) {
      const isNew = since === undefined || ((this.#numbers[row] - since) | 0) > 0;
      if (isNew && this.#waiters[row] !== undefined) rows.push(row);
    }
    rows.sort((one, other) => (this.#numbers[one] - this.#numbers[other]) | 0);
    for (const row of rows) this.#waiters[row] = replace(this.#waiters[row] as Waiter, this.#nodes[row]);
  }

  /** A reply came. */
  settle(message: MessageView): void {
    if (this.#nodes[message.request & 0xffff] !== nodeOf(message.from)) return;
    const isWrite = message.tag === Kind.written || message.tag === Kind.wroteMany;
    if (isWrite && !isSuccess(message.u32(Written.outcome))) this.onRefusal(message);
    if (message.tag === Kind.wroteMany) this.#settleSome(message);
    else this.end(message.request)?.settle(message);
  }

  /** A reply to some of the writes of a request. */
  #settleSome(message: MessageView): void {
    const id = message.request;
    const row = id & 0xffff;
    const node = this.#nodes[row];
    if (((this.#numbers[row] - this.#answeredMany[node]) | 0) > 0) this.#answeredMany[node] = this.#numbers[row];
    const settled = this.#waiterOf(id)?.settleSome?.(message) ?? 0;
    if (settled === 0) return;
    if (settled >= this.#writes[row]) this.end(id);
    else {
      this.#writes[row] -= settled;
      this.inFlight -= settled;
    }
  }

  #watch(): void {
    this.#seat.referenced = true;
    // keeps the event loop alive too: the bells may go with the host, and what is in flight then fails here
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
  }

  #idle(): void {
    this.#seat.referenced = false;
  }

  /** Fails what is past its deadline, or was asked of a node that has ended since. */
  #sweep(): void {
    if (this.inFlight === 0) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
      return;
    }
    this.#seat.flush();
    const { nowMs, wallMs } = this.#seat;
    for (let row = 0; row < this.#waiters.length; row++) {
      if (this.#waiters[row] === undefined) continue;
      const node = this.#nodes[row];
      const id = (this.#generations[row] << 16) | row;
      if (this.#isLost(row) && !this.#mayStillBegin(row, wallMs)) this.giveUp(id)?.fail(restarted(node));
      else if (((nowMs - this.#deadlines[row]) | 0) > 0) this.giveUp(id)?.fail(expired());
    }
  }

  /**
   * A write to another host is not told lost before nobody can mint it any more: its connection may have broken on this side
   * only, and what was sent over it may be in some buffer on the way. Here the next life of a node refuses what was for the
   * last one.
   */
  #mayStillBegin(row: number, wallMs: number): boolean {
    return this.#connections[row] !== 0 && wallMs <= this.#latest[row];
  }

  /** The life of the node that was asked, or the connection to its host, has ended: no reply will come. */
  #isLost(row: number): boolean {
    const node = this.#nodes[row];
    const seat = this.#seat;
    const isSame =
      seat.incarnationOf(node) === this.#incarnations[row] && seat.connectionTo(node) === this.#connections[row];
    return !isSame || !seat.mayAnswer(node);
  }

  /**
   * What is in flight, but to this node, may still be done, and get any clock up to its latest: whatever begins from here on is
   * to be newer.
   */
  passBy(node = -1): void {
    for (let row = 0; row < this.#waiters.length; row++) {
      if (this.#waiters[row] === undefined || this.#nodes[row] === node) continue;
      this.latestGivenUp = Math.max(this.latestGivenUp, this.#latest[row]);
    }
  }

  /** Fails everything in flight. */
  close(error: StoreError): void {
    clearInterval(this.#sweeper);
    for (let row = 0; row < this.#waiters.length; row++) {
      if (this.#waiters[row] !== undefined) this.giveUp((this.#generations[row] << 16) | row)?.fail(error);
    }
  }
}

function restarted(node: number): StoreError {
  const message = `node ${node} ended with the request in flight; try again (a write may or may not have happened)`;
  return new StoreError('KV_NODE_RESTARTED', message, { node });
}

function expired(): StoreError {
  return new StoreError('KV_DEADLINE_EXCEEDED', 'the deadline passed; a write may or may not have happened');
}
