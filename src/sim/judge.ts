/**
 * Says whether what clients were told is true: acknowledgements against what the nodes' logs hold, reads against the
 * writes that were acknowledged before they began, and, once all is quiet, the replicas against each other.
 */
import type { CoordinatorState } from '../../actors/coordinator.js';
import { Role } from '../actor/address.js';
import { DurabilityCode } from '../protocol/outcome.js';
import { Count } from '../runtime/counters.js';
import type { Call, ReadCall, WriteCall } from './client.js';
import { PlannedThrow } from './faults.js';
import type { Observer } from './observer.js';
import type { Plan } from './plan.js';
import type { World } from './world.js';

export class Judge {
  readonly #world: World;
  readonly #observer: Observer;
  readonly #plan: Plan;
  readonly #acked: WriteCall[] = [];
  readonly #monotonic: ReadCall[] = [];

  constructor(world: World, observer: Observer, plan: Plan) {
    this.#world = world;
    this.#observer = observer;
    this.#plan = plan;
  }

  /** Whether any node has lost something. */
  get hasLost(): boolean {
    return this.#losers > 0;
  }

  judgeCall(call: Call): void {
    if (call.error !== undefined) return;
    if (call.kind === 'write') this.#judgeAck(call);
    else if (call.kind === 'read') this.#judgeRead(call);
  }

  #judgeAck(call: WriteCall): void {
    const { order, replicas } = call;
    const name = nameOf(call);
    if (replicas < order.w) this.#problem(`${name} was acknowledged by ${replicas} of ${order.w} replicas`);
    const logged = this.#observer.loggedBy(name);
    if (logged < replicas) this.#problem(`${name} was acknowledged by ${replicas} replicas, ${logged} have logged it`);
    if (call.durability === DurabilityCode.sync) {
      const synced = this.#observer.syncedBy(name, this.#world.nodes);
      if (synced < replicas)
        this.#problem(`${name} was acknowledged as synced by ${replicas}, ${synced} have synced it`);
    }
    if (call.durability > (order.durability ?? DurabilityCode.interval))
      this.#problem(`${name} claims to be too durable`);
    if (call.clock <= (order.callerClock ?? 0)) this.#problem(`the clock of ${name} is not above its caller's`);
    this.#acked.push(call);
  }

  /** Nodes that have lost something: each may be the one that a read and a write have in common. */
  get #losers(): number {
    return this.#world.nodes.filter(({ disk }) => disk.losses > 0).length;
  }

  #judgeRead(call: ReadCall): void {
    const { key, r, monotonic } = call.order;
    this.#observer.checkSet('a read of', key, call.set);
    if (call.replicas < r) this.#problem(`a read of ${key} was answered by ${call.replicas} of ${r} replicas`);
    const losers = this.#losers;
    for (const write of this.#acked) {
      const meets = r + write.order.w - losers > this.#world.n && !this.#plan.beyond;
      if (write.order.key !== key || write.endMs > call.startMs || !meets) continue;
      if (this.#observer.hasSeen(call.set, nameOf(write))) continue;
      this.#problem(`a read of ${key} (R=${r}) misses ${nameOf(write)} (W=${write.order.w})`);
    }
    if (monotonic !== true || losers > 0) return;
    for (const before of this.#monotonic) {
      if (before.order.key !== key || before.endMs > call.startMs) continue;
      for (const { value, tombstone, expiresAtMs } of before.set.siblings) {
        const name = tombstone ? `delete ${expiresAtMs}` : Buffer.from(value).toString();
        if (!this.#observer.hasSeen(call.set, name))
          this.#problem(`a monotonic read of ${key} went back behind ${name}`);
      }
    }
    this.#monotonic.push(call);
  }

  /** A write to a healed cluster must succeed. */
  judgeFresh(call: Call): void {
    this.judgeCall(call);
    if (call.kind !== 'write' || call.error === undefined) return;
    this.#problem(`a write of ${call.order.key} to the healed cluster failed with ${call.error}`);
  }

  /** After the world has been healed and every key was read from all replicas. */
  judgeEnd(keys: readonly string[]): void {
    for (const key of keys) this.#judgeReplicas(key);
    for (const node of this.#world.nodes) {
      const { writes, reads } = node.system.stateOf(Role.coordinator, 0) as CoordinatorState;
      if (writes.active > 0) this.#problem(`node ${node.index} never ended ${writes.active} writes`);
      if (reads.open.size > 0) this.#problem(`node ${node.index} never ended ${reads.open.size} reads`);
      const lost = node.counters[Count.undeliverable];
      if (lost > 0) this.#problem(`node ${node.index} could not deliver ${lost} messages`);
    }
    for (const { role, error } of this.#world.thrown) {
      if (!(error instanceof PlannedThrow)) this.#problem(`a ${role} threw ${String(error)}`);
    }
    for (const { inFlight, seat } of this.#world.clients) {
      if (inFlight > 0) this.#problem(`client ${seat} still waits for ${inFlight} calls`);
    }
    if (this.#world.network.highWaterBytes > this.#world.laneBytesMax) this.#problem('a lane grew beyond its bound');
  }

  #judgeReplicas(key: string): void {
    const records = this.#world.holdersOf(key).map((node) => this.#world.nodes[node].store.record(key)?.join());
    if (new Set(records).size > 1) this.#problem(`the replicas of ${key} differ after all is quiet`);
    const last = this.#world.clients[0].history.findLast((call) => call.kind === 'read' && call.order.key === key);
    if (last?.kind !== 'read' || last.error !== undefined) {
      this.#problem(`${key} cannot be read after all is healed: ${last?.error}`);
      return;
    }
    for (const write of this.#acked) {
      if (this.#plan.beyond || write.order.key !== key || this.#observer.hasSeen(last.set, nameOf(write))) continue;
      this.#problem(`the acknowledged write ${nameOf(write)} of ${key} is lost`);
    }
  }

  #problem(text: string): void {
    this.#observer.problem(`${text} (at ${this.#world.nowMs.toFixed(2)} ms)`);
  }
}

/** What the observer knows a write by. */
function nameOf({ order }: WriteCall): string {
  return order.tombstone === true ? `delete ${order.expiresAtMs}` : order.value;
}
