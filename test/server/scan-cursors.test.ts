/** SCAN's cursors: bounded in number and in life. */
import test from 'ava';
import { CURSOR_LIFE_MS, CURSORS_MAX, ScanCursors } from '../../src/server/scan-cursors.js';

test('cursors: asked for again -> the same key; unknown -> undefined', (t) => {
  const cursors = new ScanCursors(() => 0);
  const key = Buffer.from('k');
  const cursor = cursors.add(key);
  key[0] = 0;
  t.is(String(cursors.keyOf(cursor)), 'k');
  t.is(String(cursors.keyOf(cursor)), 'k');
  t.is(cursors.keyOf(cursor + 1), undefined);
  t.true(Number.isSafeInteger(cursor) && cursor > 0);
});

test('cursors: more than the maximum -> the oldest goes', (t) => {
  const cursors = new ScanCursors(() => 0);
  const first = cursors.add(Buffer.from('first'));
  const second = cursors.add(Buffer.from('second'));
  for (let count = 2; count <= CURSORS_MAX; count++) cursors.add(Buffer.from('k'));
  t.is(cursors.size, CURSORS_MAX);
  t.is(cursors.keyOf(first), undefined);
  t.is(String(cursors.keyOf(second)), 'second');
});

test('cursors: beyond their life -> gone, and their room is given back', (t) => {
  let nowMs = 0;
  const cursors = new ScanCursors(() => nowMs);
  const old = cursors.add(Buffer.from('k'));
  nowMs = CURSOR_LIFE_MS;
  t.is(cursors.keyOf(old), undefined);
  cursors.add(Buffer.from('l'));
  t.is(cursors.size, 1);
});
