/**
 * The connection to a peer that is known: messages out by lane and credit, messages in through the check and the
 * translation. When it breaks, all that waits is dropped, and nothing of it is ever sent on the next one.
 */
import type { ErrorCode } from '../core/errors.js';
import { Head } from '../protocol/header.js';
import { type BlockPool, BODY_WORD } from './block-pool.js';
import { ClockOffset } from './clock-offset.js';
import type { Standing } from './connection-choice.js';
import { FrameType } from './frame.js';
import type { Frame } from './frame-decoder.js';
import type { FrameHandler, FrameSocket } from './frame-socket.js';
import { readRefusal } from './handshake.js';
import type { Hello } from './hello.js';
import { Inbox } from './inbox.js';
import { LANES, laneOf } from './lane.js';
import { LaneScheduler } from './lane-scheduler.js';
import { FRAME_BYTES_MAX, PING_MS, SOCKET_BYTES_MAX } from './limits.js';
import { packedBody, plainBody, type UnsealedFrame } from './plain-frame.js';
import { type RefusalReason, violation } from './refusal.js';
import { Silence } from './silence.js';
import type { PeerStats, Tally } from './stats.js';
import { translateOut } from './translation.js';
import type { BridgeHooks, HostAddress } from './types.js';
import { wordsFrame } from './words-frame.js';

/** What it needs of its socket. */
export type FrameLink = Pick<
  FrameSocket,
  'handler' | 'isClosed' | 'bufferedBytes' | 'cork' | 'uncork' | 'send' | 'refuse' | 'finish' | 'destroy'
>;

export interface PeerParts {
  readonly link: FrameLink;
  readonly hello: Hello;
  readonly version: number;
  readonly own: HostAddress;
  readonly slot: number;
  /** Number of the connection, from 1. */
  readonly number: number;
  /** Id of the host that dialed. */
  readonly dialer: string;
  readonly pool: BlockPool;
  readonly tally: Tally;
  readonly hooks: BridgeHooks;
  /** The peer tells of its nodes, or of hosts. */
  readonly onTold: (connection: PeerConnection, what: 'nodes' | 'hosts', value: unknown) => void;
  /** A call that nobody will answer. */
  readonly answer: (words: Int32Array, at: number, code: ErrorCode) => void;
  readonly onDown: (connection: PeerConnection, reason: string) => void;
}

/** Frames of the bridge itself; of each type at most the newest waits to be made. */
type SystemType =
  | FrameType.credit
  | FrameType.ping
  | FrameType.pong
  | FrameType.nodes
  | FrameType.hosts
  | FrameType.bye;

export class PeerConnection implements FrameHandler, Standing {
  readonly peer: HostAddress;
  readonly slot: number;
  readonly number: number;
  readonly dialer: string;
  readonly incarnation: number;
  readonly clock: ClockOffset;
  readonly #sinceMs = performance.now();
  readonly #parts: PeerParts;
  readonly #lanes: LaneScheduler;
  readonly #inbox: Inbox;
  readonly #system = new Map<SystemType, () => readonly UnsealedFrame[]>();
  /** Of what was told, frames that were made and have not left. */
  #made: { readonly type: SystemType; readonly unsealed: UnsealedFrame }[] = [];
  readonly #silence = new Silence(performance.now());
  #pingedAtMs = Number.NEGATIVE_INFINITY;
  #willPump = false;

  constructor(parts: PeerParts) {
    const { hello, own, hooks } = parts;
    this.#parts = parts;
    this.peer = hello.self;
    this.slot = parts.slot;
    this.number = parts.number;
    this.dialer = parts.dialer;
    this.incarnation = hello.incarnation;
    this.clock = new ClockOffset(hooks.nowMs(), hello.monotonicMs);
    this.#inbox = new Inbox({
      border: { own, peer: hello.self },
      slot: parts.slot,
      clock: this.clock,
      hooks,
      tally: parts.tally,
      reply: (words) => this.send(words, 0),
    });
    this.#lanes = new LaneScheduler(parts.pool);
    parts.link.handler = this;
  }

  get ageMs(): number {
    return performance.now() - this.#sinceMs;
  }

  get silentMs(): number {
    return this.#silence.lasts(performance.now());
  }

  /** Copies a message behind what waits on its lane; false where that is full. It leaves with `pump`. */
  send(words: Int32Array, at: number): boolean {
    const to = words[at + Head.to];
    const lane = laneOf(words[at + Head.from], to);
    translateOut(words, at);
    const isTaken = this.#lanes.put(lane, words, at);
    words[at + Head.to] = to;
    if (isTaken) this.#parts.tally.messagesOut++;
    else this.#parts.tally.messagesRefused[lane]++;
    return isTaken;
  }

  /** Sends frames of the bridge itself, one at least, in place of those of their type that are still to be made. */
  tell(type: SystemType, make: () => readonly UnsealedFrame[]): void {
    this.#system.set(type, make);
  }

  /** Gives the socket what it may have now, in one write. */
  pump(): void {
    const { link, pool } = this.#parts;
    if (link.isClosed || (!this.#hasSystem && this.#lanes.nextLane() === undefined)) return;
    link.cork();
    while (link.bufferedBytes + FRAME_BYTES_MAX <= SOCKET_BYTES_MAX) {
      if (this.#sendSystem()) continue;
      const lane = this.#lanes.nextLane();
      if (lane === undefined) break;
      const block = this.#lanes.take(lane);
      link.send(block, { type: block.type, lane }, block.bodyBytes, () => {
        pool.give(block);
        this.#pumpSoon();
      });
    }
    link.uncork();
  }

  get #hasSystem(): boolean {
    return this.#made.length > 0 || this.#system.size > 0;
  }

  #sendSystem(): boolean {
    if (this.#made.length === 0) this.#makeSystem();
    const next = this.#made.shift();
    if (next === undefined) return false;
    const { frame, bodyBytes } = next.unsealed;
    this.#parts.link.send(frame, { type: next.type, lane: 0 }, bodyBytes, () => this.#pumpSoon());
    return true;
  }

  #makeSystem(): void {
    for (const [type, make] of this.#system) {
      this.#system.delete(type);
      this.#made = make().map((unsealed) => ({ type, unsealed }));
      return;
    }
  }

  /** Once for all blocks of one write. */
  #pumpSoon(): void {
    if (this.#willPump) return;
    this.#willPump = true;
    queueMicrotask(() => {
      this.#willPump = false;
      this.pump();
    });
  }

  /** Several times a second: is the peer alive, and, every second, how far is it? */
  tick(): void {
    const { link, hooks } = this.#parts;
    if (link.isClosed) return;
    const nowMs = performance.now();
    const state = this.#silence.look(nowMs, this.clock.roundTripMs);
    if (state === 'dead') {
      link.destroy('silence', 'nothing was heard of the peer');
      return;
    }
    if (state === 'quiet') hooks.onQuiet?.(this.peer, true);
    if (nowMs - this.#pingedAtMs >= PING_MS) {
      this.#pingedAtMs = nowMs;
      this.tell(FrameType.ping, () => [wordsFrame([hooks.nowMs(), 0])]);
    }
    this.#creditDue();
    this.pump();
  }

  onFrame(frame: Frame): void {
    if (this.#silence.heard(performance.now())) this.#parts.hooks.onQuiet?.(this.peer, false);
    const { words, bodyBytes } = frame;
    switch (frame.type) {
      case FrameType.data:
        this.#inbox.takeMessages(frame);
        break;
      case FrameType.chunk:
        this.#inbox.takeChunk(frame);
        break;
      case FrameType.credit:
        this.#takeCredit(words, bodyBytes);
        break;
      case FrameType.ping:
        this.#answerPing(words[BODY_WORD], bodyBytes);
        break;
      case FrameType.pong:
        if (bodyBytes !== 8) throw violation('length', 'a pong of the wrong length');
        this.clock.sample(words[BODY_WORD], words[BODY_WORD + 1], this.#parts.hooks.nowMs());
        break;
      case FrameType.nodes:
        this.#parts.onTold(this, 'nodes', plainBody(frame, bodyBytes));
        break;
      case FrameType.hosts:
        this.#parts.onTold(this, 'hosts', plainBody(frame, bodyBytes));
        break;
      case FrameType.bye:
        this.#parts.link.destroy('closed', 'the peer says good bye');
        break;
      case FrameType.refuse:
        this.#parts.link.destroy('refused', readRefusal(packedBody(frame, bodyBytes)));
        break;
      default:
        throw violation('order', `a frame of type ${frame.type} in the middle`);
    }
  }

  #answerPing(sentMs: number, bodyBytes: number): void {
    if (bodyBytes !== 8) throw violation('length', 'a ping of the wrong length');
    this.tell(FrameType.pong, () => [wordsFrame([sentMs, this.#parts.hooks.nowMs()])]);
  }

  #takeCredit(words: Int32Array, bodyBytes: number): void {
    if (bodyBytes !== 16) throw violation('length', 'a credit of the wrong length');
    for (let lane = 0; lane < LANES; lane++) {
      if (!this.#lanes.windows[lane].refill(words[BODY_WORD + lane] >>> 0)) {
        throw violation('credit', 'credit for more than was sent');
      }
    }
  }

  onIdle(): void {
    this.#parts.hooks.onDelivered?.();
    this.#creditDue();
    this.pump();
  }

  #creditDue(): void {
    if (this.#inbox.giveCredit()) this.tell(FrameType.credit, () => [wordsFrame([...this.#inbox.credits, 0])]);
  }

  /** Whether the peer waits for credit that the local mailboxes do not allow. */
  get isWithholding(): boolean {
    return this.#inbox.isWithholding;
  }

  onClosed(reason: RefusalReason, text: string): void {
    this.#parts.onDown(this, reason === 'refused' ? `refused: ${text}` : reason);
    this.#lanes.clear((words, at) => {
      this.#parts.tally.messagesLost++;
      this.#parts.answer(words, at, 'KV_UNAVAILABLE');
    });
  }

  /** Says good bye and closes. */
  close(reason: RefusalReason, text: string): void {
    if (reason === 'closed') {
      this.pump();
      // what found no room in the socket is no news any more
      this.#made = [];
      this.#system.clear();
      this.tell(FrameType.bye, () => [wordsFrame([])]);
      this.#sendSystem();
      this.#parts.link.finish(reason, text);
    } else this.#parts.link.refuse(reason, text);
  }

  get stats(): PeerStats {
    return {
      host: this.peer.host,
      link: this.number,
      version: this.#parts.version,
      roundTripMs: this.clock.roundTripMs,
      clockOffsetMs: this.clock.offsetMs,
      queuedBytes: this.#lanes.queues.map(({ queuedBytes }) => queuedBytes),
      underWayBytes: this.#lanes.windows.map(({ underWay }) => underWay),
    };
  }
}
