/**
 * One step of the claim: from a placement to one that fits a ring map, moving as few replicas as fairness allows.
 *
 * Holders that left, or that are too many in their failure domain, host or zone, give up their seats; empty seats go to the
 * nodes that lack most; then each node below its fair share takes partitions from those above theirs, in the order of its
 * own hash scores (rendezvous); what no direct exchange can level goes along chains of exchanges. Shares end within one
 * replica, or 2 % of fair; where that has copied more than a tenth beyond what cannot be avoided, copies are taken back for
 * as long as all stay within one replica, or 5 % (cycle-cancelling.ts). Thaler, Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998 (scores); Mirrokni,
 * Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018 (bounds); chains are augmenting paths of a flow.
 */
import { cancelCycles } from './cycle-cancelling.js';
import { shareOut } from './fair-share.js';
import { type Books, copiesOf, exchange, holdings, lacks, type Seats, score } from './seats.js';
import { domainsOf, hasRoom, type Level, levelsOf } from './spread.js';

/** A step copies at most so many times what the least would be. */
const COPIES_RATIO_MAX = 1.1;

/** Levels the seats. Where there are fewer than n domains each partition gets as many holders as there are domains. */
export function rebalance(seats: Seats): void {
  const { n, weights, groups, lists } = seats;
  const fair = shareOut(weights, groups[0], lists.length, n);
  const levels = levelsOf(groups, fair, lists.length, n);
  const books: Books = {
    ...seats,
    loads: weights.map(() => 0),
    fair,
    levels,
    before: lists.map((list) => list.slice()),
  };
  const held = countHeld(books);
  const floors = fair.map((share, position) => floorOf(share, held[position]));
  for (const list of lists) vacate(books, list);
  const least = leastCopies(books, floors, held);
  fillSeats(books, domainsOf(groups));
  const hungry = weights
    .map((_, position) => position)
    .filter((position) => lacks(books, position) > tolerance(books, position));
  hungry.sort((a, b) => books.loads[a] / books.fair[a] - books.loads[b] / books.fair[b] || a - b);
  for (const position of hungry) takeShare(books, position);
  for (let position = 0; position < weights.length; position++) levelByChains(books, position);
  const copiesMax = Math.floor(COPIES_RATIO_MAX * least + SLACK);
  if (copiesOf(books) > copiesMax) cancelCycles(books, { floors, ceilings: fair.map(ceilingOf), copiesMax });
}

function countHeld({ weights, lists }: Seats): number[] {
  const held = weights.map(() => 0);
  for (const list of lists) for (const position of list) if (position < held.length) held[position]++;
  return held;
}

/** Drops holders that left, that find no room beside those before them, or that are one too many. */
function vacate({ n, weights, levels, loads }: Books, list: number[]): void {
  let kept = 0;
  for (const position of list) {
    if (!(position < weights.length) || kept === n || !hasRoom(levels, list, NOBODY, position, kept)) continue;
    list[kept++] = position;
    loads[position]++;
  }
  list.length = kept;
}

const NOBODY = -1;

function fillSeats(books: Books, domains: Level): void {
  const { n, levels, lists, loads } = books;
  const depth = Math.min(n, domains.limits.length);
  lists.forEach((list, partition) => {
    while (list.length < depth) {
      let best = neediest(books, levels, partition);
      // only where a host is in two zones: what does not nest may leave a list that cannot be completed
      if (best < 0) best = neediest(books, [domains], partition);
      list.push(best);
      loads[best]++;
    }
  });
}

/** Who lacks most, for its weight, of those that a partition has room for; equals by score. */
function neediest(books: Books, levels: readonly Level[], partition: number): number {
  const { names, lists, weights } = books;
  let best = -1;
  for (let position = 0; position < weights.length; position++) {
    if (!hasRoom(levels, lists[partition], NOBODY, position)) continue;
    const lead = best < 0 ? 1 : lacks(books, position) / weights[position] - lacks(books, best) / weights[best];
    if (lead > 0 || (lead === 0 && score(partition, names[position]) > score(partition, names[best]))) best = position;
  }
  return best;
}

function takeShare(books: Books, taker: number): void {
  const { fair, lists, loads, names } = books;
  const quota = Math.round(fair[taker]);
  const order = partitionsByScore(lists.length, names[taker]);
  for (const surplusMin of [0.5, 0]) {
    for (const partition of order) {
      if (loads[taker] >= quota) return;
      const list = lists[partition];
      const seat = seatFor(books, list, taker);
      if (seat >= 0 && -lacks(books, list[seat]) > surplusMin) exchange(books, list, seat, taker);
    }
  }
}

/** The holder that gives way: of those that leave room for the taker the one furthest above its fair share; -1 if none. */
function seatFor(books: Books, list: readonly number[], taker: number): number {
  let best = -1;
  for (let seat = 0; seat < list.length; seat++) {
    if (list[seat] === taker) return -1;
    if (!hasRoom(books.levels, list, list[seat], taker)) continue;
    if (best < 0 || lacks(books, list[seat]) < lacks(books, list[best])) best = seat;
  }
  return best;
}

function levelByChains(books: Books, position: number): void {
  while (Math.abs(lacks(books, position)) > tolerance(books, position)) {
    const isHungry = lacks(books, position) > 0;
    const chain = isHungry
      ? findChain(
          books,
          (giver) => lacks(books, giver) < 0,
          (taker) => taker === position,
        )
      : findChain(
          books,
          (giver) => giver === position,
          (taker) => lacks(books, taker) > 0,
        );
    if (chain.length === 0) return;
    for (const { partition, giver, taker } of chain) {
      const list = books.lists[partition];
      exchange(books, list, list.indexOf(giver), taker);
    }
  }
}

interface Exchange {
  readonly partition: number;
  readonly giver: number;
  readonly taker: number;
}

/**
 * The chain of exchanges from a giver to a taker that copies least, the last exchange first; empty where there is none.
 * An exchange is free where the taker held the partition before this step, or the giver did not.
 */
function findChain(books: Books, isSource: (p: number) => boolean, isTarget: (p: number) => boolean): Exchange[] {
  const positions = books.weights.map((_, position) => position);
  const search: Search = {
    reachedBy: positions.map(() => undefined),
    isSeen: positions.map(isSource),
    held: holdings(books),
  };
  let level = positions.filter(isSource);
  while (level.length > 0) {
    const next: number[] = [];
    for (const isFree of [true, false]) {
      for (let at = 0; at < level.length; at++) {
        const end = reachFrom(books, search, level[at], isFree, isTarget, isFree ? level : next);
        if (end >= 0) return traceBack(search.reachedBy, end);
      }
    }
    level = next;
  }
  return [];
}

interface Search {
  readonly reachedBy: (Exchange | undefined)[];
  readonly isSeen: boolean[];
  readonly held: readonly (readonly number[])[];
}

/** Reaches every taker that one giver can hand a partition to, free or at a copy; the target among them, or -1. */
function reachFrom(
  { weights, lists, levels, before }: Books,
  { reachedBy, isSeen, held }: Search,
  giver: number,
  isFree: boolean,
  isTarget: (position: number) => boolean,
  reached: number[],
): number {
  for (const partition of held[giver]) {
    if (isOnChain(reachedBy, giver, partition)) continue;
    const isBack = isFree && before[partition].includes(giver);
    const count = isBack ? before[partition].length : weights.length;
    for (let index = 0; index < count; index++) {
      const taker = isBack ? before[partition][index] : index;
      if (isSeen[taker] !== false || !hasRoom(levels, lists[partition], giver, taker)) continue;
      isSeen[taker] = true;
      reachedBy[taker] = { partition, giver, taker };
      if (isTarget(taker)) return taker;
      reached.push(taker);
    }
  }
  return -1;
}

/** A chain touches a partition once: two exchanges in one could go beyond a limit together. */
function isOnChain(reachedBy: Search['reachedBy'], end: number, partition: number): boolean {
  for (let link = reachedBy[end]; link !== undefined; link = reachedBy[link.giver]) {
    if (link.partition === partition) return true;
  }
  return false;
}

function traceBack(reachedBy: readonly (Exchange | undefined)[], end: number): Exchange[] {
  const chain: Exchange[] = [];
  for (let link = reachedBy[end]; link !== undefined; link = reachedBy[link.giver]) chain.push(link);
  return chain;
}

/** What no placement within the bounds can do without: the empty seats, and what each position held too little before. */
function leastCopies({ n, groups, lists }: Books, floors: readonly number[], held: readonly number[]): number {
  const depth = Math.min(n, domainsOf(groups).limits.length);
  const empty = lists.reduce((sum, list) => sum + depth - list.length, 0);
  const short = floors.reduce((sum, floor, position) => sum + Math.max(0, floor - held[position]), 0);
  return Math.max(empty, short);
}

/** The fewest replicas of a position: its fair share where it held too little for the bounds, else what those allow. */
function floorOf(fair: number, held: number): number {
  const floor = Math.ceil(fair - wideTolerance(fair) - SLACK);
  return held < floor ? Math.round(fair) : floor;
}

const ceilingOf = (fair: number): number => Math.floor(fair + wideTolerance(fair) + SLACK);

/** Shares are sums of fractions: a whole number may come out a little beside itself. */
const SLACK = 1e-6;

const wideTolerance = (fair: number): number => Math.max(1, 0.05 * fair);

function tolerance({ fair }: Books, position: number): number {
  return Math.max(1, 0.02 * fair[position]);
}

function partitionsByScore(partitions: number, name: number): number[] {
  const keys = new Float64Array(partitions);
  for (let partition = 0; partition < partitions; partition++) {
    keys[partition] = score(partition, name) * partitions + partition;
  }
  keys.sort();
  return Array.from(keys, (key) => key % partitions);
}
