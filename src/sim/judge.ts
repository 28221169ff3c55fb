/**
 * Says whether what clients were told is true: acknowledgements against what the nodes' logs hold, reads against the
 * writes that were acknowledged before they began.
 */
import { DurabilityCode } from '../protocol/outcome.js';
import type { Call, ReadCall, WriteCall } from './calls.js';
import { Graves } from './graves.js';
import { Lives } from './lives.js';
import type { Observer } from './observer.js';
import type { Plan } from './plan.js';
import { Tallies } from './tallies.js';
import type { World } from './world.js';
import { type Backing, backingOf, mustMeet } from './zone-promises.js';

export class Judge {
  readonly acked: WriteCall[] = [];
  readonly #world: World;
  readonly #observer: Observer;
  readonly #plan: Plan;
  readonly #monotonic: ReadCall[] = [];
  readonly #graves: Graves;
  readonly #lives: Lives;
  readonly #tallies: Tallies;

  constructor(world: World, observer: Observer, plan: Plan) {
    this.#world = world;
    this.#observer = observer;
    this.#plan = plan;
    this.#graves = new Graves(observer);
    this.#lives = new Lives(observer, world);
    this.#tallies = new Tallies(observer, plan.tallies);
  }

  /**
   * Whether what a read has shown stays so, although disks were lost. What N-R+1 hold, one of N-W+1 others holds that a node
   * compares with before it counts again, as long as R+W is no more than N+1; what W hold it finds in any case.
   */
  get keepsOrder(): boolean {
    const { r, w, n } = this.#plan;
    if (this.#plan.beyond || this.#losers > 0) return false;
    return r + w <= n + 1 || this.#world.nodes.every(({ disk }) => disk.losses === 0);
  }

  judge(call: Call): void {
    if (call.error !== undefined) return;
    if (call.kind === 'write') this.#judgeAck(call);
    else if (call.kind === 'read') this.#judgeRead(call);
    else for (const { key, set } of call.entries) this.#observer.checkSet('a page has', key, set);
  }

  /** A read behind everything, of all replicas: it must have seen all that was ever acknowledged. */
  checkLast(call: ReadCall): void {
    const mustSee = (write: WriteCall) => write.order.key === call.order.key && this.mustLast(write);
    this.#graves.check(call, mustSee);
    this.#tallies.check(call, mustSee);
  }

  /**
   * Whether a write is one to be kept: not where a node that stood in for others was made to end with what it owed, nor where
   * fewer replicas than W were waited for, in a zone, and disks were lost.
   */
  mustLast(call: WriteCall): boolean {
    if (call.fallbacks > 0 && this.#world.endedOwing > 0) return false;
    return call.order.zones === undefined || this.#backingOf(call).total >= this.#plan.w || this.#lossy === 0;
  }

  #judgeAck(call: WriteCall): void {
    const { order, durability } = call;
    const replicas = call.replicas + call.fallbacks;
    const name = nameOf(call);
    const problem = (text: string) => this.#observer.problem(`${name} ${text}`, order.key);
    const counted = order.available === true ? replicas : call.replicas;
    if (order.zones !== undefined) this.#judgeZones(call, problem);
    else if (counted < order.w) problem(`was acknowledged by ${counted} of ${order.w} replicas`);
    const logged = this.#observer.nodesThatLogged(name).length;
    if (logged < replicas) problem(`was acknowledged by ${replicas} replicas, ${logged} have logged it`);
    if (durability === DurabilityCode.sync) {
      const synced = this.#observer.syncedBy(name, this.#world.nodes);
      if (synced < replicas) problem(`was acknowledged as synced by ${replicas}, ${synced} have synced it`);
    }
    if (durability > (order.durability ?? DurabilityCode.interval)) problem('claims to be too durable');
    if (call.clock <= (order.callerClock ?? 0)) problem("has a clock that is not above its caller's");
    this.acked.push(call);
    if (order.tombstone === true) this.#graves.add(call);
    this.#tallies.add(call);
  }

  /** Each zone that counts has as many replicas that have logged the write as its quorum asks for. */
  #judgeZones(call: WriteCall, problem: (text: string) => void): void {
    if (this.#plan.spares > 0) return;
    const { key } = call.order;
    const logged = this.#observer.nodesThatLogged(nameOf(call));
    for (const [zone, needed] of this.#backingOf(call).byZone ?? []) {
      const count = this.#world
        .holdersOf(key)
        .filter((node) => logged.includes(node) && this.#world.zoneOf(node) === zone).length;
      if (count < needed) problem(`was acknowledged by ${needed} replicas of ${zone}, ${count} have logged it`);
    }
  }

  #backingOf({ order, node }: WriteCall | ReadCall): Backing {
    const world = this.#world;
    return backingOf(order, this.#zonesOf(order.key), world.zoneOf(node));
  }

  #zonesOf(key: string): string[] {
    return this.#world.holdersOf(key).map((node) => this.#world.zoneOf(node));
  }

  /**
   * Nodes that may be the one that a read and a write have in common, and have lost the write. None, where all that lost
   * something had enough others to compare with.
   */
  get #losers(): number {
    const { nodes } = this.#world;
    if (nodes.every(({ mayBeLost }) => mayBeLost === 0)) return 0;
    return this.#lossy;
  }

  /** Nodes whose disks have lost something. */
  get #lossy(): number {
    return this.#world.nodes.filter(({ disk }) => disk.losses > 0).length;
  }

  #judgeRead(call: ReadCall): void {
    const { key, r, available } = call.order;
    this.#lives.check(call);
    const meets = (write: WriteCall) => this.#mustSee(call, write);
    this.#graves.check(call, meets);
    this.#observer.checkSet('a read of', key, call.set);
    const replicas = call.replicas + (available === true ? call.fallbacks : 0);
    const isZoned = call.order.zones !== undefined;
    const needed = isZoned && this.#plan.spares === 0 ? this.#backingOf(call).total : isZoned ? 1 : r;
    if (replicas < needed) {
      this.#observer.problem(`a read of ${key} was answered by ${replicas} of ${needed} replicas`, key);
    }
    if (this.#plan.beyond || available === true) return;
    this.#tallies.check(call, meets);
    for (const write of this.acked) {
      if (!meets(write)) continue;
      if (this.#observer.hasSeen(call.set, nameOf(write))) continue;
      this.#observer.problem(`a read of ${key} (R=${r}) misses ${nameOf(write)} (W=${write.order.w})`, key);
    }
    if (call.order.monotonic === true && this.keepsOrder) this.#judgeMonotonic(call);
  }

  /** Whether a strict read asks some replica that has confirmed this strict write of its key before. */
  #mustSee(read: ReadCall, write: WriteCall): boolean {
    const { key, available, zones } = read.order;
    if (write.order.key !== key || write.endMs > read.startMs) return false;
    if (this.#plan.beyond || available === true || write.order.available === true) return false;
    const backing = this.#backingOf(write);
    const isZoned = zones !== undefined || write.order.zones !== undefined;
    // by zone, replicas may be fewer than those that a node compares with, and zones are others when the ring has changed
    const lost = backing.total < this.#plan.w ? this.#lossy : this.#losers;
    if (isZoned && this.#plan.spares > 0) return false;
    return mustMeet(backing, this.#backingOf(read), this.#zonesOf(key), lost);
  }

  #judgeMonotonic(call: ReadCall): void {
    const { key } = call.order;
    for (const before of this.#monotonic) {
      if (before.order.key !== key || before.endMs > call.startMs) continue;
      for (const sibling of before.set.siblings) {
        const name = this.#observer.nameOf(sibling);
        if (this.#observer.hasSeen(call.set, name)) continue;
        this.#observer.problem(`a monotonic read of ${key} went back behind ${name}`, key);
      }
    }
    this.#monotonic.push(call);
  }
}

/** What the observer knows a write by. */
export function nameOf({ order }: WriteCall): string {
  return order.tombstone === true ? `delete ${order.expiresAtMs}` : order.value;
}
