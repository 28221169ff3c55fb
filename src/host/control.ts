/**
 * The control plane between a host and one of its node threads, carried by comlink: a handful of calls that are never on
 * the way of a request. A node's thread seldom turns its event loop, so each call first raises `controlPosted` and
 * wakes the thread; the thread turns until as many are handled. Every call is raced against the thread's exit and a
 * deadline, since comlink never settles a call to a thread that died.
 */

import type { MessagePort, Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { StoreError, type WireError } from '../core/errors.js';
import type { RingState } from '../core/ring-state.js';
import { Wake } from '../runtime/wake.js';
import type { RecoveryReport } from '../storage/recovery.js';
import { movedPort } from './moved-port.js';
import type { PlantedFailure } from './planted-failures.js';
import { Status, type ThreadMap } from './thread-map.js';

/** How a start ended: comlink would strip an error of its code. */
export type StartOutcome = { readonly report: RecoveryReport } | { readonly error: WireError };

export interface SeatAttachment {
  readonly seat: number;
  /** What the seat's thread writes into. */
  readonly inbox: SharedArrayBuffer;
  readonly outbox: SharedArrayBuffer;
  /** The seat is new: what it has sent already is for this node. Otherwise that was for the node's former life. */
  readonly fresh: boolean;
}

/** What a node's thread offers its host. */
export interface NodeControl {
  /** Recovers; others see the node up when it resolves. */
  start(): Promise<StartOutcome>;
  /** Begins to take messages, under this ring; an error where it cannot. */
  serve(ring: RingState): WireError | undefined;
  /** A thread of this program took a seat: its mailboxes, and the doorbell that wakes it. */
  attachSeat(attachment: SeatAttachment, bell: MessagePort): void;
  detachSeat(seat: number): void;
  /** The doorbell of the bridge, which has begun its life or another one. */
  attachBridge(bell: MessagePort): void;
  /** Finishes the turn, flushes nothing, syncs and closes its files. */
  stop(): Promise<void>;
  /** Ends the thread in the named way; for tests of supervision. */
  fail(how: PlantedFailure): void;
}

const CALL_MS_MAX = 60_000;

export class ControlLink {
  readonly #node: number;
  readonly #thread: number;
  readonly #status: Int32Array;
  readonly #wake: Wake;
  readonly #remote: Comlink.Remote<NodeControl>;
  readonly #died: Promise<never>;
  #hasEnded = false;

  constructor(map: ThreadMap, node: number, worker: Worker) {
    this.#node = node;
    this.#thread = node - map.first;
    this.#status = new Int32Array(map.status);
    this.#wake = new Wake(map.wake);
    this.#remote = Comlink.wrap<NodeControl>(nodeEndpoint(worker));
    let reason = '';
    worker.once('error', (error) => {
      reason = `: ${error.message}`;
    });
    this.#died = new Promise((_, reject) => {
      worker.once('exit', () => {
        this.#hasEnded = true;
        reject(new StoreError('KV_NODE_RESTARTED', `node ${node} ended${reason}`, { node }));
      });
    });
    this.#died.catch(() => undefined);
  }

  async start(): Promise<RecoveryReport> {
    const outcome = await this.#call<StartOutcome>('start', this.#remote.start(), Number.POSITIVE_INFINITY);
    if ('error' in outcome) throw StoreError.fromWire(outcome.error);
    return outcome.report;
  }

  async serve(ring: RingState): Promise<void> {
    const error = await this.#call<WireError | undefined>('serve', this.#remote.serve(ring));
    if (error !== undefined) throw StoreError.fromWire(error);
  }

  attachSeat(attachment: SeatAttachment, bell: MessagePort): Promise<void> {
    return this.#call('attachSeat', this.#remote.attachSeat(attachment, movedPort(bell)));
  }

  detachSeat(seat: number): Promise<void> {
    return this.#call('detachSeat', this.#remote.detachSeat(seat));
  }

  attachBridge(bell: MessagePort): Promise<void> {
    return this.#call('attachBridge', this.#remote.attachBridge(movedPort(bell)));
  }

  stop(): Promise<void> {
    return this.#call('stop', this.#remote.stop());
  }

  fail(how: PlantedFailure): Promise<void> {
    return this.#call('fail', this.#remote.fail(how));
  }

  #call<Result>(name: string, call: Promise<Result>, limitMs: number = CALL_MS_MAX): Promise<Result> {
    // the next life counts in the same words, and would wait for a message that it never gets
    if (this.#hasEnded) return this.#died;
    // Atomics: RMW, after the message was posted; the thread compares it with what it has handled
    Atomics.add(this.#status, this.#node * Status.line + Status.controlPosted, 1);
    this.#wake.wakeNode(this.#thread);
    const racers: Promise<Result>[] = [call, this.#died];
    let timer: NodeJS.Timeout | undefined;
    if (Number.isFinite(limitMs)) {
      racers.push(
        new Promise((_, reject) => {
          const error = () => new StoreError('KV_DEADLINE_EXCEEDED', `node ${this.#node} did not answer ${name}`);
          timer = setTimeout(() => reject(error()), limitMs);
        }),
      );
    }
    return Promise.race(racers).finally(() => clearTimeout(timer));
  }
}

/** Offers `control` on a node's port, counting each call as handled when it has been delivered. */
export function exposeControl(port: MessagePort, control: NodeControl, status: Int32Array, node: number): void {
  const word = node * Status.line + Status.controlHandled;
  port.on('message', () => {
    Atomics.add(status, word, 1); // Atomics: RMW; the loop compares it with controlPosted
  });
  Comlink.expose(control, nodeEndpoint(port));
}
