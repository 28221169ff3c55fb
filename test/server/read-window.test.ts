/** How many keys a connection's reads may wait for, by the size of the values that came. */
import test from 'ava';
import { ReadWindow } from '../../src/server/read-window.js';

const MIB = 1024 * 1024;

/** How many reads of one key may begin together. */
function room(window: ReadWindow): number {
  let count = 0;
  while (count < 2_000 && window.hasRoom(1)) {
    window.enter(1);
    count += 1;
  }
  for (let index = 0; index < count; index++) window.leave(1, undefined);
  return count;
}

function read(window: ReadWindow, keys: number, bytes: number | undefined): void {
  window.enter(keys);
  window.leave(keys, bytes);
}

test('read window: nothing has come yet -> few; small values -> many; a large one -> few at once', (t) => {
  const window = new ReadWindow();
  t.is(room(window), 16);
  for (let index = 0; index < 100; index++) read(window, 1, 100);
  t.is(room(window), 2_000);
  read(window, 1, MIB);
  t.is(room(window), 4);
  read(window, 256, 256 * 100);
  t.is(room(window), 2_000);
});

test('read window: some large values among small ones -> as many as come to 4 MiB', (t) => {
  const window = new ReadWindow();
  for (let index = 0; index < 8; index++) {
    read(window, 1, MIB);
    for (let small = 0; small < 20; small++) read(window, 1, 0);
  }
  t.true(room(window) > 8 && room(window) < 20, `${room(window)}`);
});

test('read window: a read that failed -> says nothing; one of more keys than fit -> begins alone', (t) => {
  const window = new ReadWindow();
  read(window, 1, undefined);
  t.is(room(window), 16);
  t.true(window.hasRoom(10_000));
  window.enter(10_000);
  t.false(window.hasRoom(1));
  window.leave(10_000, 0);
  t.true(window.hasRoom(1));
});
