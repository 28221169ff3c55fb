/** Gets of one turn are answered together: as each would be alone, in any company. */
import test from 'ava';
import { GatheredGets } from '../../src/client/gathered-gets.js';
import { GROUP_KEYS, NOT_PLAIN } from '../../src/client/plain-reads.js';
import { StoreError } from '../../src/core/errors.js';
import type { Key, Value } from '../../src/index.js';
import { failsWith, openSmall, shareStore } from './store-fixture.js';

const shared = shareStore(test);

/** Answers with the key in capitals; remembers how. */
class Reader {
  alone = 0;
  readonly groups: number[] = [];
  readonly #group: Key[] = [];

  getOne(key: Key): Value {
    this.alone++;
    if (key === 'broken') throw new StoreError('KV_CORRUPT', 'a broken record');
    return String(key).toUpperCase();
  }

  gather(index: number, key: Key): void {
    if (key === '') throw new StoreError('KV_INVALID_KEY', 'a key cannot be empty');
    this.#group[index] = key;
  }

  getGathered(count: number, values: unknown[]): void {
    this.groups.push(count);
    for (let i = 0; i < count; i++) {
      const key = String(this.#group[i]);
      values[i] = key.startsWith('b') ? NOT_PLAIN : key.toUpperCase();
    }
  }
}

const turn = (gets: GatheredGets, count: number): Promise<unknown[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => gets.get(`a${i}`)));

test('gathered gets: one at a time -> answered at once, but for a probe now and then', async (t) => {
  const reader = new Reader();
  const gets = new GatheredGets(reader);
  for (let i = 0; i < 640; i++) t.is(await gets.get('a'), 'A');
  t.is(reader.groups.length, 10);
  t.is(reader.alone, 630);
});

test('gathered gets: many in a turn -> groups, until they come one at a time again', async (t) => {
  const reader = new Reader();
  const gets = new GatheredGets(reader);
  await turn(gets, 100);
  t.deepEqual(reader.groups, [GROUP_KEYS, 100 - 63 - GROUP_KEYS]);
  reader.groups.length = 0;
  const answers = await turn(gets, 70);
  t.deepEqual(
    answers,
    Array.from({ length: 70 }, (_, i) => `A${i}`),
  );
  t.deepEqual(reader.groups, [GROUP_KEYS, GROUP_KEYS, 6]);
  reader.groups.length = 0;
  const { alone } = reader;
  for (let i = 0; i < 10; i++) await gets.get('a');
  t.deepEqual(reader.groups, [1]);
  t.is(reader.alone, alone + 9);
});

test('gathered gets: keys that are none, and records that cannot be read -> their own errors, the others as ever', async (t) => {
  const reader = new Reader();
  const gets = new GatheredGets(reader);
  await turn(gets, 100);
  const outcomes = await Promise.allSettled(['a', '', 'b', 'broken', 'c'].map((key) => gets.get(key)));
  const said = outcomes.map((end) => (end.status === 'fulfilled' ? end.value : (end.reason as StoreError).code));
  t.deepEqual(said, ['A', 'KV_INVALID_KEY', 'B', 'KV_CORRUPT', 'C']);
  t.is(reader.groups.at(-1), 4);
});

test('gathered gets: keys of every kind at once -> what each was written with', async (t) => {
  const store = shared();
  const written = new Map<Key, Value | undefined>([
    ['deleted', undefined],
    ['never', undefined],
    ['ключ', 'значение'],
    ['{tag}one', { tagged: true }],
    [new Uint8Array([0, 1, 255]), Buffer.from([1])],
    ['k'.repeat(1_000), 'a long key'],
  ]);
  for (let i = 0; i < 200; i++) written.set(`plain:${i}`, `value ${i}`);
  await store.put('deleted', 'once');
  await store.delete('deleted');
  const pairs = [...written].flatMap(([key, value]): [Key, Value][] => (value === undefined ? [] : [[key, value]]));
  await store.putMany(pairs);
  for (let round = 0; round < 3; round++) {
    t.deepEqual(await Promise.all([...written.keys()].map((key) => store.get(key))), [...written.values()]);
  }
});

test('gathered gets: beside getMany and getSync of the same turn -> neither takes what the other reads', async (t) => {
  const store = shared();
  const keys = Array.from({ length: 100 }, (_, i) => `beside:${i}`);
  await store.putMany(keys.map((key) => [key, key]));
  for (let round = 0; round < 3; round++) {
    const gets = keys.slice(0, 50).map((key) => store.get(key));
    const many = store.getMany(keys.slice(50));
    t.is(store.getSync('beside:99'), 'beside:99');
    t.deepEqual([...(await Promise.all(gets)), ...(await many)], keys);
  }
});

test('gathered gets: a function that resolves siblings, that reads and that throws -> its key only', async (t) => {
  const store = await openSmall(t, {
    resolve: (values) => {
      void store.get('other');
      if (values.includes('bad')) throw new RangeError('no way');
      return 'merged';
    },
  });
  for (const key of ['good', 'bad']) {
    const { context } = await store.read(key);
    await store.put(key, key, { context });
    await store.put(key, `${key} too`, { context });
  }
  await store.put('other', 'plain');
  const keys = [...Array.from({ length: 80 }, () => 'other'), 'good', 'bad', 'other'];
  const outcomes = await Promise.allSettled(keys.map((key) => store.get(key)));
  t.deepEqual(outcomes.at(-3), { status: 'fulfilled', value: 'merged' });
  t.is(outcomes.at(-2)?.status, 'rejected');
  t.true(outcomes.every((end, i) => keys[i] !== 'other' || (end.status === 'fulfilled' && end.value === 'plain')));
});

test('gathered gets: the store closed in their turn -> answered; later ones KV_CLOSED', async (t) => {
  const store = await openSmall(t);
  await store.put('key', 'value');
  await Promise.all(Array.from({ length: 200 }, () => store.get('key')));
  const late = Array.from({ length: 10 }, () => store.get('key'));
  const closing = store.close();
  await failsWith(t, 'KV_CLOSED', () => store.get('key'));
  for (const get of late) t.is(await get, 'value');
  await closing;
});
