/**
 * What runs in the bridge's thread: takes what this host's threads send to nodes and clients of other hosts out of their
 * mailboxes, and puts what comes from there into theirs. It has an event loop, since sockets do: its threads ring a bell
 * where it has announced that it sleeps.
 *
 * It also keeps the status lines of the other hosts' nodes, so that any thread sees at once whether one can be reached.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import * as Comlink from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import type { Outbound } from '../actor/env.js';
import { Bridge } from '../bridge/bridge.js';
import { holds } from '../bridge/host-address.js';
import { callerOf, RefusalNews } from '../bridge/refusal-news.js';
import type { BridgeStats } from '../bridge/stats.js';
import type { BridgeSettings, HostAddress, NodeStatus } from '../bridge/types.js';
import { asStoreError, assert, type WireError } from '../core/errors.js';
import { claimOf } from '../core/host-claims.js';
import { learnMarks, type NodeMark } from '../core/storage-mark.js';
import { Head } from '../protocol/header.js';
import { Kind } from '../protocol/messages.js';
import { copyWords } from '../protocol/record.js';
import { EventLoopMail } from '../runtime/event-loop-mail.js';
import { HostClock } from '../runtime/host-clock.js';
import { MailboxReader } from '../runtime/mailbox.js';
import { PieceReader } from '../runtime/pieces.js';
import { bridgeThread, nodeThread, PostOffice, seatThread } from '../runtime/post-office.js';
import { Wake } from '../runtime/wake.js';
import type { ClusterFacts } from './bridge-settings.js';
import type { SeatAttachment } from './control.js';
import { RemoteStatus } from './remote-status.js';
import { Doubt, Life, localNodes, mailboxBetween, Status, type ThreadMap } from './thread-map.js';

export interface BridgeStart {
  readonly map: ThreadMap;
  readonly settings: BridgeSettings;
  /** What a host that wants to join is told. */
  readonly facts: ClusterFacts;
  /** How far the storage of own nodes has come, and what was seen of the others' (storage-watch.ts). */
  readonly own: readonly NodeMark[];
  readonly seen: readonly NodeMark[];
  readonly events: MessagePort;
}

/** What the bridge's thread tells its host. */
export type BridgeEvent =
  | { readonly type: 'peer'; readonly host: string; readonly state: 'up' | 'down'; readonly reason?: string }
  /** A host wants to be part of the cluster, with room for so many nodes, and has not been let in yet. */
  | { readonly type: 'asker'; readonly host: string; readonly room: number }
  /** A host has told how far the storage of its nodes has come, and what it has seen of this host's. */
  | {
      readonly type: 'storage';
      readonly host: string;
      readonly marks: readonly NodeMark[];
      readonly seen: readonly NodeMark[];
    }
  | { readonly type: 'hosts'; readonly hosts: readonly HostAddress[] }
  | { readonly type: 'refused'; readonly address: string; readonly reason: string };

/** How a start ended: comlink would strip an error of its code. */
export type BridgeOutcome = { readonly error?: WireError };

/** What the bridge's thread offers its host. */
export interface BridgeControl {
  start(): Promise<BridgeOutcome>;
  attachSeat(attachment: SeatAttachment, bell: MessagePort): void;
  detachSeat(seat: number): void;
  /** A node of this host has begun a life. */
  attachNode(node: number, bell: MessagePort): void;
  /** `idle`: hosts without a node in the ring. */
  setFacts(facts: ClusterFacts, idle: readonly string[]): void;
  /** How far the storage of own nodes has come by now. */
  setOwn(marks: readonly NodeMark[]): void;
  stats(): BridgeStats;
  stop(): Promise<void>;
}

/** Messages taken from one mailbox before the next one is looked at. */
const DRAIN_MAX = 4_096;
/** The bridge looks by itself this often: for nodes that came or went, and for mail whose bell was lost with its sender. */
const LOOK_MS = 20;

class BridgeThread implements BridgeControl {
  readonly #start: BridgeStart;
  readonly #thread: number;
  readonly #wake: Wake;
  readonly #post: PostOffice;
  readonly #bridge: Bridge;
  readonly #mail: EventLoopMail;
  readonly #readers = new Map<number, MailboxReader>();
  readonly #pieces = new PieceReader();
  readonly #bells = new Map<number, MessagePort>();
  readonly #status: Int32Array;
  readonly #out: Outbound = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
  #facts: ClusterFacts;
  #own: readonly NodeMark[];
  readonly #marks = new Map<number, NodeMark>();
  #told = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(start: BridgeStart) {
    const { map, settings, facts } = start;
    this.#start = start;
    this.#facts = facts;
    this.#own = start.own;
    learnMarks(this.#marks, start.seen);
    this.#thread = bridgeThread(map);
    this.#wake = new Wake(map.wake);
    this.#status = new Int32Array(map.status);
    this.#post = new PostOffice(map, this.#wake, (thread) => {
      if (thread < this.#thread) this.#wake.notify(thread);
      else this.#bells.get(thread)?.postMessage(0);
    });
    this.#mail = new EventLoopMail({ thread: this.#thread, wake: this.#wake, take: () => this.#take() });
    for (const node of localNodes(map)) this.#connect(node - map.first);
    this.#mail.setReaders([...this.#readers.values()]);
    const clock = new HostClock(map.clockStartMs);
    const remote = new RemoteStatus(map);
    const news = new RefusalNews();
    const tell = (event: BridgeEvent) => start.events.postMessage(event);
    this.#bridge = new Bridge(settings, {
      nowMs: () => clock.nowMs(),
      nodes: (peer) => ({
        nodes: this.#nodes(),
        seen: [...this.#marks.values()].filter(({ node }) => holds(peer, node)),
      }),
      deliver: (words, at, bytes) => this.#deliver(words, at, bytes),
      onDelivered: () => this.#post.publish(),
      waitingBytes: () => this.#post.allWaitingBytes,
      facts: ({ host, room }) => {
        if (room > 0 && claimOf(this.#facts.hosts, host) === undefined) tell({ type: 'asker', host, room });
        return this.#facts;
      },
      onPeer: (peer, state, link, reason) => {
        remote.setPeer(peer, state === 'up' ? link : 0);
        if (state === 'up') news.linked(peer.address);
        tell({ type: 'peer', host: peer.host, state, ...(reason === undefined ? {} : { reason }) });
      },
      onPeerNodes: (peer, { nodes, seen }) => {
        remote.setNodes(peer, nodes);
        const marks = nodes.flatMap(({ node, storage }) => (storage === undefined ? [] : [{ node, ...storage }]));
        tell({ type: 'storage', host: peer.host, marks: learnMarks(this.#marks, marks), seen });
      },
      onQuiet: (peer, isQuiet) => remote.setQuiet(peer, isQuiet),
      onHosts: (hosts) => tell({ type: 'hosts', hosts }),
      onRefused: (address, reason, part) => {
        // both hosts have dialed, and one of the two connections stays; or this host has met itself
        if (reason.endsWith('duplicate') || reason === 'self') return;
        const about = part === 'listener' ? callerOf(address) : address;
        if (news.isNews(about, reason, performance.now())) tell({ type: 'refused', address, reason });
      },
    });
  }

  async start(): Promise<BridgeOutcome> {
    try {
      await this.#bridge.start();
      this.#timer = setInterval(() => this.#look(), LOOK_MS);
      this.#wake.announceSleep(this.#thread);
      return {};
    } catch (error) {
      return { error: asStoreError(error).toWire() };
    }
  }

  #connect(thread: number): void {
    const { map } = this.#start;
    this.#post.connect(thread, mailboxBetween(map, this.#thread, thread));
    this.#readers.set(thread, new MailboxReader(mailboxBetween(map, thread, this.#thread)));
  }

  attachNode(node: number, bell: MessagePort): void {
    const thread = nodeThread(this.#start.map, node);
    if (thread !== undefined) this.#setBell(thread, bell);
  }

  attachSeat({ seat, inbox, outbox, fresh }: SeatAttachment, bell: MessagePort): void {
    const thread = seatThread(this.#start.map, seat);
    this.#setBell(thread, bell);
    this.#post.connect(thread, outbox);
    this.#readers.set(thread, new MailboxReader(inbox, fresh));
    this.#mail.setReaders([...this.#readers.values()]);
    this.#mail.drain();
  }

  detachSeat(seat: number): void {
    const thread = seatThread(this.#start.map, seat);
    this.#bells.get(thread)?.close();
    this.#bells.delete(thread);
    this.#post.disconnect(thread);
    this.#readers.delete(thread);
    this.#mail.setReaders([...this.#readers.values()]);
  }

  #setBell(thread: number, bell: MessagePort): void {
    this.#bells.get(thread)?.close();
    this.#bells.set(thread, bell);
    bell.on('message', () => this.#mail.drain());
  }

  setFacts(facts: ClusterFacts, idle: readonly string[]): void {
    this.#facts = facts;
    this.#bridge.setClaims(facts.hosts, idle);
  }

  setOwn(marks: readonly NodeMark[]): void {
    this.#own = marks;
    this.#look();
  }

  stats(): BridgeStats {
    return this.#bridge.stats();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#bridge.close();
    setImmediate(() => process.exit(0));
  }

  /** Nodes that have been up since the bridge began. */
  readonly #seen = new Set<number>();

  /** The nodes of this host as their status lines say. */
  #nodes(): NodeStatus[] {
    const nodes: NodeStatus[] = [];
    for (const node of localNodes(this.#start.map)) {
      const line = node * Status.line;
      const life = Atomics.load(this.#status, line + Status.up); // Atomics: acquire; up follows recovery
      const incarnation = Atomics.load(this.#status, line + Status.incarnation); // Atomics: acquire
      if (life !== Life.down) this.#seen.add(node);
      if (life === Life.down && !this.#seen.has(node)) continue;
      const mark = this.#own.find((own) => own.node === node);
      const storage = mark && { replica: mark.replica, bornMs: mark.bornMs, sequence: mark.sequence };
      const doubtful = Atomics.load(this.#status, line + Status.doubt) === Doubt.some; // Atomics: acquire; see above
      const status = { node, up: life !== Life.down, draining: life === Life.draining, doubtful, incarnation };
      nodes.push(storage === undefined ? status : { ...status, storage });
    }
    return nodes;
  }

  #look(): void {
    const nodes = JSON.stringify(this.#nodes());
    if (nodes !== this.#told) {
      this.#told = nodes;
      this.#bridge.announce();
    }
    this.#post.publish();
    if (this.#mail.hasMail()) this.#mail.drain();
  }

  /** False where there is no room; what is for a node that has ended is dropped: its next life would not read it. */
  #deliver(words: Int32Array, at: number, bytes: number): boolean {
    const to = words[at + Head.to];
    const thread = this.#post.threadOf(to);
    const { map } = this.#start;
    // Atomics: acquire
    if (thread < map.room && Atomics.load(this.#status, (map.first + thread) * Status.line + Status.up) === Life.down)
      return true;
    const tag = words[at + Head.size] >>> 24;
    const out = this.#out;
    if (!this.#post.open(out, bytes, tag, to, words[at + Head.from], words[at + Head.request], 0)) return false;
    copyWords(words, at, out.words, out.at, bytes >>> 2);
    return true;
  }

  #take(): void {
    for (const reader of this.#mail.readers) {
      for (let i = 0; i < DRAIN_MAX; i++) {
        const at = reader.next();
        if (at < 0) break;
        if (reader.words[at + Head.size] >>> 24 === Kind.piece) this.#takePiece(reader.words, at);
        else this.#bridge.send(reader.words, at);
      }
      reader.release();
    }
    this.#bridge.flush();
  }

  /** What crosses to another host is whole: the peer checks messages, not pieces. */
  #takePiece(words: Int32Array, at: number): void {
    const whole = this.#pieces.add(words, at);
    if (whole !== undefined) this.#bridge.send(whole, 0);
  }
}

assert(parentPort !== null, 'the bridge runs in a worker thread');
Comlink.expose(new BridgeThread(workerData as BridgeStart), nodeEndpoint(parentPort));
