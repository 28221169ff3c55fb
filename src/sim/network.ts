/**
 * The mailboxes and connections of a simulated world: a lane for each ordered pair of threads, a connection for each pair
 * of hosts, and the post office through which a thread sends.
 */
import { instanceOf, nodeOf, Role, roleOf } from '../actor/address.js';
import type { Outbound } from '../actor/env.js';
import { rarely } from '../core/rare-path.js';
import { putHeader } from '../protocol/header.js';
import { MESSAGES, type MessageName, NAME_OF_TAG } from '../protocol/messages.js';
import type { PostOffice } from '../runtime/post-office.js';
import { Connection, type ConnectionEvent } from './connection.js';
import { Lane, type Parcel } from './lane.js';
import type { Random } from './random.js';

export interface NetworkOptions {
  /** Threads below this are nodes, the others clients. */
  readonly nodes: number;
  readonly hostOf: (thread: number) => number;
  readonly random: Random;
  /** Bytes that may wait in one lane before a message is refused. */
  readonly laneBytesMax: number;
  /** Delay of a message in milliseconds, least and most: within a host, and between two. */
  readonly localDelayMs: readonly [number, number];
  readonly delayMs: readonly [number, number];
  /** Plants a fault: messages between hosts overtake each other. */
  readonly reorders: boolean;
  /** Whether connections may repeat what the ones before them had delivered. */
  readonly repeats: boolean;
  /** Share of the messages between hosts after which their connection breaks, to be made anew at once. */
  readonly glitches: number;
  readonly nowMs: () => number;
  readonly schedule: (atMs: number, run: () => void) => void;
  /** Something will arrive at this thread. */
  readonly onSent: (thread: number, dueMs: number) => void;
  readonly onDelivered: (lane: Lane, parcel: Parcel) => void;
  /** Two hosts have lost or found each other. */
  readonly onChange: (low: number, high: number) => void;
  readonly onEvent: (event: ConnectionEvent) => void;
}

const GLITCH_MS_MAX = 3;
const FRESH_NOISE = 0x3c3c3c3c;

export class Network {
  highWaterBytes = 0;
  refused = 0;
  readonly options: NetworkOptions;
  #glitches: number;
  readonly #lanes = new Map<number, Lane>();
  readonly #connections = new Map<number, Connection>();

  constructor(options: NetworkOptions) {
    this.options = options;
    this.#glitches = options.glitches;
  }

  lane(from: number, to: number): Lane {
    const id = from * 0x1_0000 + to;
    let lane = this.#lanes.get(id);
    if (lane === undefined) {
      lane = this.#makeLane(from, to);
      this.#lanes.set(id, lane);
    }
    return lane;
  }

  #makeLane(from: number, to: number): Lane {
    const { hostOf, random, localDelayMs, delayMs, nowMs, onSent, onDelivered } = this.options;
    const [fromHost, toHost] = [hostOf(from), hostOf(to)];
    const connection = this.connection(fromHost, toHost);
    const lane = new Lane({
      from,
      to,
      repeats: from < this.options.nodes && to < this.options.nodes,
      nowMs,
      delayMs: () =>
        connection === undefined ? random.between(...localDelayMs) : random.between(...delayMs) * connection.slowness,
      onWaiting: (bytes) => {
        this.highWaterBytes = Math.max(this.highWaterBytes, bytes);
      },
      onSent,
      onDelivered: (own, parcel) => {
        onDelivered(own, parcel);
        if (this.#glitches > 0 && connection !== undefined) this.#mayBreak(connection);
      },
    });
    lane.reorders = this.options.reorders && connection !== undefined;
    connection?.add(lane, fromHost < toHost ? 0 : 1);
    return lane;
  }

  #mayBreak(connection: Connection): void {
    const { random, nowMs, schedule } = this.options;
    if (!random.chance(this.#glitches)) return;
    schedule(nowMs() + random.between(0, GLITCH_MS_MAX), () => connection.cut(GLITCH_MS_MAX));
  }

  /** What joins two hosts; undefined for one and the same. */
  connection(a: number, b: number): Connection | undefined {
    if (a === b) return undefined;
    const [low, high] = a < b ? [a, b] : [b, a];
    const id = low * 0x1_0000 + high;
    let connection = this.#connections.get(id);
    if (connection === undefined) {
      const { random, repeats, nowMs, schedule, onChange, onEvent } = this.options;
      connection = new Connection({ random, repeats, nowMs, schedule, onChange: () => onChange(low, high), onEvent });
      this.#connections.set(id, connection);
    }
    return connection;
  }

  /** Nothing arrives from this host at that one until the returned function is called. */
  block(from: number, to: number): () => void {
    return this.connection(from, to)?.block(from < to ? 0 : 1) ?? (() => undefined);
  }

  /** From now on connections break only where they are cut. */
  settle(): void {
    this.#glitches = 0;
  }

  /** A thread that starts anew begins with what arrives later. */
  emptyLanesTo(thread: number): void {
    for (const lane of this.#lanes.values()) if (lane.to === thread) lane.dropArrived();
  }

  /** Thread that hosts the actor at this address. */
  threadOf(address: number): number {
    return roleOf(address) === Role.client ? this.options.nodes + instanceOf(address) : nodeOf(address);
  }

  /** Whether the hosts of two threads have a connection, or are one. */
  reaches(from: number, to: number): boolean {
    const { hostOf } = this.options;
    return this.connection(hostOf(from), hostOf(to))?.isOpen !== false;
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
    // a reply always finds room: its call has left it
    const isCall = MESSAGES[NAME_OF_TAG[tag] as MessageName].kind !== 'reply';
    const isFull = waiting > this.#network.options.laneBytesMax;
    if ((isCall ? rarely('mailbox: full', isFull) : isFull) || !this.#network.reaches(this.#thread, thread)) {
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
