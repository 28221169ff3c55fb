/** Every value comes back as what it was, from memory and from disk; a string key and its bytes are the same key. */
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import type { Value } from '../../src/index.js';
import { open } from '../../src/index.js';
import { makeFolder, SMALL, shareStore } from './store-fixture.js';

const store = shareStore(test);

const cycle: { name: string; self?: unknown } = { name: 'a' };
cycle.self = cycle;

const VALUES: readonly [string, Value][] = [
  ['an empty string', ''],
  ['an ASCII string', 'hello'],
  ['a string with accents and emoji', 'héllo wörld 👋🏽 日本'],
  ['a string of NUL', 'a\u0000b'],
  ['an empty Buffer', Buffer.alloc(0)],
  ['a Buffer', Buffer.from([0, 1, 2, 254, 255])],
  ['an integer', 42],
  ['a negative integer', -1],
  ['a large integer', Number.MAX_SAFE_INTEGER],
  ['a fraction', 0.1],
  ['NaN', Number.NaN],
  ['infinity', Number.NEGATIVE_INFINITY],
  ['true', true],
  ['false', false],
  ['null', null],
  ['a bigint', 2n ** 60n],
  ['a negative bigint', -(2n ** 62n)],
  ['a bigint of more than 64 bits', 2n ** 200n + 1n],
  ['a Date', new Date(1_700_000_000_123)],
  [
    'a Map',
    new Map<unknown, unknown>([
      ['a', 1],
      [2, { b: [3] }],
    ]),
  ],
  ['a Set', new Set([1, 'two'])],
  ['a RegExp', /a+b/gi],
  ['a Float64Array', new Float64Array([1.5, -2])],
  ['an array', [1, 'two', null, [3]]],
  ['an empty object', {}],
  ['an object, nested', { a: { b: { c: [{ d: 'deep' }] } }, 'with space': 1, 5: 'five' }],
  ['bytes within an object', { bytes: Buffer.from('abc') }],
  ['a cycle', cycle],
];
for (const [name, value] of VALUES) {
  test(`${name}: put and got -> the same, of the same type`, async (t) => {
    const key = `value ${name}`;
    await store().put(key, value, { w: 3 });
    for (const seen of [
      await store().get(key),
      store().getSync(key),
      await store().get(key, { r: 3, monotonic: true }),
    ]) {
      t.deepEqual(seen, value);
      t.is(typeof seen, typeof value);
      if (value !== null && typeof value === 'object') t.is((seen as object).constructor, value.constructor);
    }
    const { siblings } = await store().read(key);
    t.deepEqual(siblings[0].value, value);
  });
}

test('a Uint8Array: put and got -> a Buffer with the same bytes that is the caller’s own', async (t) => {
  const bytes = new Uint8Array([1, 2, 3]);
  await store().put('own', bytes, { w: 3 });
  bytes[0] = 9;
  const first = (await store().get('own')) as Buffer;
  t.true(Buffer.isBuffer(first));
  t.deepEqual([...first], [1, 2, 3]);
  first[0] = 7;
  t.deepEqual([...((await store().get('own')) as Buffer)], [1, 2, 3]);
  t.is(first.buffer instanceof SharedArrayBuffer, false);
});

test('values: any that fast-check makes -> come back equal', async (t) => {
  const anything = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
    fc.anything({ withBigInt: true, withDate: true, maxDepth: 3 }).filter((value) => !isLost(value)),
  );
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }), anything, async (key, value) => {
      await store().put(key, value);
      t.deepEqual(await store().get(key), value);
    }),
    { numRuns: 300 },
  );
});

/** What CBOR, as JSON, does not carry: undefined, the sign of zero, the lack of a prototype. */
function isLost(value: unknown): boolean {
  if (value === undefined || Object.is(value, -0)) return true;
  // beyond the year 9999 a date may lose a millisecond: CBOR carries it as seconds
  if (value instanceof Date) return !(Math.abs(value.getTime()) < 253_402_300_800_000);
  if (value === null || typeof value !== 'object') return false;
  if (Object.getPrototypeOf(value) === null || Object.hasOwn(value, '__proto__')) return true;
  return Object.values(value).some(isLost);
}

test('a key: as a string and as its bytes -> the same key', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1, maxLength: 80, unit: 'grapheme' }), fc.integer(), async (key, value) => {
      const bytes = Buffer.from(`same ${key}`);
      await store().put(`same ${key}`, value);
      t.is(await store().get(bytes), value);
      await store().put(new Uint8Array(bytes), value + 1);
      t.is(await store().get(`same ${key}`), value + 1);
    }),
    { numRuns: 100 },
  );
  for (const key of ['a\u0000', 'a', 'a\u0000\u0000', 'a\u0000\u0000\u0000']) await store().put(key, key);
  for (const key of ['a\u0000', 'a', 'a\u0000\u0000', 'a\u0000\u0000\u0000']) t.is(await store().get(key), key);
});

test('an instance of a class: put and got -> a plain object of the same fields', async (t) => {
  class Point {
    constructor(
      readonly x: number,
      readonly y: number,
    ) {}
  }
  await store().put('point', new Point(1, 2));
  const seen = await store().get('point');
  t.deepEqual(seen, { x: 1, y: 2 });
  t.is((seen as object).constructor, Object);
});

test('a value: of a kind that CBOR has no form for -> the nearest, as the README says', async (t) => {
  const polite = Object.assign(Object.create(null), { a: 1 });
  const bytes = Buffer.from([1, 2, 3]);
  const shown: readonly [Value, Value][] = [
    [{ zero: -0 }, { zero: 0 }],
    [Object.assign([1], { 2: 3 }), [1, undefined, 3]],
    [polite, { a: 1 }],
    [new URLSearchParams('a=1'), [['a', '1']]],
    [{ [Symbol('hidden')]: 1, seen: 2 }, { seen: 2 }],
    [{ bytes: new Uint8Array(bytes) }, { bytes }],
    [new DataView(new Uint8Array(bytes).buffer), bytes],
    [new Uint8Array(bytes).buffer, bytes],
    ['half \ud83d', 'half \ufffd'],
  ];
  for (const [given, expected] of shown) {
    await store().put('nearest', given);
    t.deepEqual(await store().get('nearest'), expected);
  }
  await store().put('nearest', new RangeError('too far'));
  const error = (await store().get('nearest')) as Error;
  t.deepEqual([error.constructor, error.message], [Error, 'too far']);
});

test('values: of every kind, after the store was opened again, compressed or not -> the same', async (t) => {
  for (const compression of [false, true]) {
    const path = join(makeFolder(t), 'data');
    const first = await open({ ...SMALL, path, compression });
    await first.putMany(VALUES);
    await first.close();
    const again = await open({ ...SMALL, path });
    t.deepEqual(
      await again.getMany(VALUES.map(([name]) => name)),
      VALUES.map(([, value]) => value),
    );
    await again.close();
  }
});
