/**
 * What every thread of a host is given: the shared memory of all nodes, the mailboxes, the wake words, the ring as
 * tables, and a few words of status for each node. It is plain data and shared buffers, so it goes through postMessage.
 *
 *   status   one line (16 words) a node: see Status
 *   threads  nodes first, then seats: seat 0 is the thread that opened the store, the others attach later
 */
import { LivenessView } from '../actor/liveness-view.js';
import type { Placement as PortPlacement } from '../actor/ports.js';
import { settledPlacement } from '../actor/settled-placement.js';
import { nodeIndex } from '../core/ids.js';
import type { Placement } from '../core/ring.js';
import { mailboxBytes } from '../protocol/limits.js';
import { allocateCounters } from '../runtime/counters.js';
import { allocateMailbox } from '../runtime/mailbox.js';
import { allocateWakeWords } from '../runtime/wake.js';
import { allocateNodeMemory, type NodeMemory } from '../storage/node-memory.js';

/** Word offsets within a node's status line. */
export const enum Status {
  /** 1 while the node's thread takes messages. */
  up = 0,
  /** Raised with every start of the node's thread. */
  incarnation = 1,
  /** Control messages posted by the host, and handled by the node. */
  controlPosted = 2,
  controlHandled = 3,
  line = 16,
}

export interface ThreadMap {
  readonly hostId: string;
  readonly zone: string;
  /** Start of the host's monotonic clock. */
  readonly clockStartMs: number;
  readonly nodes: number;
  readonly seats: number;
  readonly n: number;
  readonly partitions: number;
  readonly mailboxBytes: number;
  readonly status: SharedArrayBuffer;
  readonly wake: SharedArrayBuffer;
  /** Uint16 node indices, n for each partition. */
  readonly preference: SharedArrayBuffer;
  /** Uint16 node indices, nodes - n for each partition: who stands in for its primaries, in order. */
  readonly fallbacks: SharedArrayBuffer;
  readonly memories: readonly NodeMemory[];
  readonly counters: readonly SharedArrayBuffer[];
  /** Mailboxes between nodes: from * nodes + to; unused on the diagonal. */
  readonly mailboxes: readonly SharedArrayBuffer[];
  /** A `LivenessView` of each node's gossip agent. */
  readonly liveness: readonly SharedArrayBuffer[];
}

export interface ThreadMapOptions {
  readonly hostId: string;
  readonly zone: string;
  readonly clockStartMs: number;
  readonly nodes: number;
  readonly seats: number;
  readonly n: number;
  readonly partitions: number;
  readonly memoryBytes: number;
  readonly pairBytesMax: number;
}

/** Allocates everything that is shared. Untouched memory costs nothing. `walks`: all nodes, for each partition, primaries first. */
export function allocateThreadMap(options: ThreadMapOptions, walks: Placement): ThreadMap {
  const { nodes, seats, n, partitions } = options;
  const ringBytes = mailboxBytes(options.pairBytesMax);
  const preference = new SharedArrayBuffer(partitions * n * 2);
  const fallbacks = new SharedArrayBuffer(partitions * (nodes - n) * 2);
  for (const [partition, walk] of walks.entries()) {
    new Uint16Array(preference).set(walk.slice(0, n), partition * n);
    new Uint16Array(fallbacks).set(walk.slice(n), partition * (nodes - n));
  }
  const perNode = Math.floor(options.memoryBytes / nodes);
  const each = <Item>(count: number, make: () => Item) => Array.from({ length: count }, make);
  return {
    hostId: options.hostId,
    zone: options.zone,
    clockStartMs: options.clockStartMs,
    nodes,
    seats,
    n,
    partitions,
    mailboxBytes: ringBytes,
    status: new SharedArrayBuffer(nodes * Status.line * 4),
    wake: allocateWakeWords(nodes + seats),
    preference,
    fallbacks,
    memories: each(nodes, () => allocateNodeMemory(perNode, partitions)),
    counters: each(nodes, () => allocateCounters(partitions)),
    mailboxes: each(nodes * nodes, () => allocateMailbox(ringBytes)),
    liveness: each(nodes, () => new SharedArrayBuffer(LivenessView.bytesFor(nodes))),
  };
}

/** slot >>> this is the partition. */
export const slotShiftOf = (partitions: number): number => 14 - Math.log2(partitions);

/** What a node's gossip agent believes. */
export const livenessView = (map: ThreadMap, node: number): LivenessView =>
  new LivenessView(new Int32Array(map.liveness[node]));

/** The ring as the actors of a node see it. */
export function placementPort(map: ThreadMap, node: number): PortPlacement {
  const status = new Int32Array(map.status);
  const view = livenessView(map, node);
  // Atomics: acquire; a node that is seen up has recovered
  const isUp = (other: number) => Atomics.load(status, other * Status.line + Status.up) === 1;
  return settledPlacement({
    n: map.n,
    partitions: map.partitions,
    preference: new Uint16Array(map.preference),
    fallbacks: new Uint16Array(map.fallbacks),
    isUp,
    suspects: (other) => !isUp(other) || view.suspects(other),
    members: Array.from({ length: map.nodes }, (_, index) => nodeIndex(index)),
  });
}
