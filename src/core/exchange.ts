/**
 * How two replicas find what they differ in, as data: which nodes of their trees to compare next, which to list the keys
 * of, and which records then travel which way. Nothing here sends; actors/exchange.ts does what this decides.
 *
 *   roots -> 256 nodes -> their children, where few differ ... -> the keys of the nodes that differ, in key order -> records
 *
 * DeCandia et al., "Dynamo", SOSP 2007, section 4.7.
 */
import { allNodes, LEAF_BITS_MIN, type Level } from './hash-tree.js';

/** Where the walk begins below the roots: a level that every tree has. */
export const FIRST_LEVEL: Level = {
  bits: LEAF_BITS_MIN,
  nodes: allNodes(LEAF_BITS_MIN),
};
/** Bits by which the walk goes deeper at a time. */
const STEP_BITS = 4;
/** Where more nodes than this differ, their keys are listed at once: there is too much to find to be choosy. */
const DESCEND_NODES_MAX = 64;

export type WalkStep =
  | { readonly kind: 'equal' }
  | { readonly kind: 'compare'; readonly level: Level }
  | { readonly kind: 'list'; readonly level: Level };

/** The nodes of a level whose digests, two words each, are not the same. */
export function differingNodes(level: Level, mine: Int32Array, theirs: Int32Array): readonly number[] {
  return level.nodes.filter((_, i) => mine[2 * i] !== theirs[2 * i] || mine[2 * i + 1] !== theirs[2 * i + 1]);
}

/** What follows when these nodes of a level differ; `bitsMax`: depth of the shallower tree. */
export function nextStep(bits: number, differing: readonly number[], bitsMax: number): WalkStep {
  if (differing.length === 0) return { kind: 'equal' };
  if (bits >= bitsMax || differing.length > DESCEND_NODES_MAX) {
    return { kind: 'list', level: { bits, nodes: differing } };
  }
  const step = Math.min(STEP_BITS, bitsMax - bits);
  const nodes = differing.flatMap((node) => Array.from({ length: 1 << step }, (_, child) => (node << step) + child));
  return { kind: 'compare', level: { bits: bits + step, nodes } };
}

/** Whether keys lie below certain nodes of a tree. */
export class NodeSet {
  readonly #shift: number;
  readonly #has: Uint8Array;

  constructor({ bits, nodes }: Level) {
    this.#shift = 32 - bits;
    this.#has = new Uint8Array(1 << bits);
    for (const node of nodes) this.#has[node] = 1;
  }

  /** `keyHigh`: the first word of the key's digest. */
  has(keyHigh: number): boolean {
    return this.#has[keyHigh >>> this.#shift] === 1;
  }
}

/** A record as replicas list it to each other. */
export interface Entry {
  readonly key: Uint8Array;
  readonly high: number;
  readonly low: number;
  /** Of a plain record, whose versions by one replica follow each other; 0 otherwise. */
  readonly replica: number;
  readonly counter: number;
}

/** Where a key's record has to go; both ways where neither side is known to hold all that the other does. */
export type Verdict = 'same' | 'send' | 'fetch' | 'both';

/** What to do about one key, from what each side holds. */
export function judge(mine: Entry | undefined, theirs: Entry | undefined): Verdict {
  if (mine === undefined) return theirs === undefined ? 'same' : 'fetch';
  if (theirs === undefined) return 'send';
  if (mine.high === theirs.high && mine.low === theirs.low) return 'same';
  if (mine.replica === 0 || mine.replica !== theirs.replica) return 'both';
  return mine.counter > theirs.counter ? 'send' : 'fetch';
}

/** Merges two lists in key order: the other side's, which is known, and this side's as it is read. */
export class PageMerge {
  readonly #theirs: readonly Entry[];
  readonly #onMissing: (key: Uint8Array) => void;
  #next = 0;

  /** `onMissing`: told of each key that only the other side has. */
  constructor(theirs: readonly Entry[], onMissing: (key: Uint8Array) => void) {
    this.#theirs = theirs;
    this.#onMissing = onMissing;
  }

  /** What to do about this side's next key. */
  add(mine: Entry): Verdict {
    let order = this.#order(mine.key);
    for (; order < 0; order = this.#order(mine.key)) this.#onMissing(this.#theirs[this.#next++].key);
    return order > 0 ? 'send' : judge(mine, this.#theirs[this.#next++]);
  }

  /** This side has no more. */
  end(): void {
    while (this.#next < this.#theirs.length) this.#onMissing(this.#theirs[this.#next++].key);
  }

  /** Order of the other side's next key against this one; 1 where it has no more. */
  #order(key: Uint8Array): number {
    return this.#next === this.#theirs.length ? 1 : compareKeys(this.#theirs[this.#next].key, key);
  }
}

/** Byte order of two keys. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i] - b[i];
  return a.length - b.length;
}
