/**
 * The fewest replicas that a ring change has to copy, found another way than the claim does: a flow of least cost, from each
 * partition through its zone, machine, host and failure domain to the nodes, which take what the bounds allow. A seat costs 1
 * where the node did not hold the partition before. Successive shortest paths (Ahuja, Magnanti, Orlin, "Network Flows", 9.7).
 */
import { expectedShares } from '../../src/core/fair-share.js';
import type { Placement, RingMap } from '../../src/core/ring.js';
import { groupsOf, levelsOf } from '../../src/core/spread.js';

/** More than all copies: whatever else a flow may save, floors are met first. */
const FLOOR_PRICE = 1_000_000;

/** Fewest and most replicas of a node with this fair share, of which it held so many. */
export function boundsOf(fair: number, held: number): { readonly floor: number; readonly ceiling: number } {
  const slack = Math.max(1, 0.05 * fair) + 1e-6;
  const floor = Math.max(0, Math.ceil(fair - slack));
  return { floor: held < floor ? Math.round(fair) : floor, ceiling: Math.floor(fair + slack) };
}

/** Copies from a placement to the nearest one that keeps the bounds and limits of this map, whose groups nest. */
export function fewestCopies(map: RingMap, before: Placement): number {
  const members = [...map.members].sort((a, b) => a.node - b.node);
  const shares = expectedShares(map);
  const fair = members.map(({ node }) => shares.get(node) as number);
  const groups = groupsOf(members, map.failureDomain);
  // coarsest first, as the flow meets them
  const levels = levelsOf(groups, fair, map.partitions, map.n).reverse();
  const flow = new Flow(2 + members.length);
  let floors = 0;
  members.forEach(({ node }, position) => {
    const held = before.filter((list) => list.includes(node)).length;
    const { floor, ceiling } = boundsOf(fair[position], held);
    floors += floor;
    flow.add(2 + position, SINK, floor, -FLOOR_PRICE);
    flow.add(2 + position, SINK, ceiling - floor, 0);
  });
  for (const list of before) {
    const top = flow.addVertex();
    flow.add(SOURCE, top, map.n, 0);
    const doors = new Map<string, number>();
    members.forEach(({ node }, position) => {
      let from = top;
      levels.forEach(({ groups, limits }, depth) => {
        const name = `${depth} ${groups[position]}`;
        const door = doors.get(name) ?? flow.addVertex();
        if (!doors.has(name)) flow.add(from, door, limits[groups[position]], 0);
        doors.set(name, door);
        from = door;
      });
      flow.add(from, 2 + position, 1, list.includes(node) ? 0 : 1);
    });
  }
  return flow.cheapest(map.partitions * map.n) + floors * FLOOR_PRICE;
}

const SOURCE = 0;
const SINK = 1;

class Flow {
  readonly #edges: number[][] = [];
  readonly #to: number[] = [];
  readonly #room: number[] = [];
  readonly #cost: number[] = [];

  constructor(vertices: number) {
    while (this.#edges.length < vertices) this.addVertex();
  }

  addVertex(): number {
    return this.#edges.push([]) - 1;
  }

  add(from: number, to: number, room: number, cost: number): void {
    this.#edges[from].push(this.#to.push(to) - 1);
    this.#edges[to].push(this.#to.push(from) - 1);
    this.#room.push(room, 0);
    this.#cost.push(cost, -cost);
  }

  /** Cost of the cheapest flow of this size. */
  cheapest(size: number): number {
    let total = 0;
    for (let sent = 0; sent < size; ) {
      const { distances, by } = this.#shortest();
      if (!Number.isFinite(distances[SINK])) throw new Error(`no flow of ${size}, but one of ${sent}`);
      // as many as fit on this one path, each at its cost
      let most = size - sent;
      for (let at = SINK; at !== SOURCE; at = this.#to[by[at] ^ 1]) most = Math.min(most, this.#room[by[at]]);
      for (let at = SINK; at !== SOURCE; at = this.#to[by[at] ^ 1]) {
        this.#room[by[at]] -= most;
        this.#room[by[at] ^ 1] += most;
      }
      sent += most;
      total += most * distances[SINK];
    }
    return total;
  }

  /** Bellman and Ford, by a queue of what became nearer. */
  #shortest(): { readonly distances: Float64Array; readonly by: Int32Array } {
    const distances = new Float64Array(this.#edges.length).fill(Number.POSITIVE_INFINITY);
    const by = new Int32Array(this.#edges.length).fill(-1);
    const isQueued = new Uint8Array(this.#edges.length);
    distances[SOURCE] = 0;
    const queue = [SOURCE];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      isQueued[at] = 0;
      for (const edge of this.#edges[at]) {
        const to = this.#to[edge];
        if (this.#room[edge] === 0 || distances[at] + this.#cost[edge] >= distances[to]) continue;
        distances[to] = distances[at] + this.#cost[edge];
        by[to] = edge;
        if (isQueued[to] === 0) queue.push(to);
        isQueued[to] = 1;
      }
    }
    return { distances, by };
  }
}
