/** Whole records out of one store and into another of a different shape. */
import test from 'ava';
import type { Store } from '../../src/index.js';
import { collect, failsWith, openSmall } from './store-fixture.js';

const OTHER_SHAPE = { nodes: 4, partitions: 32, n: 2, r: 1, w: 2, memoryBytes: 8 * 2 ** 20 };

/** The values of a key's siblings, newest first. */
const siblingsOf = async (store: Store, key: string): Promise<unknown[]> =>
  (await store.read(key)).siblings.map(({ value }) => value);

/** Makes siblings of one key: each write has seen the first value only. */
async function makeSiblings(store: Store, key: string, values: readonly unknown[]): Promise<void> {
  await store.put(key, 'seen by all');
  const { context } = await store.read(key);
  for (const value of values) await store.put(key, value, { context });
}

test('records: every type, siblings and a life -> the same in a store of another shape, and nothing the second time', async (t) => {
  const from = await openSmall(t);
  const values: Record<string, unknown> = {
    text: 'grün',
    ascii: 'green',
    empty: '',
    bytes: Buffer.from([0, 255, 7]),
    object: { list: [1, null, 'ä'], map: new Map([[1, new Set(['a'])]]), big: 2n ** 70n, at: new Date(0) },
    null: null,
  };
  for (const [key, value] of Object.entries(values)) await from.put(key, value);
  await from.put('lives', 'for an hour', { ttlMs: 3_600_000 });
  await from.put('dies', 'soon', { ttlMs: 1 });
  await from.put('deleted', 'gone');
  await from.delete('deleted');
  await makeSiblings(from, 'cart', ['book', ['pen', 'lamp'], Buffer.from('bytes')]);
  const records = await collect(from.records());
  t.deepEqual(
    records.map(({ key }) => key.toString()),
    [...Object.keys(values), 'lives', 'cart'].sort(),
  );

  const to = await openSmall(t, OTHER_SHAPE);
  await to.put('text', 'older');
  await to.put('other', 'stays');
  t.deepEqual(await to.restore(records), { written: records.length, unchanged: 0, failed: [] });
  for (const [key, value] of Object.entries(values)) t.deepEqual(await to.get(key), value, key);
  t.is(await to.get('other'), 'stays');
  t.is(await to.get('dies'), undefined);
  t.deepEqual(await siblingsOf(to, 'cart'), await siblingsOf(from, 'cart'));
  t.is((await siblingsOf(to, 'cart')).length, 3);
  t.is((await to.read('lives')).siblings[0].expiresAtMs, (await from.read('lives')).siblings[0].expiresAtMs);

  t.deepEqual(await to.restore(records), { written: 0, unchanged: records.length, failed: [] });
});

test('records: siblings of which some were restored before an interruption -> all of them, once', async (t) => {
  const from = await openSmall(t);
  await makeSiblings(from, 'cart', ['book', 'lamp', 'pen']);
  const [record] = await collect(from.records());
  const to = await openSmall(t, OTHER_SHAPE);
  await makeSiblings(to, 'cart', ['book', 'lamp']);
  t.deepEqual(await to.restore([record]), { written: 1, unchanged: 0, failed: [] });
  t.deepEqual(await siblingsOf(to, 'cart'), ['pen', 'lamp', 'book']);
});

test('records: a delete beside a value -> stays beside it: the newest is the delete', async (t) => {
  const from = await openSmall(t);
  await from.put('k', 'first');
  const { context } = await from.read('k');
  await from.put('k', 'second', { context });
  await from.delete('k', { context });
  const records = await collect(from.records());
  t.like(records, { length: 1, 0: { siblings: { length: 2, 0: { tombstone: true }, 1: { tombstone: false } } } });
  const to = await openSmall(t, OTHER_SHAPE);
  await to.restore(records);
  t.is(await to.get('k'), undefined);
  t.deepEqual(await siblingsOf(to, 'k'), ['second']);
  t.like(await to.restore(records), { written: 0, unchanged: 1 });
});

test('records: pairs too large for the other store -> named, and the others are written', async (t) => {
  const from = await openSmall(t);
  await from.putMany([
    ['small', 'x'],
    ['large', 'x'.repeat(5_000)],
  ]);
  const to = await openSmall(t, { pairBytesMax: 1_024 });
  const { written, failed } = await to.restore(await collect(from.records()));
  t.is(written, 1);
  t.like(failed, { length: 1, 0: { code: 'KV_PAIR_TOO_LARGE' } });
  t.is(failed[0].key.toString(), 'large');
});

test('records: by partition, from a key on -> each record once; a partition that is none is refused', async (t) => {
  const store = await openSmall(t);
  const keys = Array.from({ length: 300 }, (_, index) => `key-${index}`);
  await store.putMany(keys.map((key) => [key, key]));
  const found: string[] = [];
  for (let partition = 0; partition < 16; partition++) {
    const records = await collect(store.records({ partition }));
    const names = records.map(({ key }) => key.toString());
    t.deepEqual(names, names.toSorted());
    found.push(...names);
    if (records.length < 2) continue;
    const behind = await collect(store.records({ partition, gt: records[0].key }));
    t.deepEqual(
      behind.map(({ key }) => key.toString()),
      names.slice(1),
    );
  }
  t.deepEqual(found.toSorted(), keys.toSorted());
  await failsWith(t, 'KV_INVALID_OPTION', () => collect(store.records({ partition: 16 })));
  await failsWith(t, 'KV_INVALID_OPTION', () => collect(store.records({ r: 4 })));
});

test('records: of one instant, while pairs are written one after the other -> no torn pair; without it, the same records at rest', async (t) => {
  const store = await openSmall(t);
  const key = (letter: string, pair: number) => `{tag}${letter}:${pair}`;
  await store.putMany(Array.from({ length: 2_000 }, (_, index) => [key('aa', index), 'x'.repeat(100)] as const));
  for (const letter of ['a', 'b']) await store.putMany([0, 1, 2, 3].map((pair) => [key(letter, pair), '0'] as const));
  const partition = await partitionWithRecords(store);
  let stopped = false;
  const write = async () => {
    for (let value = 1; !stopped; value++) {
      await store.put(key('a', value % 4), String(value));
      await store.put(key('b', value % 4), String(value));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  const writing = write();
  let instants = 0;
  for (let image = 0; image < 20; image++) {
    let isInstant = false;
    const onInstant = ({ instant }: { instant: boolean }) => {
      isInstant = instant;
    };
    const records = await collect(store.records({ partition, onInstant }));
    t.is(records.length, 2_008);
    const names = records.map((record) => record.key.toString('latin1'));
    t.deepEqual(names, names.toSorted());
    const values = new Map(
      records.map((record) => [record.key.toString(), Number(Buffer.from(record.siblings[0].value).toString())]),
    );
    const of = (letter: string, pair: number) => values.get(key(letter, pair)) as number;
    if (isInstant) for (const pair of [0, 1, 2, 3]) t.true(of('b', pair) <= of('a', pair), `image ${image}`);
    instants += Number(isInstant);
  }
  stopped = true;
  await writing;
  t.log(`${instants} of 20 images are of one instant`);
  t.true(instants > 0);
  const reports: unknown[] = [];
  const atRest = await collect(store.records({ partition, r: 3, onInstant: (report) => reports.push(report) }));
  t.deepEqual(reports, [{ instant: true }]);
  t.deepEqual(atRest, await collect(store.records({ partition, r: 3 })));
  await failsWith(t, 'KV_INVALID_OPTION', () => collect(store.records({ onInstant: () => {} })));
  const behind = { partition, gt: Buffer.from('k'), onInstant: () => {} };
  await failsWith(t, 'KV_INVALID_OPTION', () => collect(store.records(behind)));
  const aborted = { partition, onInstant: () => {}, signal: AbortSignal.abort() };
  await failsWith(t, 'KV_ABORTED', () => collect(store.records(aborted)));
});

test('records: of one instant, aborted between two -> KV_ABORTED instead of the next one', async (t) => {
  const store = await openSmall(t);
  await store.putMany(Array.from({ length: 20 }, (_, index) => [`{tag}${index}`, index] as const));
  const partition = await partitionWithRecords(store);
  const controller = new AbortController();
  const options = { partition, onInstant: () => {}, signal: controller.signal };
  let seen = 0;
  await failsWith(t, 'KV_ABORTED', async () => {
    for await (const _ of store.records(options)) if (++seen === 3) controller.abort();
  });
  t.is(seen, 3);
});

async function partitionWithRecords(store: Store): Promise<number> {
  for (let partition = 0; partition < 16; partition++) {
    for await (const _ of store.records({ partition })) return partition;
  }
  throw new Error('no partition holds anything');
}
