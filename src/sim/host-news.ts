/**
 * What hosts learn of each other's nodes: that one ended or started, over the connection, as soon as it gets through; all
 * of it when a connection is made; nothing where there is none.
 */
import type { Random } from './random.js';
import type { SimHost } from './sim-host.js';
import type { SimNode } from './sim-node.js';
import type { World } from './world.js';

export class HostNews {
  readonly #world: World;
  readonly #random: Random;
  readonly #delayMs: readonly [number, number];

  constructor(world: World, random: Random, delayMs: readonly [number, number]) {
    this.#world = world;
    this.#random = random;
    this.#delayMs = delayMs;
  }

  /** A node ended or started. */
  of(node: SimNode): void {
    const own = this.#world.hostOf(node.index);
    for (const host of this.#world.hosts) if (host !== own) this.#tell(host, node);
  }

  #tell(host: SimHost, node: SimNode): void {
    const connection = this.#world.network.connection(this.#world.hostOf(node.index).index, host.index);
    this.#world.after(this.#random.between(...this.#delayMs), () => {
      if (connection?.isOpen !== true) return;
      if (connection.isBlocked) this.#tell(host, node);
      else host.told(node.index, node.up);
    });
  }

  /** Two hosts lost or found each other. */
  connectionChanged(low: number, high: number): void {
    const { hosts, nodes, clients, network, trace, nowMs } = this.#world;
    const isOpen = network.connection(low, high)?.isOpen === true;
    trace.add(nowMs, low, high, Number(isOpen), 5);
    trace.note(nowMs, () => `hosts ${low} and ${high} ${isOpen ? 'are connected' : 'lose each other'}`);
    const [a, b] = [hosts[low], hosts[high]];
    for (const node of nodes) {
      const own = this.#world.hostOf(node.index);
      if (own !== a && own !== b) continue;
      const other = own === a ? b : a;
      if (isOpen) other.told(node.index, node.up);
      else for (const client of clients) if (client.isOn(other)) client.nodeEnded(node.index);
    }
  }
}
