/**
 * The lists of nodes of a packed ring. A table names the nodes that occur, so that one of them takes as many bits as their
 * number needs; a list is N of these. A new list has most nodes of the old one, in the same order:
 *
 *   next list   0 | for each node: 0, the first one of the old list behind those taken; or 1, and its index
 *               1 | N indices                         where that is no longer
 */
import { type BitReader, type BitWriter, widthOf } from './bit-stream.js';
import { NODE_COUNT_MAX, type NodeIndex, nodeIndex } from './ids.js';
import { Phase, type RingState } from './ring-state.js';
import { readRuns, writeRuns } from './ring-tables.js';

type List = readonly NodeIndex[];

/** Writes the table at once. */
export class ListWriter {
  readonly #to: BitWriter;
  readonly #width: number;
  readonly #places: ReadonlyMap<number, number>;

  constructor(to: BitWriter, { lists, move }: RingState) {
    const met = new Set<NodeIndex>();
    for (const list of lists) for (const node of list) met.add(node);
    move?.next.forEach((list, p) => {
      if (move.phases[p] !== Phase.settled) for (const node of list) met.add(node);
    });
    const nodes = [...met].sort((a, b) => a - b);
    writeRuns(to, nodes);
    this.#to = to;
    this.#width = widthOf(nodes.length);
    this.#places = new Map(nodes.map((node, place) => [node, place]));
  }

  write(list: List): void {
    for (const node of list) this.#to.bits(this.#places.get(node) as number, this.#width);
  }

  writeNext(next: List, old: List): void {
    const known = matches(next, old);
    const isShorter = known.filter((isKnown) => isKnown).length * this.#width > next.length;
    this.#to.bits(Number(!isShorter), 1);
    if (!isShorter) {
      this.write(next);
      return;
    }
    next.forEach((node, i) => {
      this.#to.bits(Number(!known[i]), 1);
      if (!known[i]) this.write([node]);
    });
  }
}

/** Of each node of a new list whether it is the first of the old one behind those taken. */
function matches(next: List, old: List): boolean[] {
  let taken = 0;
  return next.map((node) => {
    const isFirst = taken < old.length && old[taken] === node;
    taken = behind(old, node, taken);
    return isFirst;
  });
}

/** How many of the old list are taken with this node: it, and those before it. */
function behind(old: List, node: NodeIndex, taken: number): number {
  const place = old.indexOf(node, taken);
  return place < 0 ? taken : place + 1;
}

/** Reads the table at once. Each method: @throws StoreError KV_PROTOCOL */
export class ListReader {
  readonly #from: BitReader;
  readonly #n: number;
  readonly #nodes: List;

  constructor(from: BitReader, n: number) {
    this.#from = from;
    this.#n = n;
    this.#nodes = readRuns(from, NODE_COUNT_MAX).map(nodeIndex);
  }

  read(): List {
    return Array.from({ length: this.#n }, () => this.#from.one(this.#nodes));
  }

  readNext(old: List): List {
    if (this.#from.bits(1) === 1) return this.read();
    let taken = 0;
    return Array.from({ length: this.#n }, () => {
      const isFirst = this.#from.bits(1) === 0;
      const node = isFirst ? this.#from.item(old, taken) : this.#from.one(this.#nodes);
      taken = behind(old, node, taken);
      return node;
    });
  }
}
