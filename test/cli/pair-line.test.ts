/** The line format of load and export. */
import test from 'ava';
import fc from 'fast-check';
import { formatPair, parsePair } from '../../src/cli/pair-line.js';
import { keyToJson } from '../../src/server/admin-json.js';
import { exactToJson, valueFromJson } from '../../src/server/value-json.js';

test('pair line: any pair formatted and parsed -> the same key and value', (t) => {
  const key = fc.oneof(fc.string({ minLength: 1 }), fc.uint8Array({ minLength: 1, maxLength: 20 }));
  // the sign of a zero is lost in CBOR already
  const jsonValue = fc.jsonValue().map((some) => JSON.parse(JSON.stringify(some)) as unknown);
  const value = fc.oneof(fc.string(), jsonValue, fc.uint8Array());
  fc.assert(
    fc.property(key, value, (someKey, someValue) => {
      const line = formatPair({ ...keyToJson(someKey), ...exactToJson(someValue) });
      const parsed = parsePair(line);
      if (!('pair' in parsed)) return t.fail(parsed.fault);
      const { key: text, keyBase64 } = parsed.pair as { key?: string; keyBase64?: string };
      const readKey = text === undefined ? Buffer.from(keyBase64 ?? '', 'base64') : Buffer.from(text);
      t.deepEqual(readKey, Buffer.from(someKey as Uint8Array));
      const back = valueFromJson(parsed.pair.value, parsed.pair.type);
      t.deepEqual(back, someValue instanceof Uint8Array ? Buffer.from(someValue) : someValue);
    }),
  );
});

for (const [line, fault] of [
  ['{"key":"a"', /not JSON/],
  ['[1]', /not an object/],
  ['"a"', /not an object/],
  ['{"value":1}', /"key" must be/],
  ['{"key":"","value":1}', /"key" must be/],
  ['{"key":7,"value":1}', /"key" must be/],
  ['{"key":"a"}', /"value" is missing/],
  ['{"key":"a","val":1}', /unknown field "val"/],
  ['{"key":"a","keyBase64":"YQ==","value":1}', /both/],
  ['{"keyBase64":"?","value":1}', /base64/],
  ['{"key":"a","value":"?","type":"bytes"}', /base64/],
  ['{"key":"a","value":1,"type":"cborBase64"}', /type cborBase64 must be base64/],
  ['{"key":"a","value":1,"type":"string"}', /must be a string/],
  ['{"key":"a","value":1,"type":"number"}', /"type" must be one of/],
  ['{"key":"a","value":1,"ttlMs":0}', /"ttlMs"/],
  ['{"key":"a","value":1,"ttlMs":1.5}', /"ttlMs"/],
] as const) {
  test(`pair line: ${line} -> a fault in words`, (t) => {
    const parsed = parsePair(line);
    t.true('fault' in parsed);
    t.regex('fault' in parsed ? parsed.fault : '', fault);
  });
}

test('pair line: null and false are values, a life is kept -> parsed', (t) => {
  t.deepEqual(parsePair('{"key":"a","value":null}'), { pair: { key: 'a', value: null } });
  t.deepEqual(parsePair('{"key":"a","value":false,"ttlMs":5}'), { pair: { key: 'a', value: false, ttlMs: 5 } });
});
