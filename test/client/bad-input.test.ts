/** What a caller can get wrong in a call, one test each: the exact code, and a sentence that helps. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  type BatchOperation,
  type Context,
  type Key,
  open,
  type PutOptions,
  type ReadOptions,
  type ScanOptions,
} from '../../src/index.js';
import { collect, failsWith, makeFolder, openSmall, shareStore } from './store-fixture.js';

const store = shareStore(test);
/** Something of a wrong type, as plain JavaScript would pass it. */
const wrong = <Type>(value: unknown): Type => value as Type;

test('a pair: larger than pairBytesMax -> KV_PAIR_TOO_LARGE with both lengths, as string, bytes and CBOR', async (t) => {
  const said = /pairBytesMax \(10240\)/;
  const error = await failsWith(t, 'KV_PAIR_TOO_LARGE', () => store().put('key', Buffer.alloc(10_238)), said);
  t.deepEqual(error.details, { keyBytes: 3, valueBytes: 10_238, pairBytesMax: 10_240 });
  await failsWith(t, 'KV_PAIR_TOO_LARGE', () => store().put('key', 'x'.repeat(10_238)), said);
  await failsWith(t, 'KV_PAIR_TOO_LARGE', () => store().put('key', 'é'.repeat(5_119)), said);
  await failsWith(t, 'KV_PAIR_TOO_LARGE', () => store().put('k'.repeat(1_900), 'é'.repeat(4_180)), said);
  await failsWith(t, 'KV_PAIR_TOO_LARGE', () => store().put('key', { text: 'x'.repeat(10_240) }), said);
  await failsWith(t, 'KV_PAIR_TOO_LARGE', () => store().putMany([['key', 'x'.repeat(10_238)]]), said);
  for (const value of [Buffer.alloc(10_237), 'x'.repeat(10_237), `x${'é'.repeat(5_118)}`]) {
    await store().put('key', value);
    t.deepEqual(await store().get('key'), value);
  }
});

const calls: readonly [string, (key: Key) => unknown][] = [
  ['get', (key) => store().get(key)],
  ['getSync', (key) => store().getSync(key)],
  ['read', (key) => store().read(key)],
  ['has', (key) => store().has(key)],
  ['put', (key) => store().put(key, 1)],
  ['delete', (key) => store().delete(key)],
  ['update', (key) => store().update(key, () => 1)],
  ['getMany', (key) => store().getMany(['a', key])],
  [
    'putMany',
    (key) =>
      store().putMany([
        ['a', 1],
        [key, 1],
      ]),
  ],
  ['batch', (key) => store().batch([{ type: 'delete', key }])],
];
for (const [name, call] of calls) {
  test(`${name}: an empty, too long or wrongly typed key -> KV_INVALID_KEY`, async (t) => {
    await failsWith(t, 'KV_INVALID_KEY', () => call(''), /cannot be empty/);
    await failsWith(t, 'KV_INVALID_KEY', () => call(Buffer.alloc(0)), /cannot be empty/);
    await failsWith(t, 'KV_INVALID_KEY', () => call('k'.repeat(1_901)), /1 to 1900 bytes/);
    await failsWith(t, 'KV_INVALID_KEY', () => call('é'.repeat(951)), /1 to 1900 bytes/);
    await failsWith(t, 'KV_INVALID_KEY', () => call(Buffer.alloc(1_901)), /1 to 1900 bytes/);
    for (const key of [undefined, null, 7, {}, ['a'], Symbol('a')]) {
      await failsWith(t, 'KV_INVALID_KEY', () => call(wrong(key)), /string or a Uint8Array/);
    }
  });
}

test('a key: of 1,900 bytes -> is taken', async (t) => {
  for (const key of ['k'.repeat(1_900), 'é'.repeat(950), Buffer.alloc(1_900, 0xff)]) {
    await store().put(key, 'long');
    t.is(await store().get(key), 'long');
  }
});

test('a value: that cannot be encoded -> KV_INVALID_VALUE', async (t) => {
  await failsWith(t, 'KV_INVALID_VALUE', () => store().put('v', undefined), /undefined/);
  await failsWith(t, 'KV_INVALID_VALUE', () => store().put('v', () => 1), /function/);
  await failsWith(t, 'KV_INVALID_VALUE', () => store().put('v', Symbol('s')), /symbol/);
  await failsWith(t, 'KV_INVALID_VALUE', () => store().put('v', { deep: [() => 1] }));
  await failsWith(t, 'KV_INVALID_VALUE', () => store().put('v', { deep: Symbol('s') }));
  await failsWith(t, 'KV_INVALID_VALUE', () => store().update('v', () => undefined));
  await failsWith(t, 'KV_INVALID_VALUE', () => store().putMany([['v', undefined]]));
  await failsWith(t, 'KV_INVALID_VALUE', () => store().put('v', Promise.resolve(1)), /is a promise/);
  await failsWith(t, 'KV_INVALID_VALUE', () => store().update('v', async () => 1), /is a promise/);
  const throwing = {
    get inside(): never {
      throw new Error('a getter that throws');
    },
  };
  await failsWith(t, 'KV_INVALID_VALUE', () => store().put('v', throwing), /a getter that throws/);
  t.is(await store().get('v'), undefined);
});

test('a value: bytes whose buffer was transferred -> KV_INVALID_VALUE, and the old value stays', async (t) => {
  const transferred = new Uint8Array(8);
  structuredClone(transferred.buffer, { transfer: [transferred.buffer] });
  await store().put('gone', 'old');
  for (const options of [undefined, { w: 3 }, { ttlMs: 60_000 }]) {
    await failsWith(
      t,
      'KV_INVALID_VALUE',
      () => store().put('gone', transferred, options),
      /bytes of the value are gone/,
    );
  }
  await failsWith(t, 'KV_INVALID_VALUE', () => store().putMany([['gone', transferred]]), /bytes of the value are gone/);
  await failsWith(t, 'KV_INVALID_KEY', () => store().put(transferred, 1));
  t.is(await store().get('gone'), 'old');
  await store().put('gone', new Uint8Array(0));
  t.deepEqual(await store().get('gone'), Buffer.alloc(0));
});

test('options of a call: unknown or out of range -> KV_INVALID_OPTION that names it', async (t) => {
  const bad = (call: () => unknown, saying: RegExp) => failsWith(t, 'KV_INVALID_OPTION', call, saying);
  const read = (options: unknown) => store().get('o', wrong<ReadOptions>(options));
  const put = (options: unknown) => store().put('o', 1, wrong<PutOptions>(options));
  const scan = (options: unknown) => collect(store().scan(wrong<ScanOptions>(options)));
  await bad(() => read({ w: 1 }), /unknown option 'w'; this call takes r/);
  await bad(() => put({ r: 1 }), /unknown option 'r'/);
  await bad(() => scan({ from: 'a' }), /unknown option 'from'/);
  await bad(() => read(7), /must be an object/);
  await bad(() => read(null), /must be an object/);
  for (const r of [0, 4, 1.5, '2', Number.NaN]) await bad(() => read({ r }), /r must be a whole number from 1 to 3/);
  for (const w of [0, 4, -1, '2']) await bad(() => put({ w }), /w must be a whole number from 1 to 3/);
  for (const ttlMs of [0, -5, 2 ** 41 + 1, Number.NaN, Number.POSITIVE_INFINITY, '5']) {
    await bad(() => put({ ttlMs }), /ttlMs must be a number from 1/);
    await bad(() => store().update('o', () => 1, wrong({ ttlMs })), /ttlMs must be a number from 1/);
    const operation = wrong<BatchOperation>({ type: 'put', key: 'o', value: 1, ttlMs });
    await bad(() => store().batch([operation]), /ttlMs must be a number from 1/);
  }
  for (const deadlineMs of [0, -1, 3_600_001, '1'])
    await bad(() => read({ deadlineMs }), /deadlineMs must be a number/);
  await bad(() => put({ durability: 'always' }), /sync, interval or none/);
  await bad(() => read({ mode: 'loose' }), /mode must be strict or available/);
  await bad(() => read({ monotonic: 1 }), /monotonic/);
  await bad(() => read({ signal: {} }), /AbortSignal/);
  for (const limit of [-1, 1.5, '2']) await bad(() => scan({ limit }), /limit must be a whole number/);
  await bad(() => scan({ keys: 'hex' }), /keys must be utf8 or bytes/);
  await bad(() => scan({ values: 1 }), /values must be/);
  await bad(() => scan({ reverse: 'yes' }), /reverse must be/);
  await bad(() => scan({ gt: 5 }), /gt must be a string or a Uint8Array/);
  await bad(() => store().update('o', () => 1, wrong({ context: 'x' })), /unknown option 'context'/);
});

test('arguments of a call: of another shape -> KV_INVALID_OPTION, no TypeError', async (t) => {
  const bad = (call: () => unknown) => failsWith(t, 'KV_INVALID_OPTION', call);
  await bad(() => store().getMany(wrong('abc')));
  await bad(() => store().getMany(wrong(undefined)));
  await bad(() => store().putMany(wrong({ a: 1 })));
  await bad(() => store().putMany(wrong(['ab'])));
  await bad(() => store().putMany([['a', 1]], wrong({ context: 'x' })));
  await bad(() => store().batch(wrong('ab')));
  await bad(() => store().batch(wrong([null])));
  await bad(() => store().update('a', wrong('fn')));
});

test('events: a name that no event has -> KV_INVALID_OPTION, with the nearest name', async (t) => {
  const listener = () => undefined;
  for (const call of ['on', 'off'] as const) {
    await failsWith(
      t,
      'KV_INVALID_OPTION',
      () => store()[call](wrong<'node-up'>('node-dwon'), listener),
      /mean 'node-down'/,
    );
    await failsWith(
      t,
      'KV_INVALID_OPTION',
      () => store()[call](wrong<'node-up'>('toString'), listener),
      /list of events/,
    );
    await failsWith(t, 'KV_INVALID_OPTION', () => store()[call](wrong<'node-up'>(Symbol('error')), listener));
  }
});

test('open: options that no ring can have -> refused, and no directory is left behind', async (t) => {
  const path = join(makeFolder(t), 'data');
  await failsWith(t, 'KV_FAILURE_DOMAINS', () => open({ path, nodes: 3, n: 3, failureDomain: 'host' }));
  await failsWith(t, 'KV_FAILURE_DOMAINS', () => open({ path, nodes: 2, n: 3 }));
  t.false(existsSync(path));
});

test('batch: an operation of an unknown type -> KV_INVALID_OPTION', async (t) => {
  const operations = [{ type: 'put', key: 'first', value: 1 }, wrong<BatchOperation>({ type: 'del', key: 'b' })];
  await failsWith(t, 'KV_INVALID_OPTION', () => store().batch(wrong(operations)), /put or delete/);
});

test('a context: invented, cut short or of another key -> KV_INVALID_CONTEXT', async (t) => {
  await store().put('context', 1);
  const { context } = await store().read('context');
  const bad = (given: unknown, saying: RegExp, key = 'context') =>
    failsWith(t, 'KV_INVALID_CONTEXT', () => store().put(key, 2, { context: wrong<Context>(given) }), saying);
  await bad('', /not whole/);
  await bad('hello', /not whole/);
  await bad(7, /no string/);
  await bad(context.slice(0, -3), /not whole/);
  await bad(context, /another key/, 'other');
  await bad(`${context}${'A'.repeat(16)}`, /out of order/);
  t.is(await store().get('context'), 1);
  await store().delete('context', { context });
  t.is(await store().get('context'), undefined);
});

test('a signal: aborted before -> KV_ABORTED, and nothing was done', async (t) => {
  const signal = AbortSignal.abort(new Error('enough'));
  const options = { signal };
  const error = await failsWith(t, 'KV_ABORTED', () => store().put('aborted', 1, options), /aborted/);
  t.is((error.cause as Error).message, 'enough');
  await failsWith(t, 'KV_ABORTED', () => store().get('aborted', options));
  await failsWith(t, 'KV_ABORTED', () => store().getMany(['aborted'], options));
  await failsWith(t, 'KV_ABORTED', () => store().putMany([['aborted', 1]], options));
  await failsWith(t, 'KV_ABORTED', () => store().batch([{ type: 'put', key: 'aborted', value: 1 }], options));
  await failsWith(t, 'KV_ABORTED', () => store().update('aborted', () => 1, options));
  await failsWith(t, 'KV_ABORTED', () => collect(store().scan(options)));
  t.is(await store().get('aborted'), undefined);
});

test('a signal: aborted during the call -> KV_ABORTED at once', async (t) => {
  const during = async (call: (signal: AbortSignal) => Promise<unknown>) => {
    const controller = new AbortController();
    const failed = failsWith(t, 'KV_ABORTED', () => call(controller.signal), /may or may not|aborted/);
    queueMicrotask(() => controller.abort());
    await failed;
  };
  await during((signal) => store().put('during', 1, { signal, durability: 'sync' }));
  await during((signal) => store().delete('during', { signal, durability: 'sync' }));
  const pairs = Array.from({ length: 500 }, (_, index) => [`during-${index}`, 1] as const);
  await during((signal) => store().putMany(pairs, { signal }));
  await during((signal) =>
    store().batch(
      pairs.map(([key, value]) => ({ type: 'put', key, value })),
      { signal },
    ),
  );
  await during((signal) => collect(store().scan({ signal })));
});

test('a deadline: that passes -> KV_DEADLINE_EXCEEDED, soon after it', async (t) => {
  const busy = await openSmall(t, { n: 1, nodes: 1, memoryBytes: 128 * 2 ** 20, deadlineMs: 600_000 });
  const value = Buffer.alloc(10_000);
  const beganMs = performance.now();
  const writes = Array.from({ length: 10_000 }, (_, index) =>
    busy.put(`key-${index}`, value, { deadlineMs: 1 }).then(
      () => 'done',
      (error: { code: string; retryable: boolean }) => error.code,
    ),
  );
  const codes = new Set(await Promise.all(writes));
  t.true(codes.has('KV_DEADLINE_EXCEEDED') || codes.has('KV_WRITE_QUORUM_UNMET'), [...codes].join());
  // not the store's own deadline
  t.true(performance.now() - beganMs < 30_000);
});

test('in flight: more than inFlightMax -> KV_OVERLOADED for the next ones only, and all is well after', async (t) => {
  const small = await openSmall(t, { inFlightMax: 64 });
  const settled = await Promise.allSettled(
    Array.from({ length: 100 }, (_, index) => small.put(`many-${index}`, index)),
  );
  const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
  t.is(refused.length, 36);
  for (const { reason } of refused) t.is(reason.code, 'KV_OVERLOADED');
  t.true(refused[0].reason.retryable);
  for (let index = 0; index < 64; index++) t.is(await small.get(`many-${index}`), index);
  for (let index = 64; index < 100; index++) t.is(await small.get(`many-${index}`), undefined);
});

test('putMany and getMany: of more items than inFlightMax -> pace themselves', async (t) => {
  const small = await openSmall(t, { inFlightMax: 64 });
  const keys = Array.from({ length: 3_000 }, (_, index) => `paced-${index}`);
  await small.putMany(keys.map((key, index) => [key, index]));
  t.deepEqual(
    await small.getMany(keys, { monotonic: true }),
    keys.map((_, index) => index),
  );
});

test('getSync: a value that only the disk has -> KV_NOT_LOCAL', async (t) => {
  const small = await openSmall(t, { memoryBytes: 4 * 2 ** 20 });
  const value = 'x'.repeat(4_000);
  for (let from = 0; from < 4_000; from += 500) {
    await small.putMany(Array.from({ length: 500 }, (_, index) => [`cold-${from + index}`, value]));
  }
  await failsWith(
    t,
    'KV_NOT_LOCAL',
    () => Array.from({ length: 4_000 }, (_, index) => small.getSync(`cold-${index}`)),
    /use get/,
  );
  t.is(await small.get('cold-0'), value);
});
