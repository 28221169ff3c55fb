import test from 'ava';
import fc from 'fast-check';
import { counter, replicaId } from '../../src/core/ids.js';
import {
  compareVectors,
  covers,
  type Dot,
  emptyVector,
  mergeVectors,
  type VersionVector,
  withDot,
} from '../../src/core/version-vector.js';

const dot = (replica: number, count: number): Dot => ({ replica: replicaId(replica), counter: counter(count) });
const dots = fc.array(fc.record({ r: fc.integer({ min: 1, max: 5 }), c: fc.integer({ min: 1, max: 6 }) }), {
  maxLength: 8,
});
const vectors = dots.map((list) =>
  list.reduce<VersionVector>((vector, { r, c }) => withDot(vector, dot(r, c)), emptyVector()),
);
const everyDot = [1, 2, 3, 4, 5].flatMap((r) => [1, 2, 3, 4, 5, 6].map((c) => dot(r, c)));
const covered = (vector: VersionVector): string[] =>
  everyDot.filter((one) => covers(vector, one)).map((one) => `${one.replica}:${one.counter}`);

test('version vector: entry (r, n) -> covers every dot of r up to n and no other', (t) => {
  const vector = withDot(withDot(emptyVector(), dot(7, 3)), dot(2, 9));
  t.deepEqual(vector, [dot(2, 9), dot(7, 3)]);
  t.true(covers(vector, dot(7, 3)));
  t.true(covers(vector, dot(7, 1)));
  t.false(covers(vector, dot(7, 4)));
  t.false(covers(vector, dot(5, 1)));
  t.false(covers(emptyVector(), dot(1, 1)));
});

test('version vector: withDot of a covered dot -> the same vector', (t) => {
  const vector = withDot(emptyVector(), dot(7, 3));
  t.is(withDot(vector, dot(7, 2)), vector);
  t.deepEqual(withDot(vector, dot(7, 5)), [dot(7, 5)]);
});

test('version vector: any two -> the merge covers exactly the union', (t) => {
  fc.assert(
    fc.property(vectors, vectors, (a, b) => {
      t.deepEqual(covered(mergeVectors(a, b)), [...new Set([...covered(a), ...covered(b)])].sort());
    }),
  );
});

test('version vector: any -> sorted by replica, one entry each', (t) => {
  fc.assert(
    fc.property(vectors, vectors, (a, b) => {
      const merged = mergeVectors(a, b);
      t.true(merged.every((entry, index) => index === 0 || merged[index - 1].replica < entry.replica));
    }),
  );
});

test('version vector: any two -> their order is that of the sets of dots', (t) => {
  fc.assert(
    fc.property(vectors, vectors, (a, b) => {
      const [left, right] = [new Set(covered(a)), new Set(covered(b))];
      const isWithin = [...left].every((name) => right.has(name));
      const isAround = [...right].every((name) => left.has(name));
      const expected = isWithin ? (isAround ? 'equal' : 'before') : isAround ? 'after' : 'concurrent';
      t.is(compareVectors(a, b), expected);
    }),
  );
});
