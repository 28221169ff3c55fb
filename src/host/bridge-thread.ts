/**
 * The host's side of its bridge: starts the thread, introduces nodes and seats to it, and starts it anew when it ends.
 * Without it the host serves on alone, as behind a cut cable.
 */
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { BridgeStats } from '../bridge/stats.js';
import type { BridgeSettings } from '../bridge/types.js';
import { asStoreError, StoreError } from '../core/errors.js';
import type { NodeMark } from '../core/storage-mark.js';
import type { BridgeControl, BridgeEvent, BridgeOutcome, BridgeStart } from './bridge-main.js';
import type { ClusterFacts } from './bridge-settings.js';
import type { ControlLink, SeatAttachment } from './control.js';
import { movedPort } from './moved-port.js';
import { RemoteStatus } from './remote-status.js';
import type { SeatLink } from './seat-table.js';
import type { ThreadMap } from './thread-map.js';

export interface BridgeThreadParts {
  readonly map: ThreadMap;
  readonly settings: () => BridgeSettings;
  readonly facts: () => ClusterFacts;
  readonly marks: () => Pick<BridgeStart, 'own' | 'seen'>;
  /** The thread runs: give it the seats and the nodes of the host. */
  readonly onSpawn: (bridge: BridgeThread) => Promise<void>;
  readonly onEvent: (event: BridgeEvent) => void;
  readonly onError: (error: unknown) => void;
}

/** Pause before the thread is started anew; doubled each time that it does not come to listen, up to the second. */
const RESTART_MS = 500;
const RESTART_MS_MAX = 8_000;
const STOP_MS_MAX = 5_000;

export class BridgeThread implements SeatLink {
  readonly #parts: BridgeThreadParts;
  readonly #remoteStatus: RemoteStatus;
  #worker: Worker | undefined;
  #remote: Comlink.Remote<BridgeControl> | undefined;
  #died: Promise<never> = new Promise(() => undefined);
  #exited: Promise<void> = Promise.resolve();
  #closing = false;
  #listens = false;
  /** Starts in a row that came to nothing. */
  #failures = 0;

  constructor(parts: BridgeThreadParts) {
    this.#parts = parts;
    this.#remoteStatus = new RemoteStatus(parts.map);
  }

  /** @throws StoreError what the listener says, KV_INVALID_OPTION */
  async start(): Promise<void> {
    const { map, settings, facts, marks, onSpawn } = this.#parts;
    const events = new MessageChannel();
    const data: BridgeStart = { map, settings: settings(), facts: facts(), ...marks(), events: events.port2 };
    const worker = new Worker(new URL(import.meta.resolve('#bridge-thread')), {
      workerData: data,
      transferList: [events.port2],
      name: 'kvorum-bridge',
      execArgv: [],
    });
    this.#worker = worker;
    this.#remote = Comlink.wrap<BridgeControl>(nodeEndpoint(worker));
    events.port1.on('message', (event: BridgeEvent) => this.#parts.onEvent(event));
    events.port1.unref();
    let reason = 'it ended';
    worker.on('error', (error) => {
      reason = error.message;
    });
    this.#died = new Promise((_, reject) => {
      this.#exited = new Promise((resolve) => {
        worker.once('exit', () => {
          reject(new StoreError('KV_CLOSED', `the bridge to the other hosts: ${reason}`));
          events.port1.close();
          this.#onExit(reason);
          resolve();
        });
      });
    });
    this.#died.catch(() => undefined);
    await onSpawn(this);
    const outcome = await this.#call<BridgeOutcome>(this.#remote.start());
    if (outcome.error !== undefined) throw StoreError.fromWire(outcome.error);
    this.#listens = true;
    this.#failures = 0;
  }

  #onExit(reason: string): void {
    this.#worker = undefined;
    this.#remote = undefined;
    this.#remoteStatus.clear(this.#parts.map);
    if (this.#closing) return;
    // where it never listened, whoever started it is told why
    if (this.#listens) {
      this.#parts.onError(new StoreError('KV_INTERNAL', `the bridge ended: ${reason}; it is started anew`));
    }
    this.#listens = false;
    setTimeout(() => this.#startAnew(), Math.min(RESTART_MS_MAX, RESTART_MS * 2 ** this.#failures)).unref();
  }

  /** A thread that cannot listen, as where another process has taken the port meanwhile, is ended: the next one may. */
  #startAnew(): void {
    if (this.#closing) return;
    this.start().catch((error: unknown) => {
      this.#failures++;
      this.#parts.onError(error);
      void this.#worker?.terminate();
    });
  }

  /** Races a call against the end of the thread, which comlink would wait for for ever. */
  #call<Result>(call: Promise<Result>): Promise<Result> {
    return Promise.race([call, this.#died]);
  }

  async attachSeat(attachment: SeatAttachment, bell: MessagePort): Promise<void> {
    if (this.#remote !== undefined) await this.#call(this.#remote.attachSeat(attachment, movedPort(bell)));
  }

  async detachSeat(seat: number): Promise<void> {
    if (this.#remote !== undefined) await this.#call(this.#remote.detachSeat(seat));
  }

  /** Gives a node that begins a life, and the bridge, the bell between them. Where the bridge has ended, the next one does. */
  async introduce(node: number, link: Pick<ControlLink, 'attachBridge'>): Promise<void> {
    if (this.#remote === undefined) return;
    const { port1, port2 } = new MessageChannel();
    try {
      await this.#call(this.#remote.attachNode(node, movedPort(port1)));
    } catch (error) {
      if (asStoreError(error).code !== 'KV_CLOSED') throw error;
      return;
    }
    await link.attachBridge(port2);
  }

  async setFacts(facts: ClusterFacts, idle: readonly string[]): Promise<void> {
    if (this.#remote !== undefined) await this.#call(this.#remote.setFacts(facts, idle));
  }

  async setOwn(marks: readonly NodeMark[]): Promise<void> {
    if (this.#remote !== undefined) await this.#call(this.#remote.setOwn(marks));
  }

  async stats(): Promise<BridgeStats | undefined> {
    return this.#remote === undefined ? undefined : this.#call(this.#remote.stats());
  }

  async close(): Promise<void> {
    this.#closing = true;
    const worker = this.#worker;
    if (worker === undefined || this.#remote === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), STOP_MS_MAX);
    });
    const stopped = this.#call(this.#remote.stop()).then(
      () => this.#exited,
      () => undefined,
    );
    if ((await Promise.race([stopped, late])) === 'late') await worker.terminate();
    clearTimeout(timer);
    await this.#exited;
  }
}
