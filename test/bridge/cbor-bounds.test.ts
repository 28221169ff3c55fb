import test from 'ava';
import { Encoder } from 'cbor-x';
import fc from 'fast-check';
import { isBoundedCbor } from '../../src/bridge/cbor-bounds.js';

const encoder = new Encoder({ useRecords: false, tagUint8Array: false });
const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.string(),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 5 }),
  ),
})).value;

test('cbor bounds: whatever the encoder makes of plain data -> passes; cut short or with more behind -> fails', (t) => {
  fc.assert(
    fc.property(plain, fc.nat(), (value, cut) => {
      const bytes = Uint8Array.from(encoder.encode(value));
      t.true(isBoundedCbor(bytes));
      t.false(isBoundedCbor(bytes.subarray(0, cut % bytes.length)));
      t.false(isBoundedCbor(Uint8Array.of(...bytes, 0)));
    }),
  );
});

for (const [what, bytes] of [
  ['an array of 4 billion items in five bytes', [0x9a, 0xff, 0xff, 0xff, 0xff]],
  ['an array of 2^64 items', [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]],
  ['a map of 100 million items', [0xba, 0x06, 0, 0, 0]],
  ['a text of 4 GB', [0x7a, 0xff, 0xff, 0xff, 0xff]],
  ['an array of indefinite length', [0x9f, 0xff]],
  ['a reserved argument', [0x1c]],
  ['nothing', []],
  ['64 arrays within each other', [...new Array(64).fill(0x81), 0]],
] as const) {
  test(`cbor bounds: ${what} -> fails`, (t) => {
    t.false(isBoundedCbor(Uint8Array.from(bytes), { allowsTags: true }));
  });
}

test('cbor bounds: a tagged item -> passes only where tags are allowed, and not nested without end', (t) => {
  t.false(isBoundedCbor(Uint8Array.of(0xc1, 0)));
  t.true(isBoundedCbor(Uint8Array.of(0xc1, 0), { allowsTags: true }));
  t.false(isBoundedCbor(Uint8Array.from([...new Array(64).fill(0xc1), 0]), { allowsTags: true }));
});
