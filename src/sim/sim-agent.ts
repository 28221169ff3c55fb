/**
 * One gossip agent of the gossip world: the real behaviour, with an `env` over the world's clock, chance and network. A
 * life ends with `kill`; while it is paused, its mail and its timers wait, and are handled when it goes on, mail first.
 */
import { type GossipState, gossipAgent } from '../../actors/gossip-agent.js';
import { addressOf, nodeOf, Role } from '../actor/address.js';
import type { Env, Outbound } from '../actor/env.js';
import { LivenessView } from '../actor/liveness-view.js';
import type { Placement, Store } from '../actor/ports.js';
import type { GossipTuning } from '../core/gossip-tuning.js';
import type { NodeIndex } from '../core/ids.js';
import type { Liveness } from '../core/membership.js';
import type { HostOf } from '../core/reporters.js';
import { MessageView, putHeader } from '../protocol/header.js';
import type { Random } from './random.js';

export interface SimAgentParts {
  readonly node: NodeIndex;
  readonly placement: Placement;
  readonly tuning: GossipTuning;
  /** What the node's heartbeat begins with. */
  readonly heartbeat: number;
  readonly hostOf: HostOf;
  readonly hasEnded: (node: NodeIndex) => boolean;
  readonly random: Random;
  /** Virtual milliseconds, with their fractions. */
  readonly nowMs: () => number;
  readonly schedule: (atMs: number, run: () => void) => void;
  /** Takes a message to another node. */
  readonly send: (to: NodeIndex, words: Int32Array<ArrayBuffer>) => void;
  /** The agent begins to wait for a node in vain. */
  readonly onSuspicion: (about: NodeIndex) => void;
  readonly onChange: (entry: Liveness) => void;
}

/** A timer of a paused agent is due so much after its mail. */
const MAIL_FIRST_MS = 0.001;

export class SimAgent implements Env {
  readonly self;
  readonly node: NodeIndex;
  readonly placement: Placement;
  readonly view: LivenessView;
  up = false;
  /** Counts starts; it is the incarnation of the life. */
  life = 0;
  pausedUntilMs = 0;
  sentMessages = 0;
  sentBytes = 0;
  /** Largest message that it has sent. */
  sentBytesMax = 0;
  state!: GossipState;
  readonly #parts: SimAgentParts;
  readonly #message = new MessageView();
  #behaviour!: ReturnType<typeof gossipAgent>;
  #outbox: { readonly to: NodeIndex; readonly words: Int32Array<ArrayBuffer> }[] = [];

  constructor(parts: SimAgentParts) {
    this.#parts = parts;
    this.node = parts.node;
    this.self = addressOf(Role.gossip, parts.node, 0);
    this.placement = parts.placement;
    this.view = new LivenessView(new Int32Array(LivenessView.bytesFor(parts.placement.members.length) / 4));
  }

  get store(): Store {
    throw new Error('a gossip agent stores nothing');
  }

  start(): void {
    const { tuning, heartbeat, hostOf, hasEnded, onChange } = this.#parts;
    this.life++;
    this.up = true;
    const incarnation = this.life;
    this.#behaviour = gossipAgent({ tuning, incarnation, view: this.view, hostOf, hasEnded, onChange });
    this.state = this.#behaviour.init(this);
    this.state.members = this.state.members.map((entry) =>
      entry.node === this.node ? { ...entry, heartbeat } : entry,
    );
  }

  kill(): void {
    this.up = false;
    this.pausedUntilMs = 0;
  }

  /** A message has arrived; one that finds the agent dead is lost. */
  receive(words: Int32Array<ArrayBuffer>): void {
    this.#whenAwake(0, () => {
      this.#message.point(words, Buffer.from(words.buffer), 0);
      this.#behaviour.receive.gossip(this.state, this.#message, this);
    });
  }

  timer(delayMs: number, token: number): void {
    this.#parts.schedule(this.#parts.nowMs() + delayMs, () => {
      this.#whenAwake(MAIL_FIRST_MS, () => {
        const before = this.state.silent;
        this.#behaviour.onTimer?.(this.state, token, this);
        for (const about of this.state.silent) if (!before.has(about)) this.#parts.onSuspicion(about);
      });
    });
  }

  /** Runs now, or when the pause is over, unless the life has ended by then; what it sends leaves at its end. */
  #whenAwake(behindMs: number, run: () => void, life = this.life): void {
    if (!this.up || this.life !== life) return;
    if (this.#parts.nowMs() < this.pausedUntilMs) {
      this.#parts.schedule(this.pausedUntilMs + behindMs, () => this.#whenAwake(behindMs, run, life));
      return;
    }
    run();
    for (const { to, words } of this.#outbox.splice(0)) this.#parts.send(to, words);
  }

  nowMs(): number {
    return Math.floor(this.#parts.nowMs()) >>> 0;
  }

  wallMs(): number {
    return Math.floor(this.#parts.nowMs());
  }

  random(): number {
    return this.#parts.random.u32();
  }

  open(tag: number, to: number, request: number, bytes: number): Outbound {
    const words = new Int32Array(bytes / 4);
    putHeader(words, 0, tag, bytes, to, this.self, request);
    this.#outbox.push({ to: nodeOf(to), words });
    this.sentMessages++;
    this.sentBytes += bytes;
    this.sentBytesMax = Math.max(this.sentBytesMax, bytes);
    return { words, bytes: Buffer.from(words.buffer), at: 0 };
  }

  forward(): void {
    throw new Error('a gossip agent forwards nothing');
  }
}
