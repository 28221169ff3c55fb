/** Which of two marks of a storage is the newer. */
import test from 'ava';
import { isBehind, learnMarks, type NodeMark, readMark } from '../../src/core/storage-mark.js';

const mark = (replica: number, bornMs: number, sequence: number): NodeMark => ({ node: 1, replica, bornMs, sequence });

for (const [what, own, seen, behind] of [
  ['the same', mark(7, 10, 5), mark(7, 10, 5), false],
  ['a log that ends before', mark(7, 10, 4), mark(7, 10, 5), true],
  ['a log that goes on behind', mark(7, 10, 6), mark(7, 10, 5), false],
  ['an incarnation that another followed', mark(7, 10, 99), mark(8, 11, 1), true],
  ['a newer incarnation', mark(8, 11, 0), mark(7, 10, 99), false],
  ['one of an older version beside a newer one', mark(7, 0, 99), mark(8, 11, 0), true],
] as const) {
  test(`storage mark: ${what} -> ${behind ? 'is behind' : 'is not behind'}`, (t) => {
    t.is(isBehind(own, seen), behind);
  });
}

test('storage mark: marks in any order -> the newest is kept, and what is news is told', (t) => {
  const known = new Map<number, NodeMark>();
  const news = [mark(7, 10, 5), mark(7, 10, 4), mark(7, 10, 6), mark(8, 11, 0), mark(7, 10, 9)].map(
    (one) => learnMarks(known, [one]).length,
  );
  t.deepEqual(news, [1, 0, 1, 1, 0]);
  t.deepEqual(known.get(1), mark(8, 11, 0));
});

test('storage mark: plain data that is none -> undefined', (t) => {
  t.deepEqual(readMark({ ...mark(7, 10, 5), more: 1 }), mark(7, 10, 5));
  for (const value of [undefined, null, 3, {}, { ...mark(7, 10, 5), sequence: -1 }, { ...mark(7, 10, 5), node: '1' }]) {
    t.is(readMark(value), undefined);
  }
});
