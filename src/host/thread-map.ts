/**
 * What every thread of a host is given: the shared memory of all nodes, the mailboxes, the wake words, the ring as
 * tables, and a few words of status for each node. It is plain data and shared buffers, so it goes through postMessage.
 *
 *   status   one line (16 words) for each node that a cluster may have, of this host or of another: see Status
 *   threads  the nodes of this host, then the bridge to other hosts, then seats: seat 0 is the thread that opened the
 *            store, the others attach later (runtime/post-office.ts)
 */
import { LivenessView } from '../actor/liveness-view.js';
import { RingView } from '../actor/ring-view.js';
import { NODE_COUNT_MAX } from '../core/ids.js';
import type { RingState } from '../core/ring-state.js';
import { mailboxBytes } from '../protocol/limits.js';
import { allocateCounters } from '../runtime/counters.js';
import { allocateMailbox } from '../runtime/mailbox.js';
import { type NodeRange, nodeThread } from '../runtime/post-office.js';
import { allocateWakeWords } from '../runtime/wake.js';
import { allocateNodeMemory, type NodeMemory } from '../storage/node-memory.js';
import { RingTable } from './ring-table.js';

/** What `Status.up` says. */
export const enum Life {
  down = 0,
  up = 1,
  /** Its host is about to close: it finishes what it was asked, and should not be asked anything more. */
  draining = 2,
}

/** What `Status.doubt` says. */
export const enum Doubt {
  /** Its host does not say. */
  unknown = 0,
  /** It counts for all that it holds. */
  none = 1,
  /** It may lack acknowledged writes of some partition (core/doubt.ts). */
  some = 2,
}

/** Word offsets within a node's status line. */
export const enum Status {
  /** A `Life`: 1 while the node's thread takes messages. */
  up = 0,
  /** Raised with every start of the node's thread. */
  incarnation = 1,
  /** Control messages posted by the host, and handled by the node. */
  controlPosted = 2,
  controlHandled = 3,
  /** What the node has copied in order to fill partitions: records, and bytes as two words. */
  movedRecords = 4,
  movedBytesLow = 5,
  movedBytesHigh = 6,
  /** Of a node of another host: which connection to it this is, and 1 while it stands; 0 of a node of this host. */
  connection = 7,
  connected = 8,
  /** Of a node of another host: 1 while nothing is heard of that, though it is connected. */
  quiet = 9,
  /** 1 when the host is about to end the node for good, which has left: the ring need not wait for it any longer. */
  released = 10,
  /** A `Doubt`; true while the node is up. */
  doubt = 11,
  line = 16,
}

export interface ThreadMap extends NodeRange {
  readonly hostId: string;
  readonly zone: string;
  /** Whether a bridge leads to other hosts. */
  readonly hasBridge: boolean;
  /** Start of the host's monotonic clock. */
  readonly clockStartMs: number;
  readonly seats: number;
  readonly n: number;
  readonly partitions: number;
  readonly mailboxBytes: number;
  readonly status: SharedArrayBuffer;
  readonly wake: SharedArrayBuffer;
  /** A `RingTable`. */
  readonly ring: SharedArrayBuffer;
  /** Of each node of this host, at its index in the ring, as are `counters` and `liveness`. */
  readonly memories: readonly NodeMemory[];
  readonly counters: readonly SharedArrayBuffer[];
  /** See `mailboxBetween`. */
  readonly mailboxes: readonly SharedArrayBuffer[];
  /** A `LivenessView` of each node's gossip agent. */
  readonly liveness: readonly SharedArrayBuffer[];
}

export interface ThreadMapOptions {
  readonly hostId: string;
  readonly zone: string;
  readonly hasBridge: boolean;
  readonly clockStartMs: number;
  readonly first: number;
  readonly room: number;
  readonly seats: number;
  readonly n: number;
  readonly partitions: number;
  /** Hot data of one node. */
  readonly nodeBytes: number;
  readonly pairBytesMax: number;
}

/** Allocates everything that is shared. Untouched memory costs nothing. */
export function allocateThreadMap(options: ThreadMapOptions, state: RingState): ThreadMap {
  const { first, room, seats, n, partitions, nodeBytes } = options;
  const ringBytes = mailboxBytes(options.pairBytesMax);
  const ring = RingTable.allocate(partitions, n);
  new RingTable(ring, options).write(state);
  const each = <Item>(make: () => Item): Item[] => {
    const items = new Array<Item>(first + room);
    for (let node = first; node < first + room; node++) items[node] = make();
    return items;
  };
  const mailboxes = Array.from({ length: (room + 1) ** 2 }, () => allocateMailbox(ringBytes));
  return {
    hostId: options.hostId,
    zone: options.zone,
    hasBridge: options.hasBridge,
    clockStartMs: options.clockStartMs,
    first,
    room,
    seats,
    n,
    partitions,
    mailboxBytes: ringBytes,
    status: allocateStatus(options),
    wake: allocateWakeWords(room + 1 + seats),
    ring,
    memories: each(() => allocateNodeMemory(nodeBytes, partitions)),
    counters: each(() => allocateCounters(partitions)),
    mailboxes,
    liveness: each(() => new SharedArrayBuffer(LivenessView.bytesFor(NODE_COUNT_MAX + 1))),
  };
}

/**
 * Incarnations of a host's nodes go on growing from one process to the next, for other hosts to tell them apart: they
 * begin at the seconds since 2020 where there are other hosts, and at 0 where this one is all.
 */
function allocateStatus({ first, room, hasBridge }: ThreadMapOptions): SharedArrayBuffer {
  const memory = new SharedArrayBuffer((NODE_COUNT_MAX + 1) * Status.line * 4);
  const base = hasBridge ? Math.floor((Date.now() - Date.UTC(2020)) / 1_000) : 0;
  const status = new Int32Array(memory);
  for (let node = first; node < first + room; node++) status[node * Status.line + Status.incarnation] = base;
  return memory;
}

/** The mailbox from one thread to another, of those of nodes and of the bridge; unused where they are the same. */
export const mailboxBetween = ({ room, mailboxes }: ThreadMap, from: number, to: number): SharedArrayBuffer =>
  mailboxes[from * (room + 1) + to];

/** Nodes of this host that run, or could. */
export const localNodes = ({ first, room }: NodeRange): number[] => Array.from({ length: room }, (_, i) => first + i);

/** slot >>> this is the partition. */
export const slotShiftOf = (partitions: number): number => 14 - Math.log2(partitions);

/** What a node's gossip agent believes. */
export const livenessView = (map: ThreadMap, node: number): LivenessView =>
  new LivenessView(new Int32Array(map.liveness[node]));

const TELL_AGAIN_MS = 500;

/** The ring as the actors of a node see it. `tell`: has the host show a newer state to all of its threads. */
export function ringView(map: ThreadMap, node: number, ring: RingState, tell: (ring: RingState) => void): RingView {
  const status = new Int32Array(map.status);
  const view = livenessView(map, node);
  const table = new RingTable(map.ring, map);
  let told = ring.epoch as number;
  let toldAtMs = 0;
  // Atomics: acquire; a node that is seen up has recovered
  const lifeOf = (other: number): Life => Atomics.load(status, other * Status.line + Status.up);
  // nodes of a host that closes end together: to each other they are up until they have ended
  const isUp = (other: number) => {
    const life = lifeOf(other);
    return life === Life.up || (life === Life.draining && nodeThread(map, other) !== undefined);
  };
  return new RingView({
    ring,
    isUp,
    suspects: (other) => !isUp(other) || view.suspects(other) || isQuiet(status, other),
    publish: (newer) => {
      if (table.epoch >= newer.epoch) return true;
      const nowMs = performance.now();
      // again after a while: the host may have failed to keep it
      if (told < newer.epoch || nowMs - toldAtMs > TELL_AGAIN_MS) {
        tell(newer);
        toldAtMs = nowMs;
      }
      told = newer.epoch;
      return false;
    },
  });
}

/** Whether nothing is heard of the node's host at present: whoever can asks another one first. */
export const isQuiet = (status: Int32Array, node: number): boolean =>
  Atomics.load(status, node * Status.line + Status.quiet) === 1; // Atomics: acquire; a guess that may be late

/** Whether a node that was seen up counts for all that it holds; undefined where its host is silent, or does not tell. */
export function countsFully(status: Int32Array, node: number): boolean | undefined {
  const doubt = Atomics.load(status, node * Status.line + Status.doubt); // Atomics: acquire; shown before the node is up
  return doubt === Doubt.unknown || isQuiet(status, node) ? undefined : doubt === Doubt.none;
}

/**
 * Whether the node is known to have ended: its host says so. A node behind a connection that is down may only be out of
 * reach.
 */
export function hasEnded(map: ThreadMap, node: number): boolean {
  const status = new Int32Array(map.status, node * Status.line * 4, Status.line);
  // Atomics: acquire, each word for itself
  if (Atomics.load(status, Status.up) !== Life.down) return false;
  return nodeThread(map, node) !== undefined || Atomics.load(status, Status.connected) === 1; // Atomics: acquire
}

/** Whether a node is in doubt: shown before it is up, and when it counts everywhere. Only its own thread does. */
export function showDoubt(map: ThreadMap, node: number, isSome: boolean): void {
  const status = new Int32Array(map.status);
  Atomics.store(status, node * Status.line + Status.doubt, isSome ? Doubt.some : Doubt.none); // Atomics: release
}

/** Counts what a node has copied; only its own thread does. */
export function countMoved(map: ThreadMap, node: number, bytes: number, records: number): void {
  const line = new Int32Array(map.status, node * Status.line * 4, Status.line);
  const low = (line[Status.movedBytesLow] >>> 0) + bytes;
  line[Status.movedRecords] += records;
  line[Status.movedBytesLow] = low;
  line[Status.movedBytesHigh] += Math.floor(low / 0x1_0000_0000);
}

/** What all nodes of the host have copied since it was opened. */
export function movedSoFar(map: ThreadMap): { readonly bytes: number; readonly records: number } {
  const status = new Int32Array(map.status);
  let bytes = 0;
  let records = 0;
  for (let at = 0; at < status.length; at += Status.line) {
    bytes += status[at + Status.movedBytesHigh] * 0x1_0000_0000 + (status[at + Status.movedBytesLow] >>> 0);
    records += status[at + Status.movedRecords];
  }
  return { bytes, records };
}
