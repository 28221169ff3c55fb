import test from 'ava';
import {
  ChangeWatches,
  WATCH_IDLE_MS,
  WATCHED_BYTES_MAX,
  WATCHED_KEYS_MAX,
  WATCHES_MAX,
} from '../../actors/change-watches.js';
import { Rec } from '../../src/protocol/record.js';
import { encodedBytes, encodeRecord } from '../../src/protocol/record-set.js';
import { partsOf } from '../../src/sim/messages.js';
import { plain } from './sets.js';

const NAME = { owner: 7, id: 1, partition: 0 };
/** One partition. */
const SLOT_SHIFT = 14;

function recordOf(key: string): Int32Array {
  const set = plain('a', 1, 'value');
  const parts = partsOf(key);
  const words = new Int32Array(encodedBytes(parts.bytes.length, set) / 4);
  encodeRecord(words, Buffer.from(words.buffer), 0, parts, set);
  return words;
}

function setUp() {
  const watches = new ChangeWatches();
  const clock = { nowMs: 2 ** 31 - 1_000 };
  const heard: number[] = [];
  const store = watches.inFrontOf({ replaced: (_b, from, _a, to) => heard.push(from, to), replacedUnread: () => {} });
  const stage = (key: string) => store.replaced(new Int32Array(0), -1, recordOf(key), 0);
  // the node's clock is 32 bits
  const begin = (name = NAME) => watches.begin(name, SLOT_SHIFT, () => clock.nowMs | 0);
  const ask = (name = NAME) => watches.ask(name, clock.nowMs | 0);
  return { watches, clock, heard, store, stage, begin, ask };
}

test('watches: what is staged, taken back, or takes the place of what cannot be read -> noted once a key, and passed on', (t) => {
  const { heard, store, stage, begin, ask, watches } = setUp();
  stage('before');
  t.true(begin());
  stage('one');
  stage('one');
  store.replaced(recordOf('undone'), 0, new Int32Array(0), -1);
  store.replacedUnread(recordOf('unread'), 0);
  t.deepEqual([...(ask()?.changed.keys() ?? [])], ['one', 'undone', 'unread']);
  t.is(heard.length, 8);
  const marker = ask()?.changed.get('one') as Int32Array;
  const record = recordOf('one');
  t.deepEqual(
    [marker[Rec.keyHash], marker[Rec.keySlot], marker[Rec.key]],
    [record[Rec.keyHash], record[Rec.keySlot], record[Rec.key]],
  );
  watches.end(NAME);
  t.is(ask(), undefined);
  stage('after');
  t.is(heard.length, 10);
});

test('watches: another partition, another owner, another number -> a watch of its own', (t) => {
  const { begin, ask, stage } = setUp();
  begin();
  begin({ ...NAME, partition: 1 });
  begin({ ...NAME, owner: 8 });
  stage('k');
  begin({ ...NAME, id: 2 });
  const counts = [NAME, { ...NAME, partition: 1 }, { ...NAME, owner: 8 }, { ...NAME, id: 2 }, { ...NAME, id: 3 }];
  t.deepEqual(
    counts.map((name) => ask(name)?.changed.size),
    [1, 0, 1, 0, undefined],
  );
});

test('watches: more keys, or more bytes, than it notes -> overflown, and it holds none of them', (t) => {
  for (const [length, count] of [
    [1, WATCHED_KEYS_MAX],
    [1_500, Math.ceil(WATCHED_BYTES_MAX / 1_500)],
  ] as const) {
    const { begin, ask, stage } = setUp();
    begin();
    const key = (index: number) => `${index}`.padEnd(length, 'x');
    for (let index = 0; index < count - 50; index++) stage(key(index));
    t.false(ask()?.isOverflown);
    for (let index = count - 50; index <= count; index++) stage(key(index));
    t.like(ask(), { isOverflown: true, changed: { size: 0 } });
  }
});

test('watches: as many as a node may have -> the next is refused; begun again under its name -> begins anew', (t) => {
  const { begin, ask, stage, watches } = setUp();
  for (let id = 0; id < WATCHES_MAX; id++) t.true(begin({ ...NAME, id }));
  t.false(begin({ ...NAME, id: WATCHES_MAX }));
  stage('k');
  t.true(begin({ ...NAME, id: 0 }));
  t.is(ask({ ...NAME, id: 0 })?.changed.size, 0);
  t.is(watches.count, WATCHES_MAX);
});

test('watches: nobody asks any more -> ends at the next change, question or beginning; one that is asked stays', (t) => {
  const { begin, ask, stage, clock, watches } = setUp();
  begin();
  begin({ ...NAME, id: 2 });
  clock.nowMs += WATCH_IDLE_MS;
  stage('k');
  t.is(ask()?.changed.size, 1);
  clock.nowMs += 1;
  stage('l');
  t.is(watches.count, 1);
  t.is(ask({ ...NAME, id: 2 }), undefined);
  clock.nowMs += WATCH_IDLE_MS + 1;
  t.is(ask(), undefined);
  t.is(watches.count, 0);
});
