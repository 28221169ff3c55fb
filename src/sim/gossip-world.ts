/**
 * Gossip agents alone, as many as you like, in one thread under a virtual clock: what a failure detector is measured with.
 * Messages are delayed and lost by chance, agents are killed, started again and paused, the network is cut and healed.
 * Whatever is left to chance comes from one seed.
 */
import { RingView } from '../actor/ring-view.js';
import type { GossipTuning } from '../core/gossip-tuning.js';
import type { NodeIndex } from '../core/ids.js';
import type { Liveness } from '../core/membership.js';
import { firstRingState } from '../core/ring-state.js';
import { Timers } from '../runtime/timers.js';
import { Random } from './random.js';
import { ringOf } from './ring-plan.js';
import { SimAgent } from './sim-agent.js';

export interface GossipWorldOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly tuning: GossipTuning;
  /** Share of the messages that are lost. */
  readonly loss?: number;
  /** Delay of a message in milliseconds, least and most. */
  readonly delayMs?: readonly [number, number];
  /** Where heartbeats begin: those of a long life take more bytes. */
  readonly heartbeat?: number;
  readonly nodesPerHost?: number;
  /** An agent begins to wait for another in vain. */
  readonly onSuspicion?: (by: NodeIndex, about: NodeIndex) => void;
  /** An agent takes another for another state than before. */
  readonly onChange?: (by: NodeIndex, entry: Liveness) => void;
}

const DELAY_MS: readonly [number, number] = [0.1, 5];

export class GossipWorld {
  readonly random: Random;
  /** As all agents see it. */
  readonly ring: RingView;
  readonly agents: readonly SimAgent[];
  /** Virtual milliseconds since the world began. */
  nowMs = 0;
  readonly #options: GossipWorldOptions;
  readonly #timers = new Timers();
  readonly #events = new Map<number, () => void>();
  #scheduled = 0;
  #isCut: (from: NodeIndex, to: NodeIndex) => boolean = () => false;

  /** The agents start within the first heartbeat interval, each at a time of its own. */
  constructor(options: GossipWorldOptions) {
    const { seed, nodes, tuning } = options;
    this.#options = options;
    this.random = new Random(seed);
    const ring = firstRingState(ringOf({ weights: new Array(nodes).fill(1), n: 1, partitions: 8 }));
    // agents are told of nobody's end but where they share a host
    this.ring = new RingView({ ring, isUp: () => true });
    this.agents = this.ring.members.map((node) => this.#makeAgent(node));
    for (const agent of this.agents) {
      this.schedule(this.random.between(0, tuning.heartbeatMs), () => agent.start());
    }
  }

  #makeAgent(node: NodeIndex): SimAgent {
    const { tuning, heartbeat = 0, nodesPerHost = 1, onSuspicion, onChange } = this.#options;
    const hostOf = (other: NodeIndex) => `host-${Math.floor(other / nodesPerHost)}`;
    return new SimAgent({
      node,
      placement: this.ring,
      tuning,
      heartbeat,
      hostOf,
      hasEnded: (other) => hostOf(other) === hostOf(node) && this.agents[other].life > 0 && !this.agents[other].up,
      random: this.random.fork(),
      nowMs: () => this.nowMs,
      schedule: (atMs, run) => this.schedule(atMs, run),
      send: (to, words) => this.#send(node, to, words),
      onSuspicion: (about) => onSuspicion?.(node, about),
      onChange: (entry) => onChange?.(node, entry),
    });
  }

  #send(from: NodeIndex, to: NodeIndex, words: Int32Array<ArrayBuffer>): void {
    const { loss = 0, delayMs = DELAY_MS } = this.#options;
    const delay = this.random.between(...delayMs);
    if (this.random.chance(loss) || this.#isCut(from, to)) return;
    this.schedule(this.nowMs + delay, () => this.agents[to].receive(words));
  }

  /** Has `run` happen at a virtual time. */
  schedule(atMs: number, run: () => void): void {
    this.#timers.add(Math.max(atMs, this.nowMs), 0, this.#scheduled);
    this.#events.set(this.#scheduled++, run);
  }

  /** Runs on for this long. */
  runFor(durationMs: number): void {
    this.runUntil(() => false, durationMs);
  }

  /** Runs until `done` or the time is over; whether it is done. */
  runUntil(done: () => boolean, durationMs: number): boolean {
    const endMs = this.nowMs + durationMs;
    while (!done()) {
      const nextMs = this.nowMs + this.#timers.untilNextMs(this.nowMs);
      if (nextMs > endMs) {
        this.nowMs = endMs;
        return done();
      }
      this.nowMs = nextMs;
      this.#runNext();
    }
    return true;
  }

  #runNext(): void {
    const { token } = this.#timers.takeDue(Number.POSITIVE_INFINITY) as { readonly token: number };
    const run = this.#events.get(token);
    this.#events.delete(token);
    run?.();
  }

  /** The agent takes no turn for this long: a stopped process, a machine without time to spare. */
  pause(agent: SimAgent, durationMs: number): void {
    agent.pausedUntilMs = this.nowMs + durationMs;
  }

  /** From now on no message passes from one to the other where this says so. */
  cut(isCut: (from: NodeIndex, to: NodeIndex) => boolean): void {
    this.#isCut = isCut;
  }

  heal(): void {
    this.cut(() => false);
  }
}
