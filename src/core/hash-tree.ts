/**
 * A Merkle tree of one partition that every write updates in place, to find where two replicas differ.
 *
 *   level 0      root                 1 digest
 *   level 1      branches            16
 *   level 2 ..   leaves              16^depth, each the XOR of the digests of its records
 *
 * A record's digest is 64-bit and not linear, so XOR of digests is a set hash: an update takes the old digest out and
 * puts the new one in, at the leaf and at each level above, without looking at other records. A CRC would not do: it is
 * linear, so differences cancel. Merkle, 1987; Bellare, Micciancio, "A New Paradigm for Collision-Free Hashing", 1997.
 */
import { assert } from './errors.js';
import type { SiblingSet } from './siblings.js';

/** 64 bits as two unsigned 32-bit words. Zero stands for "no record". */
export interface Digest {
  readonly high: number;
  readonly low: number;
}

/** Children of a node. */
export const TREE_FANOUT = 16;
/** The digest of no record. */
export const NO_DIGEST: Digest = Object.freeze({ high: 0, low: 0 });

/** A tree of 16^depth leaves; 2 levels below the root by default: 256 leaves, 2.2 KB. */
export class HashTree {
  readonly depth: number;
  readonly leafCount: number;
  /** Levels one after the other, root first, two words a node. */
  readonly #words: Uint32Array;

  /** @param depth levels below the root, 1..4 */
  constructor(depth = 2) {
    assert(Number.isInteger(depth) && depth >= 1 && depth <= 4, 'a hash tree has 1 to 4 levels below its root');
    this.depth = depth;
    this.leafCount = TREE_FANOUT ** depth;
    this.#words = new Uint32Array(2 * levelStart(depth + 1));
  }

  /** The leaf of a record: the top bits of the digest of its key. */
  leafOf(keyDigest: Digest): number {
    return keyDigest.high >>> (32 - 4 * this.depth);
  }

  /** Replaces a record's digest in its leaf; NO_DIGEST stands for absent on either side. Depth + 1 steps, no allocation. */
  update(leaf: number, before: Digest, after: Digest): void {
    assert(leaf >= 0 && leaf < this.leafCount, 'a leaf index lies in the tree');
    let index = leaf;
    for (let level = this.depth; level >= 0; level--) {
      const at = 2 * (levelStart(level) + index);
      this.#words[at] ^= before.high ^ after.high;
      this.#words[at + 1] ^= before.low ^ after.low;
      index = Math.floor(index / TREE_FANOUT);
    }
  }

  root(): Digest {
    return this.digestAt(0, 0);
  }

  /** The digest of one node; level 0 is the root, level `depth` the leaves. */
  digestAt(level: number, index: number): Digest {
    const at = 2 * (levelStart(level) + index);
    return { high: this.#words[at], low: this.#words[at + 1] };
  }

  /** The digests of a node's children, as 2 * 16 words: what is sent to a peer that differs there. */
  branch(level: number, index: number): Uint32Array {
    assert(level >= 0 && level < this.depth, 'only nodes above the leaves have branches');
    const at = 2 * (levelStart(level + 1) + index * TREE_FANOUT);
    return this.#words.slice(at, at + 2 * TREE_FANOUT);
  }

  /** Children of a node (indices at `level + 1`) that differ from the peer's branch of the same node. */
  differing(level: number, index: number, theirs: Uint32Array): readonly number[] {
    const mine = this.branch(level, index);
    const found: number[] = [];
    for (let child = 0; child < TREE_FANOUT; child++) {
      const isSame = mine[2 * child] === theirs[2 * child] && mine[2 * child + 1] === theirs[2 * child + 1];
      if (!isSame) found.push(index * TREE_FANOUT + child);
    }
    return found;
  }

  /** Forgets every record. */
  clear(): void {
    this.#words.fill(0);
  }
}

/** Leaves in which two trees of one depth differ, by the walk that two replicas do over messages. */
export function diffLeaves(mine: HashTree, theirs: HashTree): readonly number[] {
  assert(mine.depth === theirs.depth, 'only trees of one depth can be compared');
  const [a, b] = [mine.root(), theirs.root()];
  if (a.high === b.high && a.low === b.low) return [];
  let nodes: readonly number[] = [0];
  for (let level = 0; level < mine.depth; level++) {
    nodes = nodes.flatMap((index) => mine.differing(level, index, theirs.branch(level, index)));
  }
  return nodes;
}

/** The digest of a record: key, vector, and each sibling's dot, clock and expiry. NO_DIGEST for a key never written. */
export function recordDigest(key: Uint8Array, set: SiblingSet): Digest {
  if (set.vector.length === 0) return NO_DIGEST;
  const mixer = new Mixer();
  mixer.addBytes(key);
  mixer.addWord(set.vector.length);
  for (const { replica, counter } of set.vector) {
    mixer.addNumber(replica);
    mixer.addNumber(counter);
  }
  for (const { dot, clock, expiresAtMs } of set.siblings) {
    mixer.addNumber(dot.replica);
    mixer.addNumber(dot.counter);
    mixer.addNumber(clock);
    mixer.addNumber(expiresAtMs);
  }
  return mixer.finish();
}

/** The digest of a key alone: it says which leaf the record belongs to. */
export function keyDigest(key: Uint8Array): Digest {
  const mixer = new Mixer();
  mixer.addBytes(key);
  return mixer.finish();
}

/** Two 32-bit lanes with multiplications (as in MurmurHash3), crossed at the end. */
class Mixer {
  #a = 0x243f6a88;
  #b = 0x85a308d3;

  addWord(word: number): void {
    const a = Math.imul(this.#a ^ Math.imul(word, 0xcc9e2d51), 0x1b873593);
    const b = Math.imul(this.#b ^ Math.imul(word ^ 0x9e3779b9, 0x85ebca6b), 0xc2b2ae35);
    this.#a = ((a << 13) | (a >>> 19)) + 0xe6546b64 + b;
    this.#b = ((b << 17) | (b >>> 15)) + 0x38495ab5 + a;
  }

  /** A safe integer that is not negative, as two words. */
  addNumber(value: number): void {
    this.addWord(value >>> 0);
    this.addWord(Math.floor(value / 4_294_967_296));
  }

  addBytes(bytes: Uint8Array): void {
    this.addWord(bytes.length);
    const whole = bytes.length & ~3;
    for (let at = 0; at < whole; at += 4) {
      this.addWord(bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    }
    let rest = 0;
    for (let at = whole; at < bytes.length; at++) rest |= bytes[at] << (8 * (at - whole));
    if (whole < bytes.length) this.addWord(rest);
  }

  finish(): Digest {
    const high = avalanche(this.#a ^ Math.imul(this.#b, 0x9e3779b1));
    const low = avalanche(this.#b ^ Math.imul(high, 0x85ebca77));
    return { high, low };
  }
}

function avalanche(word: number): number {
  let hash = word;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Nodes above a level: 0, 1, 17, 273, 4369. */
function levelStart(level: number): number {
  return (TREE_FANOUT ** level - 1) / (TREE_FANOUT - 1);
}
