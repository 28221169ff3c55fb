/**
 * Takes back copies that a step of the claim need not have made. Where a chain of exchanges, from a position that can spare a
 * replica to one that has room for it, or back to where it began, undoes more copies than it makes, it is carried out; once
 * there is none left, no placement within the bounds copies less.
 *
 * That is the cancelling of negative cycles in the residual graph of a flow: Klein, "A primal method for minimal cost flows",
 * 1967; Bellman and Ford find them. What a partition may hold is a matroid and not just a capacity (spread.ts), so a cycle
 * that exchanges twice in one partition may go beyond a limit: it is not carried out, and not that way again.
 */
import { type Books, copiesOf, exchange, score } from './seats.js';
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
  /** Exchanges that no cycle takes any more, as (partition * count + giver) * count + taker. */
  readonly barred: Set<number>;
}

/** No exchange costs as much. */
const NONE = 2;

/** Changes the seats until the copies are few enough, or as few as they can be. */
export function cancelCycles(books: Books, bounds: CopyBounds): void {
  const count = books.weights.length;
  const graph: Graph = {
    books,
    bounds,
    costs: new Int8Array(count * count),
    partitions: new Int32Array(count * count),
    barred: new Set(),
  };
  for (let giver = 0; giver < count; giver++) weighRow(graph, giver);
  for (let copies = copiesOf(books); copies > bounds.copiesMax; ) {
    const cycle = findCycle(graph);
    if (cycle.length === 0) return;
    copies += carryOut(graph, cycle);
  }
}

/** Finds the cheapest exchange from this giver to each taker; of equals the one that scores highest. */
function weighRow({ books, costs, partitions, barred }: Graph, giver: number): void {
  const { weights, lists, levels, before, names } = books;
  const count = weights.length;
  const row = giver * count;
  costs.fill(NONE, row, row + count);
  for (let partition = 0; partition < lists.length; partition++) {
    const list = lists[partition];
    if (!list.includes(giver)) continue;
    const held = before[partition];
    const undone = held.includes(giver) ? 0 : 1;
    for (let taker = 0; taker < count; taker++) {
      const cost = (held.includes(taker) ? 0 : 1) - undone;
      const best = costs[row + taker];
      if (taker === giver || cost > best || !hasRoom(levels, list, giver, taker)) continue;
      const name = names[taker];
      if (cost === best && score(partition, name) <= score(partitions[row + taker], name)) continue;
      if (barred.has((partition * count + giver) * count + taker)) continue;
      costs[row + taker] = cost;
      partitions[row + taker] = partition;
    }
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

/** Carries the exchanges of a cycle out, or bars them where they go beyond a limit together; the copies that it adds. */
function carryOut(graph: Graph, cycle: readonly number[]): number {
  const { books, costs, partitions, barred } = graph;
  const count = books.weights.length;
  const exchanges = cycle
    .map((giver, at) => ({ giver, taker: cycle[(at + 1) % cycle.length] }))
    .filter(({ giver, taker }) => giver < count && taker < count)
    .map((one) => ({ ...one, partition: partitions[one.giver * count + one.taker] }));
  const touched = [...new Set(exchanges.map(({ partition }) => partition))];
  const rows = new Set(touched.flatMap((partition) => books.lists[partition]));
  const kept = touched.map((partition) => books.lists[partition].slice());
  const copies = exchanges.reduce((sum, { giver, taker }) => sum + costs[giver * count + taker], 0);
  for (const { partition, giver, taker } of exchanges) {
    const list = books.lists[partition];
    exchange(books, list, list.indexOf(giver), taker);
  }
  const isRepeated = touched.length < exchanges.length;
  const isAllowed = !isRepeated || touched.every((partition) => isWithinLimits(books, partition));
  if (!isAllowed) {
    for (const { giver, taker, partition } of exchanges) {
      books.loads[giver]++;
      books.loads[taker]--;
      barred.add((partition * count + giver) * count + taker);
    }
    touched.forEach((partition, at) => {
      books.lists[partition] = kept[at];
    });
  }
  for (const partition of touched) for (const position of books.lists[partition]) rows.add(position);
  for (const giver of rows) weighRow(graph, giver);
  return isAllowed ? copies : 0;
}

const isWithinLimits = ({ levels, lists }: Books, partition: number): boolean =>
  lists[partition].every((position) => hasRoom(levels, lists[partition], position, position));
