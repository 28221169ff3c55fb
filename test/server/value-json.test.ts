/** Values as JSON: the nearest for people, exactly what they are for export and load. */
import test from 'ava';
import fc from 'fast-check';
import type { Value } from '../../src/client/types.js';
import { decodeValue, encodeCbor } from '../../src/client/values.js';
import { StoreError } from '../../src/core/errors.js';
import { Tag } from '../../src/protocol/record.js';
import { exactToJson, type JsonType, valueFromJson, valueToJson } from '../../src/server/value-json.js';

const cycle: { self?: unknown } = {};
cycle.self = cycle;
const twice = { a: 1 };

/** There and back, as a text between the two. */
function travel(value: Value): Value {
  const carried = JSON.parse(JSON.stringify(exactToJson(value))) as { value: unknown; type: JsonType };
  return valueFromJson(carried.value, carried.type);
}

const LOST_IN_JSON: readonly Value[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  { deep: [Number.NEGATIVE_INFINITY] },
  12n,
  { big: 2n ** 80n },
  new Date(1_700_000_000_123),
  new Map<unknown, unknown>([
    [1, 'one'],
    ['a', new Map()],
  ]),
  new Set(['a', new Set()]),
  { gone: undefined },
  [undefined],
  [Buffer.from('bytes')],
  new Float64Array([1.5, -2]),
  /a+b/gi,
  cycle,
  [twice, twice],
];
for (const [index, value] of LOST_IN_JSON.entries()) {
  test(`value json: ${typeof value} no. ${index} that JSON loses -> its CBOR, and back as it was`, (t) => {
    t.is(exactToJson(value).type, 'cborBase64');
    const back = travel(value);
    t.deepEqual(back, value);
    if (typeof value === 'object') t.is((back as object).constructor, (value as object).constructor);
  });
}

test('value json: what JSON carries -> is JSON, to be read and edited', (t) => {
  for (const value of [null, true, 0, -1.5, 1e300, [], {}, { a: [{ b: null }, 'text'] }]) {
    t.deepEqual(exactToJson(value), { value, type: 'cbor' });
    t.deepEqual(travel(value), value);
  }
  t.deepEqual(exactToJson('text'), { value: 'text', type: 'string' });
  t.deepEqual(exactToJson(Buffer.from([255])), { value: '/w==', type: 'bytes' });
});

test('value json: any value that a store takes -> exactly itself after there and back', (t) => {
  const others = fc.anything({ withBigInt: true, withMap: true, withSet: true, withTypedArray: true });
  // beyond the year 9999 a date may lose a millisecond: CBOR carries it as seconds
  const dates = fc.date({
    max: new Date(253_402_300_799_999),
    min: new Date(-253_402_300_799_999),
    noInvalidDate: true,
  });
  const values = fc.oneof(others, fc.record({ others, dates: fc.array(dates) }));
  fc.assert(
    fc.property(values, (given) => {
      let stored: Value;
      try {
        const bytes = Buffer.from(encodeCbor(given));
        stored = decodeValue(Tag.cbor, bytes, 0, bytes.length);
      } catch (thrown) {
        fc.pre(!(thrown instanceof StoreError));
        throw thrown;
      }
      t.deepEqual(travel(stored), stored);
    }),
  );
});

test('value json: the nearest -> as before, and no type that a reader does not know', (t) => {
  t.deepEqual(valueToJson(new Map([['a', new Set([12n])]])), { value: { a: ['12'] }, type: 'cbor' });
  t.throws(() => valueToJson(cycle), { instanceOf: StoreError, code: 'KV_INVALID_VALUE' });
});

test('value json: CBOR that is none -> KV_INVALID_VALUE', (t) => {
  for (const text of ['', 'AA', '/w==', 'gg==', 7]) {
    t.throws(
      () => valueFromJson(text, 'cborBase64'),
      { instanceOf: StoreError, code: 'KV_INVALID_VALUE' },
      String(text),
    );
  }
});
