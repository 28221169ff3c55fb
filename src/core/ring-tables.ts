/**
 * The tables of a packed ring: texts, places and members, each once, however many members of the old and of the new ring
 * they belong to; and the pairs of epochs that partitions share, since those which change together share both.
 *
 *   texts     count | each as text          (hosts, machines and zones)
 *   weights   count | each as a float
 *   places    count | host, machine, zone of each: indices of texts
 *   members   count | node of each, against the one before | place, weight: indices
 *   epochs    count | of each pair, in order: its second, against the one before; its first, against its second
 *             | of each partition the index of its pair
 *   runs      count | first number of each, against what would follow the run before | how many follow it
 */
import { type BitReader, type BitWriter, malformed, widthOf } from './bit-stream.js';
import { NODE_COUNT_MAX, nodeIndex } from './ids.js';
import type { Member } from './ring.js';
import type { RingState } from './ring-state.js';

export interface Tables {
  readonly texts: readonly string[];
  /** Those of the ring, and of the one that it moves to. */
  readonly members: readonly Member[];
}

/** Where each thing stands in the tables that were written. */
export interface TablePlaces {
  readonly texts: ReadonlyMap<string, number>;
  readonly indexOf: (member: Member) => number;
}

/** Distinct things in the order in which they came, by what tells them apart. */
class Distinct<Item> {
  readonly items: Item[] = [];
  readonly places = new Map<string, number>();
  readonly #keyOf: (item: Item) => string;

  constructor(keyOf: (item: Item) => string) {
    this.#keyOf = keyOf;
  }

  place(item: Item): number {
    const key = this.#keyOf(item);
    let place = this.places.get(key);
    if (place === undefined) {
      place = this.items.push(item) - 1;
      this.places.set(key, place);
    }
    return place;
  }
}

type Place = Pick<Member, 'host' | 'machine' | 'zone'>;

const placeKey = ({ host, machine, zone }: Place): string => JSON.stringify([host, machine, zone]);

export function writeTables(to: BitWriter, { members, move, hosts }: RingState): TablePlaces {
  const texts = new Distinct<string>((text) => text);
  const places = new Distinct<Place>(placeKey);
  const weights = new Distinct<number>(String);
  const all = new Distinct<Member>((member) => `${member.node} ${member.weight} ${placeKey(member)}`);
  for (const member of [...members, ...(move?.members ?? [])]) {
    all.place(member);
    places.place(member);
    weights.place(member.weight);
    for (const text of [member.host, member.machine, member.zone]) texts.place(text);
  }
  for (const { host } of hosts) texts.place(host);
  writeEach(to, texts.items, (text) => to.text(text));
  writeEach(to, weights.items, (weight) => to.float(weight));
  writeEach(to, places.items, ({ host, machine, zone }) => {
    for (const text of [host, machine, zone]) to.bits(texts.place(text), widthOf(texts.items.length));
  });
  let before = -1;
  writeEach(to, all.items, (member) => {
    to.signed(member.node - before - 1);
    to.bits(places.place(member), widthOf(places.items.length));
    to.bits(weights.place(member.weight), widthOf(weights.items.length));
    before = member.node;
  });
  return { texts: texts.places, indexOf: (member) => all.place(member) };
}

function writeEach<Item>(to: BitWriter, items: readonly Item[], write: (item: Item) => void): void {
  to.number(items.length);
  items.forEach(write);
}

/** Each claims at most what the rest of the bytes, or the nodes of a cluster, allow. @throws StoreError KV_PROTOCOL */
export function readTables(from: BitReader): Tables {
  const texts = readEach(from, () => from.text());
  const weights = readEach(from, () => from.float());
  const places = readEach(from, () => ({ host: from.one(texts), machine: from.one(texts), zone: from.one(texts) }));
  let before = -1;
  const members = readEach(from, () => {
    const node = before + 1 + from.signed();
    if (node < 0 || node >= NODE_COUNT_MAX) throw malformed(`a node ${node}`);
    before = node;
    return { node: nodeIndex(node), ...from.one(places), weight: from.one(weights) };
  });
  return { texts, members };
}

/** Old and new members, each with a place of three texts of its own. */
const ITEMS_MAX = 2 * 3 * NODE_COUNT_MAX;

const readEach = <Item>(from: BitReader, read: () => Item): Item[] =>
  Array.from({ length: from.count(ITEMS_MAX) }, read);

export function writeEpochs(to: BitWriter, { begunAt, changedAt }: RingState): void {
  const pairs = new Distinct<readonly [begun: number, changed: number]>(String);
  const inOrder = changedAt.map((changed, p) => [begunAt[p], changed] as const);
  for (const pair of [...inOrder].sort((a, b) => a[1] - b[1] || a[0] - b[0])) pairs.place(pair);
  let before = 0;
  writeEach(to, pairs.items, ([begun, changed]) => {
    to.number(changed - before);
    to.signed(changed - begun);
    before = changed;
  });
  for (const pair of inOrder) to.bits(pairs.place(pair), widthOf(pairs.items.length));
}

/** @throws StoreError KV_PROTOCOL */
export function readEpochs(from: BitReader, partitions: number): Pick<RingState, 'begunAt' | 'changedAt'> {
  let changed = 0;
  const pairs = Array.from({ length: from.count(partitions) }, () => {
    changed += from.number();
    return { begun: changed - from.signed(), changed };
  });
  const inOrder = Array.from({ length: partitions }, () => from.one(pairs));
  return { begunAt: inOrder.map((pair) => pair.begun), changedAt: inOrder.map((pair) => pair.changed) };
}

/** Numbers that mostly follow one another. */
export function writeRuns(to: BitWriter, numbers: readonly number[]): void {
  const runs: { first: number; count: number }[] = [];
  for (const number of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && last.first + last.count === number) last.count++;
    else runs.push({ first: number, count: 1 });
  }
  let expected = 0;
  writeEach(to, runs, ({ first, count }) => {
    to.signed(first - expected);
    to.number(count - 1);
    expected = first + count;
  });
}

/** Numbers below `end`, at most as many as there are such. @throws StoreError KV_PROTOCOL */
export function readRuns(from: BitReader, end: number): number[] {
  const numbers: number[] = [];
  let expected = 0;
  for (let runs = from.count(end); runs > 0; runs--) {
    const first = expected + from.signed();
    expected = first + 1 + from.count(end);
    if (first < 0 || expected > end || numbers.length + expected - first > end) throw malformed('numbers out of range');
    for (let number = first; number < expected; number++) numbers.push(number);
  }
  return numbers;
}
