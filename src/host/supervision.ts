/**
 * Keeps one node's thread running: starts it, notices its end at once, and starts it again under a new incarnation. What
 * was in flight is void; the node recovers from its log. One whose log or base table is damaged goes on with what is intact, where
 * enough others can make up for the rest; otherwise it stays down and says why.
 */
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { asStoreError, type StoreError } from '../core/errors.js';
import type { RingState } from '../core/ring-state.js';
import type { StorageMark } from '../core/storage-mark.js';
import { EXIT_GATE_WORDS, ExitGate } from '../storage/exit-gate.js';
import { beyondHelp, isOfNodeFile, isSalvageable } from '../storage/log-damage.js';
import type { RecoveryReport } from '../storage/recovery.js';
import { ControlLink } from './control.js';
import type { NodeEvent } from './events.js';
import { Life, Status, type ThreadMap } from './thread-map.js';
import type { NodeStart } from './worker-main.js';

/** What a node's thread needs besides what the supervisor makes for each life. */
export type NodeSettings = Omit<NodeStart, 'gate' | 'events' | 'overtakenBy' | 'salvages'>;

export interface SupervisorHooks {
  /** The newest ring; asked for once the node is up (see `#live`). */
  readonly ring: () => RingState;
  /** What other hosts have seen of a node's storage, where that is more than there is; asked for each life. */
  readonly overtakenBy?: (node: number) => StorageMark | undefined;
  /** A node's log or base table was found damaged: whether it may go on with what is intact. */
  readonly maySalvage: (node: number) => boolean;
  /** A thread is running but does not serve yet: give it its seats. */
  readonly onSpawn: (node: number, link: ControlLink) => Promise<void>;
  readonly onUp: (node: number, incarnation: number, report: RecoveryReport) => void;
  readonly onDown: (node: number, reason: string) => void;
  readonly onEvent: (node: number, event: NodeEvent) => void;
}

/** Pause before a life that follows one which never served; doubled each time, up to the second. */
const BACKOFF_MS = 10;
const BACKOFF_MS_MAX = 2_000;
const STOP_MS_MAX = 30_000;
/** Native helpers that packages would load into each thread; what a node decodes is small and rare. */
const NO_EXTRACTORS = { CBOR_NATIVE_ACCELERATION_DISABLED: 'true', MSGPACKR_NATIVE_ACCELERATION_DISABLED: 'true' };

export class Supervisor {
  readonly #settings: NodeSettings;
  readonly #hooks: SupervisorHooks;
  readonly #status: Int32Array;
  #worker: Worker | undefined;
  #link: ControlLink | undefined;
  #gate = new ExitGate();
  #exited: Promise<void> = Promise.resolve();
  #closing = false;
  #held = false;
  #failures = 0;
  /** The node has had a directory. */
  #isKnown: boolean;
  /** The next life salvages what is damaged. */
  #salvages = false;
  #reason = '';
  #retry: NodeJS.Timeout | undefined;

  constructor(settings: NodeSettings, hooks: SupervisorHooks) {
    this.#settings = settings;
    this.#hooks = hooks;
    this.#isKnown = settings.isKnown;
    this.#status = new Int32Array(settings.map.status);
  }

  get #line(): number {
    return this.#settings.node * Status.line;
  }

  /** The control plane of the running thread. */
  get link(): ControlLink | undefined {
    return this.#link;
  }

  get incarnation(): number {
    return Atomics.load(this.#status, this.#line + Status.incarnation); // Atomics: acquire
  }

  /** First start. @throws StoreError of the recovery */
  async start(): Promise<RecoveryReport> {
    return this.#live();
  }

  /** The first start of a node that the ring counts on: where it fails, that is told and it is tried again, as after a death. */
  async keepUp(): Promise<void> {
    await this.#live().catch((error: unknown) => this.#onFailedStart(asStoreError(error)));
  }

  /** Starts again behind a start that found the log damaged: with what is intact of it. @throws StoreError of the salvage */
  async salvage(): Promise<RecoveryReport> {
    await this.terminate();
    this.#salvages = true;
    return this.#live();
  }

  /**
   * One life of the thread, up to where it serves. It is given the ring only when others see it up: as long as they see it
   * down, they report that it refuses what is older than the ring in force by then (actors/ring-keeper.ts), and it must.
   */
  async #live(): Promise<RecoveryReport> {
    const { node, map } = this.#settings;
    // Atomics: the thread is not running; it reads these after it has started
    Atomics.store(this.#status, this.#line + Status.controlPosted, 0);
    Atomics.store(this.#status, this.#line + Status.controlHandled, 0); // Atomics: see above
    const incarnation = Atomics.add(this.#status, this.#line + Status.incarnation, 1) + 1; // Atomics: RMW, see above
    Atomics.store(this.#status, this.#line + Status.released, 0); // Atomics: see above
    const gate = new SharedArrayBuffer(EXIT_GATE_WORDS * 4);
    const events = new MessageChannel();
    this.#gate = new ExitGate(new Int32Array(gate));
    const overtakenBy = this.#hooks.overtakenBy?.(node);
    const life = {
      isKnown: this.#isKnown,
      salvages: this.#salvages,
      ...(overtakenBy !== undefined && { overtakenBy }),
    };
    const data: NodeStart = { ...this.#settings, ...life, gate, events: events.port2 };
    const worker = new Worker(new URL(import.meta.resolve('#node-thread')), {
      workerData: data,
      transferList: [events.port2],
      name: `kvorum-node-${node}`,
      // flags of the program, such as --input-type or --import, are not for this thread
      execArgv: [],
      env: { ...process.env, ...NO_EXTRACTORS },
      resourceLimits: { maxOldGenerationSizeMb: heapMegabytes(map.memories[node].arena.byteLength) },
    });
    this.#worker = worker;
    events.port1.on('message', (event: NodeEvent) => this.#onEvent(event));
    events.port1.unref();
    worker.on('error', (error) => {
      this.#reason = error.message;
    });
    this.#exited = new Promise((resolve) => {
      worker.once('exit', () => {
        // the event loop may meet the end of the thread before the last that it told, such as why it ends
        for (let told = receiveMessageOnPort(events.port1); told; told = receiveMessageOnPort(events.port1)) {
          this.#onEvent(told.message as NodeEvent);
        }
        events.port1.close();
        this.#onExit(map);
        resolve();
      });
    });
    const link = new ControlLink(map, node, worker);
    this.#link = link;
    await this.#hooks.onSpawn(node, link);
    const report = await link.start();
    await link.serve(this.#hooks.ring());
    this.#failures = 0;
    this.#isKnown = true;
    this.#salvages = false;
    this.#hooks.onUp(node, incarnation, report);
    return report;
  }

  #onEvent(event: NodeEvent): void {
    if (event.type === 'fatal') {
      this.#reason = event.error.message;
    }
    this.#hooks.onEvent(this.#settings.node, event);
  }

  #onExit(map: ThreadMap): void {
    const { node } = this.#settings;
    // Atomics: seq_cst; from here nobody sends to the node or trusts its table
    const wasUp = Atomics.exchange(this.#status, this.#line + Status.up, Life.down) !== Life.down;
    const serving = new Int32Array(map.memories[node].serving);
    for (let p = 0; p < serving.length; p++) {
      // Atomics: RMW by the only writer, the thread being dead; another generation, not serving
      Atomics.store(serving, p, ((Atomics.load(serving, p) >>> 1) + 1) * 2);
    }
    this.#worker = undefined;
    if (this.#closing) return;
    const reason = this.#reason || 'its thread was ended';
    this.#reason = '';
    if (wasUp) this.#hooks.onDown(node, reason);
    if (wasUp && !this.#held) this.#again();
  }

  /** The next life, after a pause. Asked for twice, as by the end of a thread and by what ended it, there is one. */
  #again(): void {
    clearTimeout(this.#retry);
    const pauseMs = this.#failures === 0 ? 0 : Math.min(BACKOFF_MS_MAX, BACKOFF_MS * 2 ** this.#failures);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#closing || this.#held || this.#worker !== undefined) return;
      this.#live().catch((error: unknown) => this.#onFailedStart(asStoreError(error)));
    }, pauseMs);
  }

  /** A life that ended before it served: tried again, unless trying cannot help. */
  async #onFailedStart(error: StoreError): Promise<void> {
    // it served, and died before it could say so: the next life is on its way already
    if (this.#retry !== undefined) return;
    this.#failures++;
    await this.terminate();
    if (this.#closing) return;
    const { node, map } = this.#settings;
    if (isSalvageable(error) && this.#hooks.maySalvage(node)) {
      if (isOfNodeFile(error.details)) this.#hooks.onEvent(node, { type: 'storage-error', error: error.toWire() });
      this.#salvages = true;
      this.#again();
      return;
    }
    const told = isSalvageable(error) ? beyondHelp(error, map.n) : error;
    this.#hooks.onEvent(node, { type: 'storage-error', error: told.toWire() });
    if (error.code !== 'KV_CORRUPT' && error.code !== 'KV_FORMAT_TOO_NEW') this.#again();
  }

  /** Ends the thread, and keeps it down until `release`: for tests of what the others do meanwhile. */
  async hold(): Promise<void> {
    this.#held = true;
    await this.terminate();
  }

  /** Starts a held node again. */
  release(): void {
    if (!this.#held) return;
    this.#held = false;
    if (this.#worker === undefined && !this.#closing) this.#again();
  }

  /** Ends the thread now, as soon as it is not inside a native call that would take the process with it. */
  async terminate(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    // of this life: another one may have begun by the time that it is over
    const [gate, exited] = [this.#gate, this.#exited];
    gate.shut();
    // a thread that ends by itself inside never leaves
    while (!gate.clear && this.#worker === worker) await new Promise((resolve) => setTimeout(resolve, 1));
    await worker.terminate();
    await exited;
  }

  /** Stops the thread cleanly, or ends it when it does not answer. */
  async close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#retry);
    if (this.#worker === undefined) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), STOP_MS_MAX);
    });
    const stopped = (this.#link as ControlLink).stop().then(
      () => this.#exited,
      () => undefined,
    );
    const how = await Promise.race([stopped, late]);
    clearTimeout(timer);
    if (how === 'late') await this.terminate();
    await this.#exited;
  }
}

/**
 * Heap of a node's thread. Its data is elsewhere, and the objects of a flush are small beside four times the arena, so
 * only a leak comes near: it then ends the thread, which starts anew, and not the process.
 */
function heapMegabytes(arenaBytes: number): number {
  return 96 + 4 * Math.ceil(arenaBytes / 2 ** 20);
}
