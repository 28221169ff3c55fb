import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import type { Key, Store, Value } from '../../src/index.js';
import { openSmall, shareStore } from './store-fixture.js';

const shared = shareStore(test);

const oneByOne = async (store: Store, keys: readonly Key[]): Promise<(Value | undefined)[]> => {
  const values: (Value | undefined)[] = [];
  for (const key of keys) values.push(await store.get(key));
  return values;
};

const LONG = 'k'.repeat(1_000);

test('plain reads: one group of keys of every kind -> what each was written with', async (t) => {
  const store = shared();
  const written: [Key, Value][] = [
    ['ascii', 'one'],
    ['empty', ''],
    ['{tag}one', 'tagged'],
    ['ключ', 'значение'],
    [new Uint8Array([0, 1, 255]), 'bytes as a key'],
    ['bytes', Buffer.from([0, 128, 255])],
    ['cbor', { list: [1, 'two', null], at: new Date(0) }],
    [LONG, 'a long key'],
    ['sixty-four bytes are the longest key that a group takes, exactly', 'x'.repeat(3_000)],
  ];
  await store.putMany(written);
  await store.put('deleted', 'once');
  await store.delete('deleted');
  await store.put('lasting', 'for a while', { ttlMs: 600_000 });
  await store.put('expired', 'for a moment', { ttlMs: 1 });
  await sleep(5);
  const keys = [...written.map(([key]) => key), 'deleted', 'lasting', 'expired', 'never'];
  const values = await store.getMany(keys);
  t.deepEqual(values, [...written.map(([, value]) => value), undefined, 'for a while', undefined, undefined]);
  t.deepEqual(values, await oneByOne(store, keys));
});

test('plain reads: groups of any length, with keys that come twice -> values in the order of the keys', async (t) => {
  const store = shared();
  const names = Array.from({ length: 100 }, (_, i) => `ordered:${i}`);
  await store.putMany(names.map((name) => [name, `value of ${name}`]));
  const draws = fc.array(fc.nat(120), { maxLength: 150 });
  await fc.assert(
    fc.asyncProperty(draws, async (indices) => {
      const values = await store.getMany(indices.map((index) => `ordered:${index}`));
      const wanted = indices.map((index) => (index < 100 ? `value of ordered:${index}` : undefined));
      t.deepEqual(values, wanted);
    }),
    { numRuns: 50 },
  );
});

test('plain reads: plain records in memory -> answered without a message, and counted', async (t) => {
  const store = await openSmall(t);
  const keys = Array.from({ length: 70 }, (_, i) => `counted:${i}`);
  await store.putMany(keys.map((key) => [key, key]));
  t.deepEqual(await store.getMany(keys), keys);
  t.deepEqual(await oneByOne(store, keys), keys);
  t.like((await store.stats()).client, { sharedReads: 140, messageReads: 0, lostRaces: 0 });
});

test('plain reads: more keys by messages than may be in flight -> all are answered', async (t) => {
  const store = await openSmall(t, { inFlightMax: 16 });
  const keys = Array.from({ length: 100 }, (_, i) => `late:${i}`);
  await store.putMany(keys.map((key) => [key, key]));
  t.deepEqual(await store.getMany(keys, { r: 3, monotonic: true }), keys);
  t.deepEqual(await store.getMany(keys, { r: 1 }), keys);
});

test('plain reads: a value that is overwritten while groups are read -> always one that was current', async (t) => {
  const store = shared();
  const keys = Array.from({ length: 40 }, (_, i) => `moving:${i % 4}`);
  let begun = 0;
  let done = 0;
  await store.putMany(keys.map((key) => [key, 0]));
  const writing = (async () => {
    while (done < 400) {
      begun++;
      await store.putMany(keys.slice(0, 4).map((key) => [key, begun]));
      done = begun;
    }
  })();
  while (done < 400) {
    const least = done;
    for (const value of await store.getMany(keys)) t.true((value as number) >= least && (value as number) <= begun);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await writing;
});
