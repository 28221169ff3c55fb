/**
 * One node of the simulated world: the real actors in the real actor system and worker loop, over a simulated store, mailboxes
 * and clock. A life ends with a crash, in a turn or between two; the disk stays, and the next life starts from it.
 */

import type { HintCounts, HintKeeperOptions } from '../../actors/hint-keeper.js';
import { nodeActors } from '../../actors/index.js';
import type { RepairCounts } from '../../actors/repair-counts.js';
import type { Role } from '../actor/address.js';
import type { AnyBehaviour } from '../actor/behaviour.js';
import { LivenessView } from '../actor/liveness-view.js';
import { PartitionDoubts } from '../actor/partition-doubts.js';
import type { Placement } from '../actor/ports.js';
import { GOSSIP_PRESETS } from '../core/gossip-tuning.js';
import type { NodeIndex } from '../core/ids.js';
import type { Quorums } from '../core/ring-change.js';
import { ActorSystem } from '../runtime/actor-system.js';
import { allocateCounters, Count } from '../runtime/counters.js';
import { WorkerLoop } from '../runtime/worker-loop.js';
import { type Network, SimPost } from './network.js';
import type { Random } from './random.js';
import { SimDisk } from './sim-disk.js';
import type { SimHost } from './sim-host.js';
import { SimStore } from './sim-store.js';

/** Stands between the real actors and the runtime, to watch them or to break them. */
export type Wrap = (role: Role, behaviour: AnyBehaviour, node: SimNode) => AnyBehaviour;

/** Bounds of a node's hints; wide where left out. */
export type HintBounds = Partial<Pick<HintKeeperOptions, 'hintBytesMax' | 'hintAgeMaxMs'>>;

export interface SimNodeParts {
  readonly index: NodeIndex;
  /** Nodes that there may ever be. */
  readonly nodes: number;
  readonly partitions: number;
  /** The ring as a new life sees it. */
  readonly placement: () => Placement;
  readonly quorums: Quorums;
  readonly network: Network;
  readonly host: SimHost;
  /** What the actors' chance comes from, the disk's, and that of the order of mailboxes. */
  readonly random: Random;
  readonly diskRandom: Random;
  readonly turnRandom: Random;
  /** Threads that send to this one, itself left out. */
  readonly peers: readonly number[];
  readonly hostOf: (node: NodeIndex) => string;
  /** Whether its damaged log may be salvaged (core/damaged-nodes.ts). */
  readonly maySalvage: (node: NodeIndex) => boolean;
  readonly limits: HintBounds & { readonly siblingsMax: number };
  readonly antiEntropyMs: number;
  readonly collectionMs: number;
  readonly wrap: Wrap;
  readonly onCommit: (node: SimNode, words: Int32Array<ArrayBuffer>, sequence: number) => void;
  readonly onRestart: (role: string, error: unknown) => void;
  readonly faults: StorageFaults;
}

/** Faults of storage that tests plant. */
export interface StorageFaults {
  readonly forgetsTombstones?: boolean;
  readonly ignoresSync?: boolean;
  readonly keepsIncarnation?: boolean;
  /** A node whose disk lost something counts again at once. */
  readonly doubtsNothing?: boolean;
  /** A node whose log was salvaged counts again at once. */
  readonly trustsSalvage?: boolean;
  /** Between hosts, messages overtake each other. */
  readonly reorders?: boolean;
  /** What a turn sends leaves before the turn is in the log. */
  readonly sendsBeforeLog?: boolean;
}

export const CLOCK_DRIFT_MAX_MS = 500;
const RECORD_BYTES_MAX = 64 * 1024;
const WRITES_MAX = 256;
const HINT_BYTES_MAX = 1024 * 1024;
const HINT_AGE_MAX_MS = 3_600_000;
/** Longer than the real one's, so that a crash of the machine finds something to lose. */
const SYNC_INTERVAL_MS = 400;
const VERIFY_MS_MIN = 5_000;

export class SimNode {
  readonly index: NodeIndex;
  readonly disk: SimDisk;
  readonly counters: Int32Array;
  /** What its gossip agent believes. */
  readonly view: LivenessView;
  /** Copied in order to fill partitions. */
  movedBytes = 0;
  /** The most bytes of hints that it ever kept. */
  hintBytesMost = 0;
  readonly hints: HintCounts = { hints: 0, bytes: 0, notes: 0, handedOver: 0 };
  /** What its anti-entropy has done, and partitions whose trees were not what they should have been. */
  repairs: RepairCounts | undefined;
  readonly treesDiffering: number[] = [];
  /** What it does not count for in this life, and how many of its partitions may have lost writes. */
  doubts!: PartitionDoubts;
  mayBeLost = 0;
  collected = 0;
  life = 0;
  up = false;
  /** It has left the ring and has ended for good; a node that joins under its number begins anew. */
  departed = false;
  /** Its host is about to end it for good, whatever it owes. */
  released = false;
  pausedUntilMs = 0;
  slowUntilMs = 0;
  slowness = 1;
  store!: SimStore;
  system!: ActorSystem;
  readonly #parts: SimNodeParts;
  #loop!: WorkerLoop;

  constructor(parts: SimNodeParts) {
    this.#parts = parts;
    this.index = parts.index;
    this.disk = new SimDisk(parts.diskRandom, { keepsIncarnation: parts.faults.keepsIncarnation === true });
    this.counters = new Int32Array(allocateCounters(parts.partitions));
    this.view = new LivenessView(new Int32Array(LivenessView.bytesFor(parts.nodes) / 4));
  }

  /** A new life, from what the disk holds. */
  start(): void {
    const { network, random, host, faults } = this.#parts;
    if (this.disk.isDamaged) this.#salvage();
    const placement = this.#parts.placement();
    const nowMs = () => host.clock.nowMs;
    this.life++;
    this.store = new SimStore({
      disk: this.disk,
      slotShift: placement.slotShift,
      onCommit: (words, sequence) => this.#parts.onCommit(this, words, sequence),
      forgetsTombstones: faults.forgetsTombstones === true,
      ignoresSync: faults.ignoresSync === true,
      syncIntervalMs: SYNC_INTERVAL_MS,
    });
    const post = new SimPost(network, this.index);
    this.system = new ActorSystem({
      node: this.index,
      store: this.store,
      placement,
      post,
      counters: this.counters,
      partitions: placement.partitions,
      onRestart: (role, _instance, error) => this.#parts.onRestart(role, error),
      wallMs: () => host.clock.wallMs,
      random: () => random.u32(),
    });
    this.system.beginTurn(nowMs());
    const wake = {
      announceSleep: () => undefined,
      stayAwake: () => undefined,
      sleep: () => true,
      isClaimed: () => true,
    };
    this.#loop = new WorkerLoop({
      thread: this.index,
      system: this.system,
      storage: faults.sendsBeforeLog === true ? lateLog(this.store) : this.store,
      post,
      wake,
      clock: { nowMs },
      counters: this.counters,
      controlWaits: () => false,
    });
    const cause = faults.doubtsNothing === true ? 'none' : this.disk.doubt;
    this.doubts = new PartitionDoubts(this.#parts.partitions, cause, {
      onSettled: () => undefined,
      onAllSettled: (mayBeLost) => {
        this.disk.doubt = 'none';
        this.mayBeLost += mayBeLost;
      },
    });
    this.#spawn();
    network.emptyLanesTo(this.index);
    this.up = true;
  }

  /** Where too many are damaged the node would stay down; here an operator removes its directory. */
  #salvage(): void {
    const { maySalvage, faults } = this.#parts;
    if (maySalvage(this.index)) this.disk.salvage({ doubts: faults.trustsSalvage !== true });
    else this.disk.wipe();
  }

  #spawn(): void {
    const { partitions, hostOf, limits, wrap } = this.#parts;
    const { siblingsMax, ...hints } = limits;
    const { index, system } = this;
    const actors = nodeActors({
      node: index,
      partitions,
      vnode: { clockDriftMaxMs: CLOCK_DRIFT_MAX_MS, siblingsMax, recordBytesMax: RECORD_BYTES_MAX },
      coordinator: { incarnation: this.life, writesMax: WRITES_MAX },
      gossip: {
        tuning: GOSSIP_PRESETS.lan,
        incarnation: this.life,
        view: this.view,
        hostOf,
        hasEnded: (other) => hostOf(other) === hostOf(index) && !system.placement.isUp(other),
        onChange: () => undefined,
      },
      ring: {
        quorums: this.#parts.quorums,
        onMoved: (bytes) => this.#moved(bytes),
        isReleased: () => this.released,
      },
      doubts: this.doubts,
      collector: {
        intervalMs: this.#parts.collectionMs,
        clockDriftMaxMs: CLOCK_DRIFT_MAX_MS,
        onCollected: (records) => {
          this.collected += records;
        },
      },
      antiEntropy: {
        w: this.#parts.quorums.w,
        intervalMs: this.#parts.antiEntropyMs,
        verifyIntervalMs: Math.max(VERIFY_MS_MIN, this.#parts.antiEntropyMs),
        report: (counts) => {
          this.repairs = counts;
        },
        onTreeDiffers: (partition) => this.treesDiffering.push(partition),
      },
      hints: {
        hintBytesMax: HINT_BYTES_MAX,
        hintAgeMaxMs: HINT_AGE_MAX_MS,
        ...hints,
        report: (counts) => {
          Object.assign(this.hints, counts);
          this.hintBytesMost = Math.max(this.hintBytesMost, counts.bytes);
        },
      },
    });
    for (const { address, role, behaviour } of actors) system.spawn(address, wrap(role, behaviour, this));
  }

  #moved(bytes: number): void {
    this.movedBytes += bytes;
  }

  /** One turn over what has arrived, at most `quota` messages of each lane. @throws NodeCrash, or what ends the node */
  turn(quota: number): number {
    const { network, turnRandom, peers, host } = this.#parts;
    const lanes = turnRandom.shuffled(peers).map((peer) => network.lane(peer, this.index));
    for (const lane of lanes) lane.quota = quota;
    this.#loop.setReaders(lanes);
    return this.#loop.turn(host.clock.nowMs);
  }

  get hasMail(): boolean {
    return this.#parts.peers.some((peer) => this.#parts.network.lane(peer, this.index).hasMail);
  }

  /** Virtual milliseconds until a timer of an actor is due. */
  get untilTimerMs(): number {
    const { clock } = this.#parts.host;
    const untilMs = this.system.untilTimerMs(clock.nowMs);
    return untilMs === Number.POSITIVE_INFINITY ? untilMs : clock.untilShown(untilMs);
  }

  /** Ends this life: nothing that the turn under way did is seen, and mail to it is lost. */
  crash(): void {
    this.up = false;
    this.pausedUntilMs = 0;
    this.slowUntilMs = 0;
  }

  /** Handlers that threw, in all lives. */
  get actorRestarts(): number {
    return this.counters[Count.actorRestarts];
  }
}

/** A store whose turn reaches the log only after its messages have left. */
function lateLog(store: SimStore): ConstructorParameters<typeof WorkerLoop>[0]['storage'] {
  return {
    get turnBytes() {
      return store.turnBytes;
    },
    commit: () => undefined,
    publish: () => undefined,
    maintain: (nowMs) => {
      store.commit();
      store.publish();
      store.maintain(nowMs);
    },
    busy: false,
    pending: false,
    pauseMs: 0,
  };
}
