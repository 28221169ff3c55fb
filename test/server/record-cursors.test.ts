/** Readings that go on page by page: bounded in number and in life. */
import test from 'ava';
import type { StoredRecord } from '../../src/client/types.js';
import { READINGS_MAX, RecordCursors } from '../../src/server/record-cursors.js';
import { until } from '../client/store-fixture.js';

function reading() {
  const ends: number[] = [];
  const records: AsyncIterator<StoredRecord> = {
    next: () => Promise.resolve({ done: true, value: undefined }),
    return: () => {
      ends.push(1);
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return { records, ends };
}

test('readings: kept, taken and ended -> one user at a time, and its records end once', (t) => {
  const cursors = new RecordCursors();
  const { records, ends } = reading();
  const cursor = cursors.add(records) as number;
  t.is(cursors.take(cursor), undefined, 'its first page is being read');
  cursors.rest(cursor);
  t.is(cursors.take(cursor), records);
  t.is(cursors.take(cursor), undefined);
  cursors.rest(cursor);
  cursors.end(cursor);
  cursors.end(cursor);
  t.is(cursors.take(cursor), undefined);
  t.is(ends.length, 1);
});

test('readings: as many as there may be -> the next is not kept; room again where one ends', (t) => {
  const cursors = new RecordCursors();
  const kept = Array.from({ length: READINGS_MAX }, () => cursors.add(reading().records) as number);
  t.is(cursors.add(reading().records), undefined);
  cursors.end(kept[3]);
  t.is(typeof cursors.add(reading().records), 'number');
  cursors.close();
  t.is(cursors.size, 0);
});

test('readings: not asked for within their life -> gone; one in use stays', async (t) => {
  const cursors = new RecordCursors(20);
  const [idle, used] = [reading(), reading()];
  const cursor = cursors.add(idle.records) as number;
  cursors.rest(cursor);
  cursors.add(used.records);
  await until(() => cursors.size === 1);
  t.deepEqual([idle.ends.length, used.ends.length], [1, 0]);
  t.is(cursors.take(cursor), undefined);
});
