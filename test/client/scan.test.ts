/** Scans: order, bounds, prefixes up to byte 255, both directions, limits, and a store that is written meanwhile. */
import test from 'ava';
import fc from 'fast-check';
import { collect, failsWith, openSmall, shareStore, until } from './store-fixture.js';

const store = shareStore(test, { memoryBytes: 9 * 2 ** 20 });

const bytes = fc
  .uint8Array({ minLength: 1, maxLength: 4, max: 255 })
  .map((array) => Buffer.from(array.map((byte) => (byte % 5 === 0 ? 0xff : byte % 3))));
const bound = fc.option(bytes, { nil: undefined });

test('scan: any bounds, prefix, direction and limit over keys of small and of 255 bytes -> as a sorted array says', async (t) => {
  const own = await openSmall(t, { partitions: 64 });
  const keys = new Map<string, Buffer>();
  for (const key of fc.sample(bytes, { numRuns: 300, seed: 7 })) keys.set(key.toString('hex'), key);
  const sorted = [...keys.values()].sort(Buffer.compare);
  await own.putMany(sorted.map((key, index) => [key, index]));
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        gt: bound,
        gte: bound,
        lt: bound,
        lte: bound,
        prefix: bound,
        reverse: fc.boolean(),
        limit: fc.option(fc.nat(20), { nil: undefined }),
      }),
      async (given) => {
        const { gt, gte, lt, lte, prefix, reverse, limit } = given;
        const wanted = sorted.filter(
          (key) =>
            (gt === undefined || key.compare(gt) > 0) &&
            (gte === undefined || key.compare(gte) >= 0) &&
            (lt === undefined || key.compare(lt) < 0) &&
            (lte === undefined || key.compare(lte) <= 0) &&
            (prefix === undefined || key.subarray(0, prefix.length).equals(prefix)),
        );
        if (reverse) wanted.reverse();
        const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
        const seen = await collect(own.scan({ ...options, keys: 'bytes' }));
        t.deepEqual(
          seen.map(({ key }) => key),
          wanted.slice(0, limit),
        );
        for (const { key, value } of seen)
          t.is(
            value,
            sorted.findIndex((each) => each.equals(key as Buffer)),
          );
      },
    ),
    { numRuns: 120 },
  );
});

test('scan: of a prefix of nothing but 0xff -> the keys behind it up to the end', async (t) => {
  const edge = [
    Buffer.from([0xfe, 0xff]),
    Buffer.from([0xff]),
    Buffer.from([0xff, 0xff]),
    Buffer.from([0xff, 0xff, 0x01]),
  ];
  await store().putMany(edge.map((key) => [key, 1]));
  const found = async (prefix: Buffer) =>
    (await collect(store().scan({ prefix, keys: 'bytes' }))).map(({ key }) => key);
  t.deepEqual(await found(Buffer.from([0xff])), edge.slice(1));
  t.deepEqual(await found(Buffer.from([0xff, 0xff])), edge.slice(2));
  t.deepEqual(await found(Buffer.from([0xfe])), edge.slice(0, 1));
});

test('scan: values false, keys as strings or bytes, an empty range, a limit of 0 -> as asked', async (t) => {
  await store().putMany([
    ['shape-é', { a: 1 }],
    ['shape-b', 'x'],
  ]);
  t.deepEqual(await collect(store().scan({ prefix: 'shape-' })), [
    { key: 'shape-b', value: 'x' },
    { key: 'shape-é', value: { a: 1 } },
  ]);
  t.deepEqual(await collect(store().scan({ prefix: 'shape-', values: false })), [
    { key: 'shape-b', value: undefined },
    { key: 'shape-é', value: undefined },
  ]);
  t.deepEqual(await collect(store().scan({ prefix: 'shape-', keys: 'bytes', limit: 1 })), [
    { key: Buffer.from('shape-b'), value: 'x' },
  ]);
  t.deepEqual(await collect(store().scan({ gt: 'shape-z', lt: 'shape-a' })), []);
  t.deepEqual(await collect(store().scan({ prefix: 'shape-', limit: 0 })), []);
});

test('scan: pages from memory and disk, while other keys are written and deleted -> every lasting key once, in order', async (t) => {
  const own = await openSmall(t, { memoryBytes: 6 * 2 ** 20, logBytesMax: 4 * 2 ** 20 });
  const count = 3_000;
  const name = (index: number) => `lasting-${String(index).padStart(6, '0')}`;
  for (let from = 0; from < count; from += 500) {
    await own.putMany(Array.from({ length: 500 }, (_, index) => [name(from + index), 'x'.repeat(1_500)]));
  }
  let done = false;
  const churn = (async () => {
    for (let round = 0; !done; round++) {
      const keys = Array.from({ length: 40 }, (_, index) => `${name((round * 37 + index * 11) % count)}~`);
      await own.putMany(keys.map((key) => [key, 'y'.repeat(2_000)]));
      await own.batch(keys.slice(0, 20).map((key) => ({ type: 'delete', key })));
    }
  })();
  for (const reverse of [false, true]) {
    const seen: string[] = [];
    for await (const { key } of own.scan({ prefix: 'lasting-', reverse })) seen.push(String(key));
    const sorted = [...seen].sort();
    if (reverse) sorted.reverse();
    t.deepEqual(seen, sorted);
    t.is(new Set(seen).size, seen.length);
    t.is(seen.filter((key) => !key.endsWith('~')).length, count);
  }
  done = true;
  await churn;
});

test('scan: ended early -> nothing stays in flight', async (t) => {
  const own = await openSmall(t);
  await own.putMany(Array.from({ length: 500 }, (_, index) => [`early-${index}`, index]));
  for await (const { key } of own.scan({ prefix: 'early-' })) if (String(key).endsWith('3')) break;
  await until(async () => (await own.stats()).client.inFlight === 0);
  t.is(await own.get('early-3'), 3);
});

test('scan: a signal aborted between two pairs -> KV_ABORTED instead of the next one', async (t) => {
  await store().putMany(['a', 'b', 'c'].map((key) => [`between-${key}`, 1]));
  const controller = new AbortController();
  const seen: unknown[] = [];
  const error = await failsWith(t, 'KV_ABORTED', async () => {
    for await (const { key } of store().scan({ prefix: 'between-', signal: controller.signal })) {
      seen.push(key);
      controller.abort(new Error('enough'));
    }
  });
  t.is((error.cause as Error).message, 'enough');
  t.deepEqual(seen, ['between-a']);
});
