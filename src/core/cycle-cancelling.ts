/**
 * Takes back copies that a step of the claim need not have made. Where a chain of exchanges, from a position that can spare a
 * replica to one that has room for it, or back to where it began, undoes more copies than it makes, it is carried out; once
 * there is none left, no placement within the bounds copies less.
 *
 * That is the cancelling of negative cycles in the residual graph of a flow: Klein, "A primal method for minimal cost flows",
 * 1967; Bellman and Ford find them. What a partition may hold is a matroid and not just a capacity (spread.ts), so two
 * exchanges of a cycle in one partition might go beyond a limit together. No such cycle is known; one ends the search.
 */
import { type Books, copiesOf, score } from './seats.js';
import { hasRoom } from './spread.js';

export interface CopyBounds {
  /** Fewest and most replicas of each position; one that is beyond them stays as it is. */
  readonly floors: readonly number[];
  readonly ceilings: readonly number[];
  /** Enough are taken back once there are no more than these. */
  readonly copiesMax: number;
}

interface Graph {
  readonly books: Books;
  readonly bounds: CopyBounds;
  /** Of giver * count + taker: copies that their cheapest exchange adds, -1..1, and its partition. */
  readonly costs: Int8Array;
  readonly partitions: Int32Array;
}

/** No exchange costs as much. */
const NONE = 2;

/** Changes the seats until the copies are few enough, or as few as they can be: one cycle for each copy at most. */
export function cancelCycles(books: Books, bounds: CopyBounds): void {
  const count = books.weights.length;
  const graph: Graph = {
    books,
    bounds,
    costs: new Int8Array(count * count),
    partitions: new Int32Array(count * count),
  };
  weighExchanges(graph, new Uint8Array(count).fill(1));
  for (let copies = copiesOf(books); copies > bounds.copiesMax; ) {
    const cycle = findCycle(graph);
    const saved = cycle.length === 0 ? 0 : carryOut(graph, cycle);
    if (saved === 0) return;
    copies -= saved;
  }
}

/** Finds the cheapest exchange from each of these givers to each taker; of equals the one that scores highest. */
function weighExchanges(graph: Graph, isAsked: Uint8Array): void {
  const { lists } = graph.books;
  const count = isAsked.length;
  for (let giver = 0; giver < count; giver++) {
    if (isAsked[giver] !== 0) graph.costs.fill(NONE, giver * count, (giver + 1) * count);
  }
  for (let partition = 0; partition < lists.length; partition++) {
    for (const giver of lists[partition]) if (isAsked[giver] !== 0) weighIn(graph, partition, giver);
  }
}

function weighIn({ books, costs, partitions }: Graph, partition: number, giver: number): void {
  const { weights, lists, levels, before, names } = books;
  const list = lists[partition];
  const held = before[partition];
  const undone = held.includes(giver) ? 0 : 1;
  const row = giver * weights.length;
  for (let taker = 0; taker < weights.length; taker++) {
    const cost = (held.includes(taker) ? 0 : 1) - undone;
    const best = costs[row + taker];
    if (taker === giver || cost > best) continue;
    const name = names[taker];
    if (cost === best && score(partition, name) <= score(partitions[row + taker], name)) continue;
    if (!hasRoom(levels, list, giver, taker)) continue;
    costs[row + taker] = cost;
    partitions[row + taker] = partition;
  }
}

/**
 * Positions on a cycle of negative cost, each giving to the next and the last to the first; none where there is no such
 * cycle. One more than all positions stands for the bounds: it gives to whoever can spare a replica, and takes from whoever
 * has room for one.
 */
function findCycle(graph: Graph): number[] {
  const count = graph.books.weights.length;
  const distances = new Int32Array(count + 1);
  const givers = new Int32Array(count + 1).fill(-1);
  for (;;) {
    let isShorter = false;
    for (let giver = 0; giver <= count; giver++) {
      for (let taker = 0; taker <= count; taker++) {
        const cost = costOf(graph, giver, taker);
        if (cost === NONE || distances[giver] + cost >= distances[taker]) continue;
        distances[taker] = distances[giver] + cost;
        givers[taker] = giver;
        isShorter = true;
      }
    }
    if (!isShorter) return [];
    const cycle = cycleIn(givers);
    if (cycle.length > 0) return cycle;
  }
}

function costOf({ books, bounds, costs }: Graph, giver: number, taker: number): number {
  const { loads } = books;
  const count = loads.length;
  if (giver < count && taker < count) return costs[giver * count + taker];
  if (giver === taker) return NONE;
  const isWithin = giver === count ? loads[taker] > bounds.floors[taker] : loads[giver] < bounds.ceilings[giver];
  return isWithin ? 0 : NONE;
}

/** A cycle of those that each have one giver, or none. */
function cycleIn(givers: Int32Array): number[] {
  const walks = new Int32Array(givers.length).fill(-1);
  for (let start = 0; start < givers.length; start++) {
    let at = start;
    while (at >= 0 && walks[at] < 0) {
      walks[at] = start;
      at = givers[at];
    }
    if (at < 0 || walks[at] !== start) continue;
    const cycle = [at];
    for (let giver = givers[at]; giver !== at; giver = givers[giver]) cycle.unshift(giver);
    return cycle;
  }
  return [];
}

/** Carries the exchanges of a cycle out; the copies that this takes back, 0 where they would go beyond a limit together. */
function carryOut(graph: Graph, cycle: readonly number[]): number {
  const { books, costs, partitions } = graph;
  const { lists, loads } = books;
  const count = loads.length;
  const exchanges = cycle
    .map((giver, at) => ({ giver, taker: cycle[(at + 1) % cycle.length] }))
    .filter(({ giver, taker }) => giver < count && taker < count)
    .map((one) => ({ ...one, partition: partitions[one.giver * count + one.taker] }));
  const touched = new Map(exchanges.map(({ partition }) => [partition, lists[partition].slice()]));
  for (const { partition, giver, taker } of exchanges) {
    const list = touched.get(partition) as number[];
    list[list.indexOf(giver)] = taker;
  }
  if ([...touched.values()].some((list) => !isWithinLimits(books, list))) return 0;
  const isChanged = new Uint8Array(count);
  for (const [partition, list] of touched) {
    for (const position of [...lists[partition], ...list]) isChanged[position] = 1;
    lists[partition] = list;
  }
  const cost = exchanges.reduce((sum, { giver, taker }) => sum + costs[giver * count + taker], 0);
  for (const { giver, taker } of exchanges) {
    loads[giver]--;
    loads[taker]++;
  }
  weighExchanges(graph, isChanged);
  return -cost;
}

const isWithinLimits = ({ levels }: Books, list: readonly number[]): boolean =>
  list.every((position) => hasRoom(levels, list, position, position));
