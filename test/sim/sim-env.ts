/**
 * The actors of one node alone: the real actor system over a simulated store, and a post office that only records. A test
 * hands it one message at a time, each in a turn of its own, and looks at what was sent and at what the store holds.
 */
import type { HintCounts, HintKeeperOptions } from '../../actors/hint-keeper.js';
import { nodeActors } from '../../actors/index.js';
import { addressOf, Role } from '../../src/actor/address.js';
import type { AnyBehaviour } from '../../src/actor/behaviour.js';
import type { Outbound } from '../../src/actor/env.js';
import { LivenessView } from '../../src/actor/liveness-view.js';
import { PartitionDoubts } from '../../src/actor/partition-doubts.js';
import { RingView } from '../../src/actor/ring-view.js';
import { GOSSIP_PRESETS } from '../../src/core/gossip-tuning.js';
import { nodeIndex } from '../../src/core/ids.js';
import { firstRingState, type RingState } from '../../src/core/ring-state.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { MessageView, putHeader } from '../../src/protocol/header.js';
import { ActorSystem } from '../../src/runtime/actor-system.js';
import { allocateCounters } from '../../src/runtime/counters.js';
import { type Draft, setOf } from '../../src/sim/messages.js';
import { Random } from '../../src/sim/random.js';
import { ringOf } from '../../src/sim/ring-plan.js';
import { SimDisk } from '../../src/sim/sim-disk.js';
import { SimStore } from '../../src/sim/sim-store.js';

export interface SimEnvOptions {
  readonly seed?: number;
  /** This node's index; it is 0 where left out. */
  readonly node?: number;
  /** Nodes 0..n-1 hold the only partition. */
  readonly n?: number;
  readonly siblingsMax?: number;
  readonly recordBytesMax?: number;
  readonly wrap?: (role: Role, behaviour: AnyBehaviour) => AnyBehaviour;
  /** The host's clock at the start; it counts on beyond 32 bits, actors see the low ones. */
  readonly startMs?: number;
  readonly hints?: Partial<HintKeeperOptions>;
  /** Further members, that may stand in for those of the partition. */
  readonly spares?: number;
  /** The ring, where it is not one of these in which nothing moves. */
  readonly ring?: RingState;
  /** What an earlier life of the node has left. */
  readonly disk?: SimDisk;
  /** Bytes of the records of a turn, those that are looked up included. */
  readonly arenaBytes?: number;
  /** Whether a message of so many bytes to this node finds room. */
  readonly hasRoom?: (to: number, bytes: number) => boolean;
  /** The actors that are there, in place of the usual ones. */
  readonly roles?: readonly Role[];
  /** What the node does not count for; nothing where left out. */
  readonly doubts?: PartitionDoubts;
  /** Between two rounds of anti-entropy, and of the collector; at once where left out. */
  readonly intervalMs?: number;
}

/** A message that left the node, copied. */
export interface Sent {
  readonly tag: number;
  readonly to: number;
  readonly request: number;
  readonly view: MessageView;
}

/** The others talk by themselves, and have tests of their own. */
const ROLES: readonly Role[] = [Role.vnode, Role.coordinator, Role.gossip, Role.hintKeeper];
const CLIENT = addressOf(Role.client, 0, 0);
const DRIFT_MAX_MS = 500;

export class SimEnv {
  readonly store: SimStore;
  readonly system: ActorSystem;
  readonly placement: RingView;
  readonly disk: SimDisk;
  readonly counters: Int32Array;
  readonly view: LivenessView;
  readonly hints: HintCounts = { hints: 0, bytes: 0, notes: 0, handedOver: 0 };
  readonly thrown: unknown[] = [];
  /** Nodes that are down. */
  readonly down = new Set<number>();
  /** Nodes that are up, as far as is known, and yet suspected. */
  readonly suspected = new Set<number>();
  nowMs: number;
  wallMs = 1_750_000_000_000;
  readonly #node: number;
  readonly #n: number;
  readonly #random: Random;
  readonly #hasRoom: (to: number, bytes: number) => boolean;
  #sent: { readonly words: Int32Array<ArrayBuffer>; readonly handler: number }[] = [];

  constructor(options: SimEnvOptions = {}) {
    const { node = 0, n = 3, seed = 1, startMs = 1_000, hasRoom = () => true } = options;
    this.nowMs = startMs;
    this.#node = node;
    this.#n = n;
    this.#random = new Random(seed * 16 + node);
    this.#hasRoom = hasRoom;
    this.disk = options.disk ?? new SimDisk(this.#random.fork());
    const { arenaBytes } = options;
    this.store = new SimStore({ disk: this.disk, slotShift: 14, ...(arenaBytes !== undefined && { arenaBytes }) });
    this.counters = new Int32Array(allocateCounters(1));
    this.view = new LivenessView(new Int32Array(LivenessView.bytesFor(n) / 4));
    this.placement = new RingView({
      ring: options.ring ?? settledRing(n, options.spares ?? 0),
      isUp: (other) => !this.down.has(other),
      suspects: (other) => this.down.has(other) || this.suspected.has(other) || this.view.suspects(other),
    });
    this.system = new ActorSystem({
      node: nodeIndex(node),
      store: this.store,
      placement: this.placement,
      post: {
        open: (out, bytes, tag, to, from, request, handler) => this.#open(out, bytes, tag, to, from, request, handler),
        undo: (handler) => {
          this.#sent = this.#sent.filter((message) => message.handler !== handler);
        },
      },
      counters: this.counters,
      partitions: 1,
      onRestart: (_role, _instance, error) => this.thrown.push(error),
      wallMs: () => this.wallMs,
      random: () => this.#random.u32(),
    });
    this.system.beginTurn(this.nowMs);
    this.#spawn(options);
  }

  #spawn({
    siblingsMax = 8,
    recordBytesMax = 64 * 1024,
    wrap = (_role, behaviour) => behaviour,
    hints,
    roles = ROLES,
    intervalMs = 0,
    doubts = new PartitionDoubts(1, 'none', { onSettled: () => undefined, onAllSettled: () => undefined }),
  }: SimEnvOptions): void {
    const actors = nodeActors({
      node: this.#node,
      partitions: 1,
      vnode: { clockDriftMaxMs: DRIFT_MAX_MS, siblingsMax, recordBytesMax },
      coordinator: { incarnation: 1, writesMax: 64 },
      gossip: {
        tuning: GOSSIP_PRESETS.lan,
        incarnation: 1,
        view: this.view,
        hostOf: (other) => `host-${other}`,
        hasEnded: () => false,
        onChange: () => undefined,
      },
      hints: {
        hintBytesMax: 1024 * 1024,
        hintAgeMaxMs: 3_600_000,
        ...hints,
        report: (counts) => Object.assign(this.hints, counts),
      },
      antiEntropy: {
        w: 2,
        intervalMs,
        verifyIntervalMs: 600_000,
        report: () => undefined,
        onTreeDiffers: () => undefined,
      },
      collector: { intervalMs, clockDriftMaxMs: DRIFT_MAX_MS, onCollected: () => undefined },
      doubts,
      ring: { quorums: { r: 2, w: 2 }, onMoved: () => undefined },
    });
    for (const { address, role, behaviour } of actors) {
      if (roles.includes(role)) this.system.spawn(address, wrap(role, behaviour));
    }
  }

  #open(
    out: Outbound,
    bytes: number,
    tag: number,
    to: number,
    from: number,
    request: number,
    handler: number,
  ): boolean {
    if (!this.#hasRoom(to, bytes)) return false;
    const words = new Int32Array(bytes / 4).fill(0x77777777);
    putHeader(words, 0, tag, bytes, to, from, request);
    Object.assign(out, { words, bytes: Buffer.from(words.buffer), at: 0 });
    this.#sent.push({ words, handler });
    return true;
  }

  /** One turn with this message for the actor of a role; what left the node in it. */
  deliver(role: Role, draft: Draft, { from = CLIENT as number, request = 1 } = {}): Sent[] {
    const view = encoded(draft, addressOf(role, this.#node, 0), from, request);
    return this.#turn(() => this.system.deliver(view));
  }

  /** Another node's message, as it left it. */
  receive(message: Sent): Sent[] {
    return this.#turn(() => this.system.deliver(message.view));
  }

  /** Time passes, then a turn without messages. */
  pass(durationMs: number): Sent[] {
    this.nowMs += durationMs;
    this.wallMs += durationMs;
    return this.#turn(() => undefined);
  }

  #turn(run: () => void): Sent[] {
    const view = new MessageView();
    this.system.beginTurn(this.nowMs >>> 0);
    run();
    this.system.deliverLocal(view);
    this.system.fireTimers();
    this.system.deliverLocal(view);
    this.store.commit();
    this.store.publish();
    this.system.local.reset();
    return this.#sent.splice(0).map(({ words }) => {
      const sent = new MessageView();
      sent.point(words, Buffer.from(words.buffer), 0);
      return { tag: sent.tag, to: sent.to, request: sent.request, view: sent };
    });
  }

  /** What the node holds of a key. */
  held(key: string): SiblingSet {
    return setOf(this.store.record(Buffer.from(key).latin1Slice()));
  }

  get replicas(): number {
    return this.#n;
  }
}

/** Nodes 0..n-1, in this order, hold the only partition; the spares, behind them, none. */
export function settledRing(n: number, spares = 0): RingState {
  const ring = ringOf({ weights: new Array(n + spares).fill(1), n, partitions: 1 });
  return { ...firstRingState(ring), lists: [ring.members.slice(0, n).map(({ node }) => node)] };
}

/** The message as words of its own, with a view on it. */
export function encoded(draft: Draft, to: number, from: number, request: number): MessageView {
  const words = new Int32Array(draft.bytes / 4).fill(0x55555555);
  const bytes = Buffer.from(words.buffer);
  putHeader(words, 0, draft.tag, draft.bytes, to, from, request);
  draft.fill(words, bytes, 0);
  const view = new MessageView();
  view.point(words, bytes, 0);
  return view;
}
