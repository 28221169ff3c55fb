import test from 'ava';
import fc from 'fast-check';
import { type Digest, diffLeaves, HashTree, keyDigest, NO_DIGEST, recordDigest } from '../../src/core/hash-tree.js';
import { type Clock, clock, counter, replicaId } from '../../src/core/ids.js';
import { emptySet, type SiblingSet, writeSibling } from '../../src/core/siblings.js';

function record(replica: number, count: number, at: Clock = clock(7), expiresAtMs = 0): SiblingSet {
  const dot = { replica: replicaId(replica), counter: counter(count) };
  return writeSibling(emptySet(), undefined, {
    dot,
    clock: at,
    expiresAtMs,
    tombstone: false,
    tag: 0,
    value: new Uint8Array(),
  });
}

const key = (text: string): Uint8Array => Buffer.from(text);
const put = (tree: HashTree, name: string, before: SiblingSet, after: SiblingSet): void =>
  tree.update(tree.leafOf(keyDigest(key(name))), recordDigest(key(name), before), recordDigest(key(name), after));
const names = fc.string({ minLength: 1, maxLength: 6 });

for (const depth of [1, 2, 3, 4]) {
  test(`hash tree: depth ${depth}, any two sets of records -> the differing leaves are found, and no others`, (t) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.boolean(), fc.boolean()), { maxLength: 12 }), (list) => {
        const [mine, theirs] = [new HashTree(depth), new HashTree(depth)];
        const expected = new Set<number>();
        for (const [name, inMine, inTheirs] of new Map(list.map((item) => [item[0], item])).values()) {
          if (inMine) put(mine, name, emptySet(), record(1, 1));
          if (inTheirs) put(theirs, name, emptySet(), record(1, 1));
          if (inMine !== inTheirs) expected.add(mine.leafOf(keyDigest(key(name))));
        }
        t.deepEqual(
          diffLeaves(mine, theirs),
          [...expected].sort((a, b) => a - b),
        );
      }),
      { numRuns: 40 },
    );
  });
}

test('hash tree: any order of updates -> the same root as one pass over what is left', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(names, fc.nat(3)), { maxLength: 20 }), (list) => {
      const [moving, rebuilt] = [new HashTree(), new HashTree()];
      const held = new Map<string, SiblingSet>();
      for (const [name, count] of list) {
        const after = count === 0 ? emptySet() : record(1, count);
        put(moving, name, held.get(name) ?? emptySet(), after);
        held.set(name, after);
      }
      for (const [name, set] of held) put(rebuilt, name, emptySet(), set);
      t.deepEqual(moving.root(), rebuilt.root());
      t.deepEqual(diffLeaves(moving, rebuilt), []);
    }),
  );
});

test('hash tree: branch -> what the walk over messages compares', (t) => {
  const [mine, theirs] = [new HashTree(), new HashTree()];
  put(theirs, 'a', emptySet(), record(1, 1));
  const leaf = mine.leafOf(keyDigest(key('a')));
  t.deepEqual(mine.differing(0, 0, theirs.branch(0, 0)), [leaf >> 4]);
  t.deepEqual(mine.differing(1, leaf >> 4, theirs.branch(1, leaf >> 4)), [leaf]);
  theirs.clear();
  t.deepEqual(theirs.root(), NO_DIGEST);
});

test('record digest: key, dot, clock, expiry, vector -> each changes it; an absent record is zero', (t) => {
  const base = record(1, 1);
  const more: SiblingSet = { ...base, vector: record(2, 1).vector };
  const seen = [
    recordDigest(key('a'), base),
    recordDigest(key('b'), base),
    recordDigest(key('a\0'), base),
    recordDigest(key('a'), record(1, 2)),
    recordDigest(key('a'), record(2, 1)),
    recordDigest(key('a'), record(1, 1, clock(8))),
    recordDigest(key('a'), record(1, 1, clock(7 + 2 ** 40))),
    recordDigest(key('a'), record(1, 1, clock(7), 9)),
    recordDigest(key('a'), more),
  ];
  t.is(new Set(seen.map(({ high, low }) => `${high}:${low}`)).size, seen.length);
  t.deepEqual(recordDigest(key('a'), emptySet()), NO_DIGEST);
});

test('record digest: not linear -> XOR over a square of keys and counters does not cancel', (t) => {
  const xor = (digests: Digest[]): number => digests.reduce((sum, { high, low }) => sum ^ high ^ low, 0);
  for (let count = 2; count < 200; count++) {
    t.not(xor(['a', 'b'].flatMap((name) => [1, count].map((c) => recordDigest(key(name), record(1, c))))), 0);
  }
});

test('record digest: 20,000 keys -> no collision in either word beyond chance, leaves evenly filled', (t) => {
  const tree = new HashTree();
  const highs = new Set<number>();
  const lows = new Set<number>();
  const filled = new Array<number>(tree.leafCount).fill(0);
  for (let index = 0; index < 20_000; index++) {
    const { high, low } = recordDigest(key(`key-${index}`), record(1, 1));
    highs.add(high);
    lows.add(low);
    filled[tree.leafOf(keyDigest(key(`key-${index}`)))]++;
  }
  t.true(highs.size > 19_990 && lows.size > 19_990);
  t.true(Math.min(...filled) > 40 && Math.max(...filled) < 130);
});
