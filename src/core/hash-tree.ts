/**
 * A Merkle tree of one partition that every write updates in place, to find where two replicas differ.
 *
 *   root     XOR of all digests
 *   level b  2^b nodes: each the XOR of the leaves below it, computed when asked for
 *   leaves   2^bits, 8 to 16 bits: each the XOR of the digests of the records whose keys' digests begin with its index
 *
 * A record's digest is 64-bit and not linear (protocol/record-digest.ts), so XOR of digests is a set hash: an update takes
 * the old digest out and puts the new one in, without looking at other records. Trees of different depth compare at any
 * level that both have. Merkle, 1987; Bellare, Micciancio, "A New Paradigm for Collision-Free Hashing", 1997.
 */
import { assert } from './errors.js';

/** Leaves of the smallest and of the largest tree, as powers of two: 2 KB and 512 KB. */
export const LEAF_BITS_MIN = 8;
export const LEAF_BITS_MAX = 16;
/** Records that a leaf should hold: with more, listing a leaf that differs costs more than the tree saves. */
const LEAF_RECORDS = 16;
/** A tree is too shallow when its leaves hold this many times that. */
const SHALLOW_FACTOR = 4;

/** Depth of a tree for about this many records. */
export function leafBitsFor(records: number): number {
  const bits = Math.ceil(Math.log2(Math.max(1, records) / LEAF_RECORDS));
  return Math.min(LEAF_BITS_MAX, Math.max(LEAF_BITS_MIN, bits));
}

export class HashTree {
  readonly bits: number;
  /** Records that it stands for. */
  records = 0;
  /** Digest of everything, as two signed words. */
  rootHigh = 0;
  rootLow = 0;
  readonly #leaves: Int32Array;

  /** @param bits depth, LEAF_BITS_MIN..LEAF_BITS_MAX */
  constructor(bits = LEAF_BITS_MIN) {
    assert(bits >= LEAF_BITS_MIN && bits <= LEAF_BITS_MAX, 'a hash tree has 8 to 16 bits of depth');
    this.bits = bits;
    this.#leaves = new Int32Array(2 << bits);
  }

  /** Puts a record in, or takes it out, XOR being its own inverse; `keyHigh`: the first word of its key's digest. */
  toggle(keyHigh: number, high: number, low: number): void {
    const at = (keyHigh >>> (32 - this.bits)) << 1;
    this.#leaves[at] ^= high;
    this.#leaves[at + 1] ^= low;
    this.rootHigh ^= high;
    this.rootLow ^= low;
  }

  /** Whether the records have outgrown the leaves. */
  get isShallow(): boolean {
    return this.bits < LEAF_BITS_MAX && this.records > (LEAF_RECORDS * SHALLOW_FACTOR) << this.bits;
  }

  /** Digests of these nodes of a level, two words each, in their order. */
  digests(level: Level): Int32Array {
    assert(level.bits <= this.bits, 'a tree has no level below its leaves');
    const below = this.bits - level.bits;
    const found = new Int32Array(2 * level.nodes.length);
    for (const [place, node] of level.nodes.entries()) {
      const end = (node + 1) << (below + 1);
      for (let at = node << (below + 1); at < end; at += 2) {
        found[2 * place] ^= this.#leaves[at];
        found[2 * place + 1] ^= this.#leaves[at + 1];
      }
    }
    return found;
  }

  /** The same tree with fewer leaves; itself where it has no more than that. */
  folded(bits: number): HashTree {
    if (bits >= this.bits) return this;
    const tree = new HashTree(bits);
    tree.#leaves.set(this.digests({ bits, nodes: allNodes(bits) }));
    tree.records = this.records;
    tree.rootHigh = this.rootHigh;
    tree.rootLow = this.rootLow;
    return tree;
  }

  /** Whether another tree stands for the same records. Trees of different depth are compared where both have nodes. */
  equals(other: HashTree): boolean {
    const bits = Math.min(this.bits, other.bits);
    const level = { bits, nodes: allNodes(bits) };
    const theirs = other.digests(level);
    return this.digests(level).every((word, index) => word === theirs[index]);
  }
}

/** Some nodes of one level of a tree: level b has 2^b of them. */
export interface Level {
  readonly bits: number;
  readonly nodes: readonly number[];
}

/** Every node of a level. */
export const allNodes = (bits: number): number[] => Array.from({ length: 1 << bits }, (_, node) => node);
