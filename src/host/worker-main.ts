/**
 * What runs in a node's thread: opens the node's storage, spawns its actors, and turns the loop until told to stop.
 * An error that ends the loop ends the thread; the host starts it anew (supervision.ts).
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { PartitionDoubts } from '../actor/partition-doubts.js';
import { asStoreError, assert, type StoreError, type WireError } from '../core/errors.js';
import type { GossipPreset } from '../core/gossip-tuning.js';
import type { Quorums } from '../core/ring-change.js';
import type { RingState } from '../core/ring-state.js';
import type { StorageMark } from '../core/storage-mark.js';
import { Count } from '../runtime/counters.js';
import { HostClock } from '../runtime/host-clock.js';
import { MailboxReader } from '../runtime/mailbox.js';
import { bridgeThread, PostOffice, seatThread } from '../runtime/post-office.js';
import { Wake } from '../runtime/wake.js';
import { WorkerLoop } from '../runtime/worker-loop.js';
import type { Engine } from '../storage/engine.js';
import { Maintenance } from '../storage/maintenance.js';
import { exposeControl, type NodeControl, type SeatAttachment, type StartOutcome } from './control.js';
import type { NodeEvent } from './events.js';
import { spawnNodeActors } from './node-actors.js';
import { NodeFiles } from './node-files.js';
import { openNodeStorage, type StorageReport } from './node-storage.js';
import { endInside, fillHeap, leakInto, type PlantedFailure } from './planted-failures.js';
import { mailboxBetween, Status, showDoubt, type ThreadMap } from './thread-map.js';
import { turnStorage } from './turn-storage.js';

export interface NodeStart {
  readonly map: ThreadMap;
  readonly node: number;
  /** The store's R and W: what the steps of a ring change wait for. */
  readonly quorums: Quorums;
  readonly directory: string;
  readonly gate: SharedArrayBuffer;
  readonly events: MessagePort;
  readonly gossip: GossipPreset;
  readonly antiEntropyIntervalMs: number;
  readonly verifyIntervalMs: number;
  readonly collectionIntervalMs: number;
  /** The node had a directory before: an empty one is a loss. */
  readonly isKnown: boolean;
  /** What other hosts have seen of its storage, where that is more than there is now. */
  readonly overtakenBy?: StorageMark;
  /** Its log or base table was found damaged, and enough others can make up for what is missing: it goes on with what is intact. */
  readonly salvages: boolean;
  readonly syncIntervalMs: number;
  readonly logBytesMax: number;
  readonly mapBytesMax: number;
  readonly compression: boolean;
  readonly clockDriftMaxMs: number;
  readonly hintBytesMax: number;
  readonly hintAgeMaxMs: number;
  readonly siblingsMax: number;
  readonly pairBytesMax: number;
}

class NodeThread implements NodeControl {
  readonly #start: NodeStart;
  readonly #status: Int32Array;
  readonly #counters: Int32Array;
  readonly #post: PostOffice;
  readonly #files: NodeFiles;
  readonly #bells = new Map<number, MessagePort>();
  readonly #inboxes = new Map<number, MailboxReader>();
  #engine: Engine | undefined;
  #maintenance: Maintenance | undefined;
  #doubts: PartitionDoubts | undefined;
  #loop: WorkerLoop | undefined;
  #ended: Promise<void> = Promise.resolve();
  #failNext = false;
  /** For tests of supervision: what is leaked in each turn. */
  #leak: unknown[] | undefined;

  constructor(start: NodeStart) {
    const { map, node } = start;
    this.#start = start;
    this.#status = new Int32Array(map.status);
    this.#counters = new Int32Array(map.counters[node]);
    this.#files = new NodeFiles(start.directory);
    const wake = new Wake(map.wake);
    const bridge = bridgeThread(map);
    this.#post = new PostOffice(map, wake, (thread) => {
      if (thread < bridge) wake.notify(thread);
      else this.#bells.get(thread)?.postMessage(0);
    });
    const own = node - map.first;
    for (let other = 0; other <= bridge; other++) {
      if (other === own || (other === bridge && !map.hasBridge)) continue;
      this.#post.connect(other, mailboxBetween(map, own, other));
      this.#inboxes.set(other, new MailboxReader(mailboxBetween(map, other, own)));
    }
  }

  async start(): Promise<StartOutcome> {
    try {
      return { report: await this.#recover() };
    } catch (thrown) {
      // as long as its files were not read they must not be written
      const error = this.#engine === undefined ? asStoreError(thrown) : this.#distrust(thrown);
      return { error: error.toWire() };
    }
  }

  async #recover(): Promise<StorageReport> {
    const { syncIntervalMs, logBytesMax, mapBytesMax } = this.#start;
    const report = await openNodeStorage(this.#start, this.#files, (engine) => {
      this.#engine = engine;
    });
    if (report.cut !== undefined) this.#tell({ type: 'log-cut', ...report.cut });
    if (report.base !== undefined) this.#tell({ type: 'base-damaged', ...report.base });
    for (const damage of report.damages ?? []) this.#tell({ type: 'log-damaged', ...damage });
    const onError = (error: unknown) => this.#tell({ type: 'storage-error', error: asStoreError(error).toWire() });
    const maintenance = new Maintenance(this.#engine as Engine, {
      syncIntervalMs,
      logBytesMax,
      mapBytesMax,
      onError,
      onOverloaded: () => this.#tell({ type: 'overloaded', what: 'the memory or the log waits for the disk' }),
    });
    this.#maintenance = maintenance;
    this.#doubts = this.#makeDoubts();
    this.#showUp(this.#doubts);
    return report;
  }

  /** Called once, behind `start`. */
  serve(ring: RingState): WireError | undefined {
    try {
      this.#run(ring);
      return undefined;
    } catch (error) {
      // Atomics: release; it was never more than recovered
      Atomics.store(this.#status, this.#start.node * Status.line + Status.up, 0);
      return asStoreError(error).toWire();
    }
  }

  #run(ring: RingState): void {
    const { map, node } = this.#start;
    const engine = this.#engine as Engine;
    const doubts = this.#doubts as PartitionDoubts;
    const clock = new HostClock(map.clockStartMs);
    const tell = (event: NodeEvent) => this.#tell(event);
    const system = spawnNodeActors({ start: this.#start, ring, store: engine, post: this.#post, tell, doubts });
    const counters = this.#counters;
    const line = node * Status.line;
    const storage = turnStorage(engine, this.#maintenance as Maintenance, {
      counters,
      mustFail: () => {
        if (this.#leak !== undefined) leakInto(this.#leak);
        return this.#failNext;
      },
      onSynced: (sequence) => this.#files.synced(sequence),
    });
    const controlWaits = () => {
      // Atomics: acquire; how many the host has posted against how many were delivered
      const posted = Atomics.load(this.#status, line + Status.controlPosted);
      // Atomics: acquire, see above
      return posted !== Atomics.load(this.#status, line + Status.controlHandled);
    };
    const wake = new Wake(map.wake);
    const parts = { thread: node - map.first, system, storage, post: this.#post };
    this.#loop = new WorkerLoop({ ...parts, wake, clock, counters, controlWaits });
    this.#loop.setReaders([...this.#inboxes.values()]);
    // in a later task: the answer to `serve` leaves before the loop blocks this thread for the first time
    this.#ended = new Promise<void>((resolve) => setImmediate(resolve))
      .then(() => this.#loop?.run())
      .catch((error: unknown) => this.#die(error));
  }

  #makeDoubts(): PartitionDoubts {
    const { map, node } = this.#start;
    const serving = new Int32Array(map.memories[node].serving);
    const doubts = new PartitionDoubts(map.partitions, this.#files.doubt, {
      onSettled: (p) => {
        // Atomics: RMW; another generation, and serving (the lowest bit): what it lacked is in the table
        Atomics.store(serving, p, ((Atomics.load(serving, p) >>> 1) + 1) * 2 + 1);
      },
      onAllSettled: (mayBeLost) => {
        this.#files.endDoubt();
        showDoubt(map, node, false);
        if (mayBeLost > 0) this.#tell({ type: 'writes-may-be-lost', partitions: mayBeLost });
      },
    });
    // whoever sees the node up must not see what its former life counted
    this.#counters[Count.inDoubt] = doubts.size;
    return doubts;
  }

  /** From here readers may trust the table, whichever lists the ring puts this node on, and others may send. */
  #showUp(doubts: PartitionDoubts): void {
    const { map, node } = this.#start;
    const serving = new Int32Array(map.memories[node].serving);
    for (let p = 0; p < map.partitions; p++) {
      if (doubts.has(p)) continue;
      // Atomics: RMW; another generation, and serving (the lowest bit), after recovery
      Atomics.store(serving, p, ((Atomics.load(serving, p) >>> 1) + 1) * 2 + 1);
    }
    showDoubt(map, node, doubts.size > 0);
    // Atomics: seq_cst, after recovery; whoever has seen the node down has done so before the host is asked for the ring
    Atomics.store(this.#status, node * Status.line + Status.up, 1);
  }

  attachSeat({ seat, inbox, outbox, fresh }: SeatAttachment, bell: MessagePort): void {
    const thread = seatThread(this.#start.map, seat);
    this.#setBell(thread, bell);
    this.#post.connect(thread, outbox);
    this.#inboxes.set(thread, new MailboxReader(inbox, fresh));
    this.#loop?.setReaders([...this.#inboxes.values()]);
  }

  attachBridge(bell: MessagePort): void {
    this.#setBell(bridgeThread(this.#start.map), bell);
  }

  #setBell(thread: number, bell: MessagePort): void {
    this.#bells.get(thread)?.close();
    this.#bells.set(thread, bell);
    bell.unref();
  }

  detachSeat(seat: number): void {
    const thread = seatThread(this.#start.map, seat);
    this.#bells.get(thread)?.close();
    this.#bells.delete(thread);
    this.#post.disconnect(thread);
    this.#inboxes.delete(thread);
    this.#loop?.setReaders([...this.#inboxes.values()]);
  }

  async stop(): Promise<void> {
    this.#loop?.stop();
    setImmediate(() => void this.#close());
  }

  async #close(): Promise<void> {
    await this.#ended;
    const { node } = this.#start;
    // a node that never came to serve has nothing to finish, and its directory was not closed cleanly
    if (this.#loop === undefined) process.exit(0);
    Atomics.store(this.#status, node * Status.line + Status.up, 0); // Atomics: release; no more messages are taken
    const engine = this.#engine as Engine;
    if (engine.flusher.running) await engine.flusher.flush(engine.log).catch(() => undefined);
    while (engine.log.busy) await new Promise((resolve) => setTimeout(resolve, 1));
    try {
      engine.log.close();
      await engine.base.close();
      // a compaction may have taken numbers since for records that no turn has written
      this.#files.closeClean(engine.log.writtenSequence);
    } catch (error) {
      this.#die(error);
    }
    process.exit(0);
  }

  fail(how: PlantedFailure): void {
    if (how === 'throw') this.#failNext = true;
    else if (how === 'leak') this.#leak = [];
    else if (how === 'inside') endInside(this.#start.gate);
    else fillHeap();
  }

  /** After a failed sync the next life, of this process or another, is told what not to trust. */
  #distrust(thrown: unknown): StoreError {
    const error = asStoreError(thrown);
    try {
      if (error.code === 'KV_STORAGE_FAILED') this.#files.trusted = false;
    } catch {
      // the disk that failed the sync may fail this too; the base table still has what it had
    }
    return error;
  }

  /** Ends the thread. */
  #die(thrown: unknown): never {
    const error = this.#distrust(thrown);
    this.#tell({ type: 'fatal', error: error.toWire() });
    process.exit(1);
  }

  #tell(event: NodeEvent): void {
    this.#start.events.postMessage(event);
  }
}

assert(parentPort !== null, 'a node runs in a worker thread');
const start = workerData as NodeStart;
exposeControl(parentPort, new NodeThread(start), new Int32Array(start.map.status), start.node);
