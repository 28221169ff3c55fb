/**
 * What the clients of a run ask: each one call after the other with pauses between, over shared keys (writes, deletes,
 * contexts, lives, strict and sloppy quorums, reads, pages of scans) and over registers, which one client writes and all read monotonically.
 */
import { nodeIndex } from '../core/ids.js';
import type { VersionVector } from '../core/version-vector.js';
import type { ZoneQuorum } from '../core/zone-quorum.js';
import type { Call } from './calls.js';
import type { SimClient } from './client.js';
import type { WriteOrder } from './messages.js';
import { Pipeline } from './pipeline.js';
import type { Plan } from './plan.js';
import type { Random } from './random.js';
import { tokensOf } from './tallies.js';
import type { World } from './world.js';

const PAUSE_MS_MAX = 25;
const SCAN_CHANCE = 0.03;
const BATCH_CHANCE = 0.4;
/** Writes beside the first. */
const BATCH_KEYS_MAX = 4;
/** Of a batch whose node may hold only some of its keys. */
const NOT_HELD_CHANCE = 0.1;
/** What a delete has, and a put has not. */
const AS_PUT = { tombstone: false, expiresAtMs: 0 };
/** What tells a delete from others: its expiry, far away and its own. */
const NEVER_MS = 4_000_000_000_000;

const ZONED_CHANCE = 0.5;
const ZONE_QUORUMS: readonly ZoneQuorum[] = [{ local: 1 }, 'local-quorum', 'local-quorum', 'each-quorum'];
const TALLY_CHANCE = 0.25;
const UPDATE_ROUNDS = 2;
/** What expires does so within one of these. */
const TTLS_MS = [100, 1_500, 20_000];

export interface WorkloadRandom {
  readonly workload: Random;
  readonly batches: Random;
  readonly lives: Random;
  readonly pipelines: Random;
}

export class Workload {
  readonly #random: Random;
  readonly #batches: Random;
  readonly #lives: Random;
  readonly #pipelines: Random;
  readonly #plan: Plan;
  readonly #world: World;
  readonly #onEnd: (call: Call) => void;
  readonly #contexts = new Map<string, VersionVector>();
  readonly #expiries = new Set<number>();
  #writes = 0;
  #busyClients = 0;

  /** `batches` decides which writes travel together, `lives` what expires or is updated, `pipelines` what is not waited for: they came later, and shift nothing else. */
  constructor(world: World, plan: Plan, random: WorkloadRandom, onEnd: (call: Call) => void) {
    this.#world = world;
    this.#plan = plan;
    this.#random = random.workload;
    this.#batches = random.batches;
    this.#lives = random.lives;
    this.#pipelines = random.pipelines;
    this.#onEnd = onEnd;
  }

  begin(): void {
    for (const client of this.#world.clients) this.#converse(client, this.#plan.calls);
  }

  get isBusy(): boolean {
    return this.#busyClients > 0;
  }

  #converse(client: SimClient, left: number): void {
    if (left === 0) return;
    this.#busyClients++;
    this.#world.after(this.#random.between(0, PAUSE_MS_MAX) * this.#plan.pace, () => {
      const done = (call: Call) => {
        this.#ended(call);
        this.#converse(client, left - 1);
        this.#busyClients--;
      };
      this.#call(client, done);
    });
  }

  #call(client: SimClient, done: (call: Call) => void): void {
    const { shared, registers, tallies } = this.#plan;
    if (tallies.length > 0 && this.#lives.chance(TALLY_CHANCE)) {
      const tally = this.#lives.pick(tallies);
      if (this.#lives.chance(0.7)) this.update(client, tally, done);
      else client.read({ key: tally, r: this.#plan.r, deadlineMs: this.#plan.deadlineMs }, { done });
      return;
    }
    const key = this.#random.pick([...shared, ...registers.keys()]);
    const writer = registers.get(key);
    if (this.#random.chance(SCAN_CHANCE)) this.#scan(client, done);
    else if (this.#random.chance(0.6) && (writer === undefined || writer === client.seat))
      this.#write(client, key, done);
    else this.#read(client, key, done);
  }

  #write(client: SimClient, key: string, done: (call: Call) => void): void {
    const random = this.#random;
    const isRegister = this.#plan.registers.has(key);
    const context = !isRegister && random.chance(0.4) ? this.#contexts.get(`${client.seat} ${key}`) : undefined;
    const durability = random.pick(this.#plan.durabilities);
    const order: WriteOrder = {
      ...this.#mayExpire(this.nextWrite(key, random.chance(0.2)), client),
      durability,
      deadlineMs: this.#plan.deadlineMs,
      available: !isRegister && random.chance(this.#plan.sloppy),
      ...(context !== undefined && { context }),
    };
    const mayBeZoned = !isRegister && order.available !== true;
    const zoned = mayBeZoned ? this.#zoned(client, key) : undefined;
    const picked = random.chance(0.4) ? { node: random.pick(this.#world.holdersOf(key)) } : {};
    const other = zoned?.to ?? picked;
    Object.assign(order, zoned?.order);
    if (this.#pipelines.chance(this.#plan.pipelined)) this.#writeOn(client, order, done);
    else if (context === undefined && this.#batches.chance(BATCH_CHANCE)) this.#writeMany(client, order, other, done);
    else client.write(order, { ...other, done });
  }

  /** This write and others of the client, in one message; the call has ended when all of them have. */
  #writeMany(client: SimClient, first: WriteOrder, to: { readonly node?: number }, done: (call: Call) => void): void {
    const node = to.node ?? this.#world.holdersOf(first.key)[0];
    const orders = this.#withOthers(client, first, node, this.#batches);
    let left = orders.length;
    const endOne = (call: Call) => {
      left--;
      if (left === 0) done(call);
      else this.#ended(call);
    };
    client.writeMany(orders, { ...to, done: endOne });
  }

  /** This write and others of the client, of keys that the node may hold too. */
  #withOthers(client: SimClient, first: WriteOrder, node: number, random: Random): WriteOrder[] {
    const { shared, registers } = this.#plan;
    const own = [...registers.keys()].filter((key) => registers.get(key) === client.seat);
    const isRegister = registers.has(first.key);
    const others = (isRegister ? own : shared).filter((key) => key !== first.key);
    const held = others.filter((key) => this.#world.holdersOf(key).includes(nodeIndex(node)));
    const pool = random.shuffled(random.chance(NOT_HELD_CHANCE) ? others : held);
    const chosen = pool.slice(0, 1 + random.below(BATCH_KEYS_MAX));
    return [first, ...chosen.map((key) => ({ ...first, ...AS_PUT, ...this.nextWrite(key) }))];
  }

  /** Several writes of the key, none of which waits for the one before it: alone or with others, mostly to one node. */
  #writeOn(client: SimClient, first: WriteOrder, done: (call: Call) => void): void {
    const random = this.#pipelines;
    const { context, zones, ...common } = first;
    let node = random.pick(this.#world.holdersOf(first.key));
    const next = () => {
      if (random.chance(0.2)) node = random.pick(this.#world.holdersOf(first.key));
      const order = { ...common, ...AS_PUT, ...this.nextWrite(first.key, random.chance(0.2)) };
      return { node, orders: random.chance(0.3) ? this.#withOthers(client, order, node, random) : [order] };
    };
    const { deadlineMs } = this.#plan;
    const onEnd = (call: Call) => this.#ended(call);
    new Pipeline({ world: this.#world, client, random, deadlineMs, next, onEnd, done }).begin();
  }

  /** Some writes of shared keys expire soon, each at a time of its own. */
  #mayExpire(order: WriteOrder, client: SimClient): WriteOrder {
    const lives = this.#lives;
    if (order.tombstone === true || this.#plan.registers.has(order.key) || !lives.chance(this.#plan.expiring))
      return order;
    let expiresAtMs = client.wallMs + Math.ceil(lives.between(1, lives.pick(TTLS_MS)));
    while (this.#expiries.has(expiresAtMs)) expiresAtMs++;
    this.#expiries.add(expiresAtMs);
    return { ...order, expiresAtMs };
  }

  /**
   * Adds a token to a tally: reads, and writes all that it was shown and one more under the context of the read; again where
   * that leaves siblings, as src/client/store.ts does.
   */
  update(client: SimClient, key: string, done: (call: Call) => void, round = 0): void {
    const { r, w, deadlineMs, durabilities } = this.#plan;
    const onRead = (read: Call) => {
      if (read.kind !== 'read' || read.error !== undefined) {
        done(read);
        return;
      }
      this.#ended(read);
      const tokens = new Set([...tokensOf(read), `t${++this.#writes}`]);
      const order = {
        key,
        value: [...tokens].sort().join('+'),
        w,
        deadlineMs,
        durability: this.#lives.pick(durabilities),
      };
      client.write({ ...order, context: read.set.vector }, { done: onWritten });
    };
    const onWritten = (write: Call) => {
      if (write.kind !== 'write' || write.error !== undefined || write.detail <= 1 || round === UPDATE_ROUNDS)
        done(write);
      else {
        this.#ended(write);
        this.update(client, key, done, round + 1);
      }
    };
    client.read({ key, r, deadlineMs }, { done: onRead });
  }

  #scan(client: SimClient, done: (call: Call) => void): void {
    const random = this.#random;
    const node = random.pick(this.#world.ring.members).node;
    const partition = random.below(this.#world.partitions);
    client.scan(node, partition, random.chance(0.5) ? {} : { reverse: true, limit: 2 }, { done });
  }

  /** A write that differs from all others of the run. */
  nextWrite(key: string, tombstone = false): WriteOrder {
    const value = `v${++this.#writes}`;
    const { w } = this.#plan;
    return { key, value, w, ...(tombstone && { tombstone, expiresAtMs: NEVER_MS + this.#writes }) };
  }

  #read(client: SimClient, key: string, done: (call: Call) => void): void {
    const random = this.#random;
    const monotonic = this.#plan.registers.has(key) || random.chance(0.4);
    const other = random.chance(0.5) ? { node: random.below(this.#world.nodes.length) } : {};
    const available = !this.#plan.registers.has(key) && random.chance(this.#plan.sloppy);
    const { r, deadlineMs } = this.#plan;
    const isPlain = !this.#plan.registers.has(key) && !available;
    const zoned = isPlain ? this.#zoned(client, key) : undefined;
    const order = { key, r, monotonic: monotonic && !available && zoned === undefined, available, deadlineMs };
    client.read({ ...order, ...zoned?.order }, { ...(zoned?.to ?? other), done });
  }

  /** Some requests are by zone; those of the own one go to a replica there. */
  #zoned(
    client: SimClient,
    key: string,
  ): { readonly order: { zones: ZoneQuorum }; readonly to: { node?: number } } | undefined {
    const world = this.#world;
    const lives = this.#lives;
    if (new Set(this.#plan.zones).size === 1 || !lives.chance(ZONED_CHANCE)) return undefined;
    const zones = lives.pick(ZONE_QUORUMS);
    if (zones === 'each-quorum') return { order: { zones }, to: {} };
    const zone = world.zoneOf(world.nodes.length + client.seat);
    const own = world.holdersOf(key).filter((node) => world.zoneOf(node) === zone);
    return own.length === 0 ? undefined : { order: { zones }, to: { node: lives.pick(own) } };
  }

  #ended(call: Call): void {
    this.#onEnd(call);
    if (call.kind === 'read' && call.error === undefined) {
      this.#contexts.set(`${call.client} ${call.order.key}`, call.set.vector);
    }
  }
}
