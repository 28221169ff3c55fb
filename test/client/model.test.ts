/** Random operations beside a Map: a store says what the Map says, from memory, from disk, and after it was opened again. */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import type { BatchOperation, Store, Value } from '../../src/index.js';
import { type OpenStoreOptions, open } from '../../src/index.js';
import { collect, makeFolder, patiently, SMALL } from './store-fixture.js';

type Model = Map<string, Value>;
/** One step: does the same to both and compares what comes back. */
type Step = (store: Store, model: Model, t: ExecutionContext) => Promise<void>;

/** A step that says what it did when it fails. */
function named(name: string, run: Step): Step {
  const told: Step = async (store, model, t) => {
    try {
      await run(store, model, t);
    } catch (error) {
      t.log(`${name} failed`, error);
      throw error;
    }
  };
  return Object.assign(told, { toString: () => name });
}
const short = (v: unknown): string => fc.stringify(v).slice(0, 30);

const KEYS = 60;
const key = fc.integer({ min: 0, max: KEYS - 1 }).map((index) => `key-${'{tag}'.repeat(index % 2)}${index}`);
const value = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.integer(),
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  // what comes back is a plain object; isDeepStrictEqual tells one without a prototype from it
  fc.record({ a: fc.integer(), b: fc.array(fc.boolean()) }, { noNullPrototype: true }),
  fc.constant(null),
  fc.integer({ min: 2_000, max: 10_000 }).map((length) => 'z'.repeat(length)),
);

const put = fc.tuple(key, value).map(([k, v]) =>
  named(`put ${k} ${short(v)}`, async (store, model) => {
    await patiently(() => store.put(k, v));
    model.set(k, v);
  }),
);
const del = key.map((k) =>
  named(`delete ${k}`, async (store, model) => {
    await patiently(() => store.delete(k));
    model.delete(k);
  }),
);
const get = fc.tuple(key, fc.constantFrom(0, 2, 3)).map(([k, r]) =>
  named(`get ${k} r ${r}`, async (store, model, t) => {
    const n = store.ring().n;
    const options = r === 0 ? undefined : { r: Math.min(r, n), monotonic: r === 2 };
    const read = () => store.get(k, options);
    // a monotonic read repairs first, which is a write
    t.deepEqual(await (r === 2 ? patiently(read, REPAIRED) : read()), model.get(k));
    t.is(await store.has(k), model.has(k));
  }),
);
const update = fc.tuple(key, value).map(([k, v]) =>
  named(`update ${k}`, async (store, model, t) => {
    const before = model.get(k);
    const after = { before: typeof before, v };
    // a write that was not confirmed may be there when it is repeated
    const fn = (old: Value) => {
      if (typeof old === 'object' && old !== null && 'before' in old) t.true(isOneOf(old, [before, after]));
      else t.deepEqual(old, before);
      return after;
    };
    t.deepEqual(await patiently(() => store.update(k, fn)), after);
    model.set(k, after);
  }),
);
const getMany = fc.array(key, { maxLength: 30 }).map((keys) =>
  named(`getMany ${keys.length}`, async (store, model, t) => {
    t.deepEqual(
      await store.getMany(keys),
      keys.map((k) => model.get(k)),
    );
  }),
);
const putMany = fc.uniqueArray(fc.tuple(key, value), { selector: ([k]) => k, maxLength: 40 }).map((pairs) =>
  named(`putMany ${short(pairs.map(([k]) => k))}`, async (store, model) => {
    await store.putMany(pairs);
    for (const [k, v] of pairs) model.set(k, v);
  }),
);
const batch = fc
  .uniqueArray(fc.tuple(key, fc.option(value, { nil: undefined })), { selector: ([k]) => k, maxLength: 40 })
  .map((all) =>
    named(`batch ${all.length}`, async (store, model) => {
      await store.batch(
        all.map(
          ([k, v]): BatchOperation =>
            v === undefined ? { type: 'delete', key: k } : { type: 'put', key: k, value: v },
        ),
      );
      for (const [k, v] of all) {
        if (v === undefined) model.delete(k);
        else model.set(k, v);
      }
    }),
  );
const scan = fc
  .record({
    from: key,
    to: key,
    reverse: fc.boolean(),
    limit: fc.integer({ min: 0, max: 80 }),
    r: fc.integer({ min: 1, max: 3 }),
  })
  .map((given) =>
    named(`scan ${short(given)}`, async (store, model, t) => {
      const { from, to, reverse, limit } = given;
      const r = Math.min(given.r, store.ring().n);
      const wanted = [...model].filter(([k]) => k >= from && k < to).sort(([a], [b]) => (a < b ? -1 : 1));
      if (reverse) wanted.reverse();
      const seen = await collect(
        store.scan({ gte: from, lt: to, reverse, limit, r: Math.max(r, store.ring().n === 1 ? 1 : 2) }),
      );
      t.deepEqual(
        seen.map((pair) => [pair.key, pair.value]),
        wanted.slice(0, limit),
      );
    }),
  );
const step = fc.oneof(
  { weight: 5, arbitrary: put },
  { weight: 2, arbitrary: del },
  { weight: 6, arbitrary: get },
  { weight: 1, arbitrary: update },
  { weight: 2, arbitrary: getMany },
  { weight: 4, arbitrary: putMany },
  { weight: 2, arbitrary: batch },
  { weight: 2, arbitrary: scan },
);

const REPAIRED: ReadonlySet<string> = new Set(['KV_READ_QUORUM_UNMET']);

function isOneOf(value: Value, values: readonly Value[]): boolean {
  return values.some((each) => isDeepStrictEqual(each, value));
}

/** Large pairs of other keys, so that what was written goes to disk and out of memory. */
async function press(store: Store, round: number): Promise<void> {
  const pairs = Array.from(
    { length: 700 },
    (_, index) => [`~press-${(round * 700 + index) % 1_000}`, 'p'.repeat(5_000)] as const,
  );
  await store.putMany(pairs);
}

for (const n of [1, 3]) {
  test(`a store of N=${n}: random operations, with little memory and opened again in between -> as a Map`, async (t) => {
    const path = join(makeFolder(t), 'data');
    const options: OpenStoreOptions = { ...SMALL, path, n, memoryBytes: 4.5 * 2 ** 20, logBytesMax: 4 * 2 ** 20 };
    let store = await open(options);
    t.teardown(() => store.close());
    const model: Model = new Map();
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 40, maxLength: 90 }), async (steps) => {
        for (const run of steps) await run(store, model, t);
        await press(store, round);
        for (const run of steps.filter((_, index) => index % 3 === 0)) await run(store, model, t);
        if (round++ % 3 === 2) {
          await store.close();
          store = await open(options);
        }
        for (const [k, v] of model) t.deepEqual(await store.get(k), v);
        for (const [k, v] of model) t.deepEqual(await store.get(k, { r: n }), v);
      }),
      { numRuns: 4, endOnFailure: true },
    );
    const { nodes, client } = await store.stats();
    t.true(nodes.some(({ baseEntries }) => baseEntries > 0));
    t.true(client.sharedReads > 0);
    t.true(client.messageReads > 0);
  });
}
