/**
 * The trees of a node's partitions: none until somebody compares, then built by a pass over the partition in slices, then
 * kept by every record that the store stages. A tree may be built anew beside the one in use, deeper, or to verify it.
 *
 *   keys     a ......... k | l ........ z      the pass has met everything up to k
 *   writes   update it     | leave it to the pass
 *
 * Memory: 8 bytes for each leaf, 2 KB to 512 KB a partition, about half a byte a key; and 512 KB while one is built.
 */
import type { RecordWatch, Store } from '../src/actor/ports.js';
import { compareKeys } from '../src/core/exchange.js';
import { HashTree, LEAF_BITS_MAX, leafBitsFor } from '../src/core/hash-tree.js';
import type { PartitionId } from '../src/core/ids.js';
import { Flag, slotOfRecord } from '../src/protocol/record.js';
import { keyAt, keyView, RecordDigester } from '../src/protocol/record-digest.js';

export interface TreesLayout {
  readonly slotShift: number;
  readonly partitions: number;
}

/** In a record's first word. */
const MAY_DIE = (Flag.tombstone | Flag.expires | Flag.set) << 24;

interface Building {
  readonly tree: HashTree;
  /** The last key that the pass has met; undefined before the first. */
  after: Uint8Array | undefined;
  /** It met a record that cannot be read: what it was, only the tree in use tells. */
  isPartial: boolean;
}

interface Trees {
  tree: HashTree | undefined;
  /** The tree in use lacks a record that cannot be read. */
  isPartial: boolean;
  building: Building | undefined;
}

/** How a slice of a pass ended: with more to come, or with a tree that differs from the one kept so far, or does not. */
export type SliceEnd = 'more' | 'built' | 'differs';

export class PartitionTrees implements RecordWatch {
  readonly #store: Store;
  readonly #slotShift: number;
  readonly #mayHoldDead: Uint8Array;
  readonly #trees: (Trees | undefined)[];
  readonly #digester = new RecordDigester();

  /** `mayHoldDead`: marked for partitions in which a tombstone, or a value that expires, is staged. */
  constructor(store: Store, { slotShift, partitions }: TreesLayout, mayHoldDead: Uint8Array) {
    this.#store = store;
    this.#slotShift = slotShift;
    this.#mayHoldDead = mayHoldDead;
    this.#trees = new Array(partitions + 1).fill(undefined);
  }

  /** The tree that stands for all of the partition, or undefined while there is none. */
  of(partition: number): HashTree | undefined {
    return this.#trees[partition]?.tree;
  }

  /** Whether the partition holds records that its tree lacks, since they cannot be read. */
  isPartial(partition: number): boolean {
    return this.#trees[partition]?.isPartial === true;
  }

  /** Begins to build the partition's tree, unless that is under way; the one in use stays so meanwhile. */
  begin(partition: number): void {
    const trees = this.#trees[partition] ?? { tree: undefined, isPartial: false, building: undefined };
    this.#trees[partition] = trees;
    trees.building ??= { tree: new HashTree(LEAF_BITS_MAX), after: undefined, isPartial: false };
  }

  /** Takes in the partition's next records, at most `records`. `onDamaged`: keys that cannot be read. */
  advance(partition: PartitionId, records: number, onDamaged: (key: Uint8Array) => void): SliceEnd {
    const trees = this.#trees[partition];
    if (trees?.building === undefined) return 'built';
    const { building } = trees;
    const { after } = building;
    let last: Uint8Array | undefined;
    const onCorrupt = (key: Uint8Array) => {
      building.isPartial = true;
      onDamaged(key);
    };
    const more = this.#store.page(
      partition,
      { ...(after !== undefined && { gt: after }), limit: records, onCorrupt },
      (words, at) => {
        this.#digester.replace(building.tree, words, -1, words, at);
        last = keyAt(words, at);
        return true;
      },
    );
    building.after = last ?? after;
    if (more) return 'more';
    const differs = trees.tree !== undefined && !building.isPartial && !trees.tree.equals(building.tree);
    trees.tree = building.tree.folded(leafBitsFor(building.tree.records));
    trees.isPartial = building.isPartial;
    trees.building = undefined;
    return differs ? 'differs' : 'built';
  }

  /** Forgets the partition's tree: it is built anew when somebody compares. */
  drop(partition: number): void {
    this.#trees[partition] = undefined;
  }

  replaced(before: Int32Array, from: number, after: Int32Array, to: number): void {
    const words = from >= 0 ? before : after;
    const at = from >= 0 ? from : to;
    const partition = slotOfRecord(words, at) >>> this.#slotShift;
    if (to >= 0 && (after[to] & MAY_DIE) !== 0) this.#mayHoldDead[partition] = 1;
    const trees = this.#trees[partition];
    if (trees === undefined) return;
    if (trees.tree !== undefined) this.#digester.replace(trees.tree, before, from, after, to);
    if (trees.building === undefined || !isMet(trees.building, words, at)) return;
    this.#digester.replace(trees.building.tree, before, from, after, to);
  }

  replacedUnread(words: Int32Array, at: number): void {
    this.drop(slotOfRecord(words, at) >>> this.#slotShift);
  }
}

/** Whether the pass is past the key of the record at this word. */
function isMet({ after }: Building, words: Int32Array, at: number): boolean {
  return after !== undefined && compareKeys(keyView(words, at), after) <= 0;
}
