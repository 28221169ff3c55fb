/**
 * The faults of a run: a table of kinds, each an action that ends by itself after a while; the injector draws one after
 * the other, counts them, and heals what is left at the end.
 */
import type { AnyBehaviour } from '../actor/behaviour.js';
import { Departures } from './departures.js';
import { CLOCK_FAULTS } from './faults-of-clocks.js';
import { DISK_FAULTS, LOG_FAULTS } from './faults-of-disks.js';
import { MEMBER_FAULTS } from './faults-of-members.js';
import { CHANNEL_FAULTS, NETWORK_FAULTS } from './faults-of-networks.js';
import { DELAY_FAULTS, NODE_FAULTS } from './faults-of-nodes.js';
import type { FaultGroup, Plan } from './plan.js';
import type { Random } from './random.js';
import type { SimNode } from './sim-node.js';
import type { World } from './world.js';

/** Thrown by a handler that was asked to. */
export class PlannedThrow extends Error {}

/** What a fault may use. */
export interface FaultScope {
  readonly world: World;
  readonly plan: Plan;
  readonly random: Random;
  /** Nodes whose machines may lose what they stored. */
  readonly lossy: readonly SimNode[];
  readonly keys: readonly string[];
  readonly departures: Departures;
  /** Nodes whose next handler throws, when all of its work is done. */
  readonly throwing: Set<number>;
  readonly count: (kind: string) => void;
  /** Ends the fault after this long, or when all is healed. */
  readonly until: (delayMs: number, heal: () => void) => void;
  /** Ends the fault when all is healed. */
  readonly untilHealed: (heal: () => void) => void;
}

export interface Fault {
  /** How often it is drawn, among all. */
  readonly weight: number;
  /** False where it means nothing in this world. */
  readonly applies?: (scope: FaultScope) => boolean;
  readonly strike: (scope: FaultScope) => void;
}

/** The kinds by what they befall; a plan may leave groups out. */
const GROUPS: Readonly<Record<FaultGroup, Readonly<Record<string, Fault>>>> = {
  network: NETWORK_FAULTS,
  delay: DELAY_FAULTS,
  node: NODE_FAULTS,
  disk: DISK_FAULTS,
  clock: CLOCK_FAULTS,
  members: MEMBER_FAULTS,
  channel: CHANNEL_FAULTS,
  log: LOG_FAULTS,
};

export const FAULTS: Readonly<Record<string, Fault>> = Object.assign({}, ...Object.values(GROUPS));

const STRIKE_MS = [10, 100] as const;

export class Faults implements FaultScope {
  readonly counts: Record<string, number> = {};
  readonly throwing = new Set<number>();
  readonly random: Random;
  readonly plan: Plan;
  readonly keys: readonly string[];
  lossy: readonly SimNode[] = [];
  world!: World;
  departures!: Departures;
  readonly #healing = new Set<() => void>();
  #left: number;
  #over = false;

  constructor(random: Random, plan: Plan) {
    this.random = random;
    this.plan = plan;
    this.keys = [...plan.shared, ...plan.registers.keys(), ...plan.tallies];
    this.#left = plan.faultsMax;
  }

  /** Begins to strike this world, as long as `goesOn`. */
  begin(world: World, goesOn: () => boolean): void {
    this.world = world;
    this.lossy = this.#drawLossy();
    this.departures = new Departures(world, {
      hintsMsMax: this.plan.leaverHintsMs,
      onEnded: () => this.count('departed node ended'),
    });
    if (this.plan.spares > 0) this.departures.begin();
    this.#strikeLater(goesOn);
  }

  /**
   * Fewer than W replicas of any key are on a machine that may lose something, unless there is no limit; where any node
   * may hold a key, since the ring changes or nodes stand in for others, fewer than W machines.
   */
  #drawLossy(): SimNode[] {
    const { world, plan, random } = this;
    if (plan.beyond) return world.nodes.filter(({ life }) => life > 0);
    if (random.chance(0.4)) return [];
    const lossy: SimNode[] = [];
    for (const node of random.shuffled(world.nodes.filter(({ life }) => life > 0))) {
      const tried = [...lossy, node];
      const anyHolds = plan.groups.includes('members') || plan.sloppy > 0;
      const holders = anyHolds ? tried.length : lossyHolders(world, tried);
      if (holders < plan.w) lossy.push(node);
    }
    return lossy;
  }

  #strikeLater(goesOn: () => boolean): void {
    this.world.after(this.random.between(...STRIKE_MS) * this.plan.pace, () => {
      if (this.#over || this.#left <= 0 || !goesOn()) return;
      this.#left--;
      const kinds = this.plan.groups.flatMap((group) => Object.entries(GROUPS[group]));
      const able = kinds.filter(([, { applies }]) => applies?.(this) !== false);
      const [name, fault] = this.#draw(able);
      this.count(name);
      this.world.trace.note(this.world.nowMs, () => `fault: ${name}`);
      fault.strike(this);
      this.#strikeLater(goesOn);
    });
  }

  #draw(able: readonly (readonly [string, Fault])[]): readonly [string, Fault] {
    const total = able.reduce((sum, [, { weight }]) => sum + weight, 0);
    let point = this.random.between(0, total);
    for (const entry of able) {
      point -= entry[1].weight;
      if (point < 0) return entry;
    }
    return able[able.length - 1];
  }

  readonly count = (kind: string): void => {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
  };

  readonly until = (delayMs: number, heal: () => void): void => {
    const once = () => {
      if (this.#healing.delete(once)) heal();
    };
    this.#healing.add(once);
    this.world.after(delayMs * this.plan.pace, once);
  };

  readonly untilHealed = (heal: () => void): void => {
    this.#healing.add(heal);
  };

  /** Ends every fault and starts none. */
  heal(): void {
    this.#over = true;
    for (const once of [...this.#healing]) once();
    this.throwing.clear();
    // a node refuses callers whose clocks differ from its own by more than the drift bound, however healed it is
    for (const { clock } of this.world.hosts) clock.setRight();
    for (const node of this.world.nodes) if (node.life > 0) this.world.restart(node);
  }

  /** The same behaviour, whose handlers throw when they were asked to. */
  mayThrow(behaviour: AnyBehaviour, node: SimNode): AnyBehaviour {
    const handlers = Object.entries(behaviour.receive).map(([name, handler]) => {
      const throwing: typeof handler = (state, message, env) => {
        handler(state, message, env);
        if (this.throwing.delete(node.index)) throw new PlannedThrow('a handler throws when its work is done');
      };
      return [name, throwing];
    });
    return { ...behaviour, receive: Object.fromEntries(handlers) };
  }
}

/** The most replicas that any partition has on these nodes. */
function lossyHolders({ ring }: World, nodes: readonly SimNode[]): number {
  const marked = new Set(nodes.map(({ index }) => index));
  let most = 0;
  for (const holders of ring.lists) most = Math.max(most, holders.filter((node) => marked.has(node)).length);
  return most;
}
