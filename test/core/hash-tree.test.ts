import test from 'ava';
import fc from 'fast-check';
import { HashTree, LEAF_BITS_MAX, LEAF_BITS_MIN, leafBitsFor } from '../../src/core/hash-tree.js';

/** What a tree takes in: a key's first digest word, and the digest of a record. */
const toggle = fc.tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer(), fc.integer());
const bitsOf = fc.integer({ min: LEAF_BITS_MIN, max: LEAF_BITS_MAX });
const treeOf = (bits: number, toggles: readonly (readonly [number, number, number])[]): HashTree => {
  const tree = new HashTree(bits);
  for (const [keyHigh, high, low] of toggles) tree.toggle(keyHigh, high, low);
  return tree;
};

test('hash tree: any order of records -> the same digests at every level', (t) => {
  fc.assert(
    fc.property(fc.array(toggle, { maxLength: 30 }), bitsOf, (list, bits) => {
      const [forth, back] = [treeOf(bits, list), treeOf(bits, list.toReversed())];
      t.is(forth.rootHigh, back.rootHigh);
      t.is(forth.rootLow, back.rootLow);
      t.true(forth.equals(back));
    }),
  );
});

test('hash tree: a record put in and taken out -> as if it had never been there', (t) => {
  fc.assert(
    fc.property(fc.array(toggle, { maxLength: 20 }), toggle, bitsOf, (list, more, bits) => {
      t.true(treeOf(bits, [more, ...list, more]).equals(treeOf(bits, list)));
    }),
  );
});

test('hash tree: trees of different depth -> equal where the records are, different where one record is not', (t) => {
  fc.assert(
    fc.property(fc.array(toggle, { maxLength: 20 }), toggle, bitsOf, bitsOf, (list, more, a, b) => {
      t.true(treeOf(a, list).equals(treeOf(b, list)));
      if (more[1] !== 0 || more[2] !== 0) t.false(treeOf(a, list).equals(treeOf(b, [...list, more])));
    }),
  );
});

test('hash tree: a level -> each node is the XOR of its children', (t) => {
  fc.assert(
    fc.property(fc.array(toggle, { maxLength: 30 }), fc.integer({ min: 0, max: 15 }), (list, bits) => {
      const tree = treeOf(LEAF_BITS_MAX, list);
      const node = (list[0]?.[0] ?? 0) >>> (32 - bits);
      const parent = bits === 0 ? 0 : node;
      const [high, low] = tree.digests({ bits, nodes: [parent] });
      const children = tree.digests({ bits: bits + 1, nodes: [2 * parent, 2 * parent + 1] });
      t.is(high, children[0] ^ children[2]);
      t.is(low, children[1] ^ children[3]);
    }),
  );
});

test('hash tree: depth -> follows the records between its bounds', (t) => {
  t.deepEqual([0, 1, 4_096, 4_097, 100_000, 1_000_000, 1e9].map(leafBitsFor), [8, 8, 8, 9, 13, 16, 16]);
  const tree = new HashTree(8);
  tree.records = 16 * 4 * 256;
  t.false(tree.isShallow);
  tree.records++;
  t.true(tree.isShallow);
});
