/**
 * The actors of one thread: delivers messages and timers to their handlers, is the `env` of each, and undoes what a
 * handler leaves behind when it throws. The actor then starts again from `init`, at a bounded rate.
 */
import { type Address, instanceOf, nodeOf, ROLE_NAMES, type Role, roleOf } from '../actor/address.js';
import type { AnyBehaviour } from '../actor/behaviour.js';
import type { Env, Outbound } from '../actor/env.js';
import type { HandlerScope, Placement, Store } from '../actor/ports.js';
import type { NodeIndex } from '../core/ids.js';
import { type MessageView, putHeader } from '../protocol/header.js';
import { Kind, NAME_OF_TAG } from '../protocol/messages.js';
import { actorCounter, Count } from './counters.js';
import { LocalQueue } from './local-queue.js';
import { PieceReader } from './pieces.js';
import type { PostOffice } from './post-office.js';
import { Timers } from './timers.js';

type AnyHandler = (state: unknown, message: MessageView, env: Env) => void;

interface Cell {
  readonly address: Address;
  readonly behaviour: AnyBehaviour;
  readonly handlers: readonly (AnyHandler | undefined)[];
  readonly counter: number;
  state: unknown;
  restarts: number[];
}

export interface ActorSystemParts {
  readonly node: NodeIndex;
  readonly store: Store & HandlerScope;
  readonly placement: Placement;
  readonly post: Pick<PostOffice, 'open' | 'undo'>;
  readonly counters: Int32Array;
  readonly partitions: number;
  readonly onRestart: (role: string, instance: number, error: unknown) => void;
  /** Milliseconds since 1970; the system's clock where left out. */
  readonly wallMs?: () => number;
  /** Unsigned 32-bit numbers; random ones where left out. */
  readonly random?: () => number;
}

/** Restarts of one actor within a second after which its node ends instead. */
const RESTARTS_MAX = 10;
const RESTART_WINDOW_MS = 1_000;

export class ActorSystem implements Env {
  self = 0 as Address;
  readonly node: NodeIndex;
  readonly store: Store & HandlerScope;
  readonly placement: Placement;
  readonly local = new LocalQueue();
  readonly timers = new Timers();
  readonly random: () => number;
  readonly #post: Pick<PostOffice, 'open' | 'undo'>;
  readonly #parts: ActorSystemParts;
  readonly #cells: Cell[][] = [];
  readonly #handlers = new Map<AnyBehaviour, readonly (AnyHandler | undefined)[]>();
  readonly #out: Outbound = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
  readonly #pieces = new PieceReader();
  readonly #newTimers: { dueMs: number; token: number }[] = [];
  readonly #readWallMs: () => number;
  #wallMs: number;
  #handler = 0;
  #nowMs = 0;
  /** The same clock, not wrapped: what timers are due by. */
  #elapsedMs = 0;
  #begun = false;

  constructor(parts: ActorSystemParts) {
    this.#parts = parts;
    this.node = parts.node;
    this.store = parts.store;
    this.placement = parts.placement;
    this.#post = parts.post;
    this.#readWallMs = parts.wallMs ?? Date.now;
    this.#wallMs = this.#readWallMs();
    this.random = parts.random ?? randomWord;
  }

  /** Adds an actor and starts it. */
  spawn(address: Address, behaviour: AnyBehaviour): void {
    const handlers = this.#handlersOf(behaviour);
    const counter = actorCounter(roleOf(address), instanceOf(address), this.#parts.partitions);
    const cell: Cell = { address, behaviour, handlers, counter, state: undefined, restarts: [] };
    const instances = this.#cells[roleOf(address)] ?? [];
    this.#cells[roleOf(address)] = instances;
    instances[instanceOf(address)] = cell;
    this.#within(cell, () => {
      cell.state = behaviour.init(this);
    });
  }

  /** The handlers by tag: one table for all actors of a behaviour, which stays in the cache. */
  #handlersOf(behaviour: AnyBehaviour): readonly (AnyHandler | undefined)[] {
    const known = this.#handlers.get(behaviour);
    if (known !== undefined) return known;
    const handlers = NAME_OF_TAG.map((name) => (name === undefined ? undefined : behaviour.receive[name]));
    this.#handlers.set(behaviour, handlers as readonly (AnyHandler | undefined)[]);
    return handlers as readonly (AnyHandler | undefined)[];
  }

  /** State of an actor, for tests and inspection. */
  stateOf(role: Role, instance: number): unknown {
    return this.#cells[role]?.[instance]?.state;
  }

  /** The turn's time, in milliseconds of the host's monotonic clock, as 32 bits. */
  beginTurn(nowMs: number): void {
    if (this.#begun) this.#elapsedMs += (nowMs - this.#nowMs) | 0;
    this.#begun = true;
    this.#nowMs = nowMs;
    this.#wallMs = this.#readWallMs();
  }

  /** Milliseconds until the first timer is due; Infinity when there is none. */
  untilTimerMs(nowMs: number): number {
    return this.timers.untilNextMs(this.#elapsedMs + ((nowMs - this.#nowMs) | 0));
  }

  /** Hands a message to its actor. @throws whatever a handler threw, when its actor restarts too often */
  deliver(view: MessageView): void {
    const cell = this.#cells[roleOf(view.to)]?.[instanceOf(view.to)];
    const handler = cell?.handlers[view.tag];
    const { counters } = this.#parts;
    if (cell === undefined || handler === undefined || nodeOf(view.to) !== this.node) {
      if (view.tag === Kind.piece) this.#deliverPiece(view);
      else counters[Count.undeliverable]++;
      return;
    }
    counters[cell.counter]++;
    const mark = this.#begin(cell);
    try {
      handler(cell.state, view, this);
    } catch (error) {
      this.#undo(cell, mark, error);
      return;
    }
    if (this.#newTimers.length > 0) this.#keepTimers(cell);
  }

  /** Delivers the message that a piece completes, if it does. */
  #deliverPiece(view: MessageView): void {
    const whole = this.#pieces.add(view.words, view.at);
    if (whole === undefined) return;
    view.point(whole, Buffer.from(whole.buffer), 0);
    this.deliver(view);
  }

  /** Delivers everything that actors of this thread have sent each other in this turn. */
  deliverLocal(view: MessageView): void {
    while (this.local.take(view)) this.deliver(view);
  }

  /** Runs the timers that are due. */
  fireTimers(): void {
    // one that is set meanwhile, for now, waits for the next turn
    for (let left = this.timers.size; left > 0; left--) {
      const due = this.timers.takeDue(this.#elapsedMs);
      if (due === undefined) return;
      const cell = this.#cells[roleOf(due.address)]?.[instanceOf(due.address)];
      const { onTimer } = cell?.behaviour ?? {};
      if (cell === undefined || onTimer === undefined) continue;
      this.#within(cell, () => onTimer(cell.state as never, due.token, this));
    }
  }

  #begin(cell: Cell): number {
    this.#handler = (this.#handler + 1) | 0;
    this.self = cell.address;
    this.store.beginHandler();
    return this.local.mark;
  }

  #within(cell: Cell, run: () => void): void {
    const mark = this.#begin(cell);
    try {
      run();
      this.#keepTimers(cell);
    } catch (error) {
      this.#undo(cell, mark, error);
    }
  }

  #undo(cell: Cell, mark: number, error: unknown): void {
    this.local.truncate(mark);
    this.#post.undo(this.#handler);
    this.store.undoHandler();
    this.#newTimers.length = 0;
    this.#parts.counters[Count.actorRestarts]++;
    cell.restarts = cell.restarts.filter((at) => this.#elapsedMs - at < RESTART_WINDOW_MS);
    cell.restarts.push(this.#elapsedMs);
    if (cell.restarts.length > RESTARTS_MAX) throw error;
    this.#parts.onRestart(ROLE_NAMES[roleOf(cell.address)], instanceOf(cell.address), error);
    cell.state = cell.behaviour.init(this);
    this.#keepTimers(cell);
  }

  #keepTimers(cell: Cell): void {
    for (const { dueMs, token } of this.#newTimers) this.timers.add(dueMs, cell.address, token);
    this.#newTimers.length = 0;
  }

  /** Read once a turn: the hybrid clock orders what happens within it. */
  wallMs(): number {
    return this.#wallMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  open(tag: number, to: number, request: number, bytes: number): Outbound | undefined {
    const out = this.#out;
    if (nodeOf(to) === this.node && roleOf(to) !== 4) {
      this.local.open(out, bytes, tag, to, this.self, request);
      putHeader(out.words, out.at, tag, bytes, to, this.self, request);
      return out;
    }
    if (!this.#post.open(out, bytes, tag, to, this.self, request, this.#handler)) {
      this.#parts.counters[Count.refusedSends]++;
      return undefined;
    }
    return out;
  }

  forward(message: MessageView, tag: number, to: number, request: number): void {
    this.local.forward(message, tag, to, this.self, request);
  }

  timer(delayMs: number, token: number): void {
    this.#newTimers.push({ dueMs: this.#elapsedMs + delayMs, token });
  }
}

function randomWord(): number {
  return Math.floor(Math.random() * 0x1_0000_0000);
}
