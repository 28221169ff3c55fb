/**
 * Watches what the agents of a gossip world believe: how long after its death a node is avoided and called down by the
 * others, and who is wrongly suspected or called down while it lives.
 */
import type { NodeIndex } from '../../src/core/ids.js';
import type { Liveness } from '../../src/core/membership.js';
import { GossipWorld, type GossipWorldOptions } from '../../src/sim/gossip-world.js';
import type { SimAgent } from '../../src/sim/sim-agent.js';

/** Virtual milliseconds from a death until somebody, or everybody, has drawn the consequence; NaN until then. */
export interface Death {
  readonly node: NodeIndex;
  readonly atMs: number;
  firstAvoidsMs: number;
  allAvoidMs: number;
  allCallItDownMs: number;
}

export class DeathWatch {
  readonly world: GossipWorld;
  /** Times that an agent has waited in vain for one that lived. */
  falseSuspicions = 0;
  /** Times that an agent took one that lived for down. */
  falseDowns = 0;
  readonly #deaths = new Map<
    NodeIndex,
    { readonly death: Death; readonly avoid: Set<number>; readonly down: Set<number> }
  >();

  constructor(options: GossipWorldOptions) {
    this.world = new GossipWorld({
      ...options,
      onSuspicion: (by, about) => this.#suspected(by, about),
      onChange: (by, entry) => this.#changed(by, entry),
    });
  }

  kill(agent: SimAgent): Death {
    agent.kill();
    const { node } = agent;
    const unknown = { firstAvoidsMs: Number.NaN, allAvoidMs: Number.NaN, allCallItDownMs: Number.NaN };
    const death = { node, atMs: this.world.nowMs, ...unknown };
    this.#deaths.set(node, { death, avoid: new Set(), down: new Set() });
    return death;
  }

  restart(agent: SimAgent): void {
    this.#deaths.delete(agent.node);
    agent.start();
  }

  get #living(): number {
    return this.world.agents.length - this.#deaths.size;
  }

  #suspected(by: NodeIndex, about: NodeIndex): void {
    if (this.world.agents[about].up) this.falseSuspicions++;
    else this.#avoids(by, about);
  }

  #changed(by: NodeIndex, { node, state }: Liveness): void {
    if (state !== 'down') {
      this.#deaths.get(node)?.down.delete(by);
      return;
    }
    if (this.world.agents[node].up) this.falseDowns++;
    else this.#avoids(by, node);
    const seen = this.#deaths.get(node);
    if (seen === undefined) return;
    seen.down.add(by);
    if (seen.down.size === this.#living) seen.death.allCallItDownMs = this.world.nowMs - seen.death.atMs;
  }

  #avoids(by: NodeIndex, about: NodeIndex): void {
    const seen = this.#deaths.get(about);
    if (seen === undefined || seen.avoid.has(by)) return;
    const sinceMs = this.world.nowMs - seen.death.atMs;
    if (seen.avoid.size === 0) seen.death.firstAvoidsMs = sinceMs;
    seen.avoid.add(by);
    if (seen.avoid.size === this.#living) seen.death.allAvoidMs = sinceMs;
  }
}
