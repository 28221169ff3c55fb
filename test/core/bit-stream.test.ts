import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { BitReader, BitWriter, widthOf } from '../../src/core/bit-stream.js';

/** Something that is written, and how it is read. */
interface Item {
  readonly value: number | string;
  readonly write: (to: BitWriter) => void;
  readonly read: (from: BitReader) => number | string;
}

const bits = fc.integer({ min: 0, max: 24 }).chain((width) =>
  fc.nat(2 ** width - 1).map((value): Item => {
    return { value, write: (to) => to.bits(value, width), read: (from) => from.bits(width) };
  }),
);
const whole = fc.oneof(fc.nat(300), fc.maxSafeNat());
const number = whole.map((value): Item => ({ value, write: (to) => to.number(value), read: (from) => from.number() }));
const signed = fc.integer({ min: -(2 ** 51), max: 2 ** 51 }).map((value): Item => {
  return { value, write: (to) => to.signed(value), read: (from) => from.signed() };
});
const text = fc.string({ unit: 'grapheme' }).map((value): Item => {
  return { value, write: (to) => to.text(value), read: (from) => from.text() };
});
const float = fc.double({ noNaN: true }).map((value): Item => {
  return { value, write: (to) => to.float(value), read: (from) => from.float() };
});

test('bit stream: whatever is written -> is read, in order, and nothing more follows', (t) => {
  const property = fc.property(fc.array(fc.oneof(bits, number, signed, text, float), { maxLength: 60 }), (items) => {
    const to = new BitWriter();
    for (const { write } of items) write(to);
    const from = new BitReader(to.finish());
    for (const { read, value } of items) assert.equal(read(from), value);
    assert.ok(from.bitsLeft < 8);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 500 }));
});

test('bit stream: a text that begins with the mark of a byte order -> keeps it', (t) => {
  const to = new BitWriter();
  to.text('\ufeffa');
  t.is(new BitReader(to.finish()).text(), '\ufeffa');
});

test('bit stream: bytes that end early, a number that is none, a text longer than what follows -> refused', (t) => {
  const reader = (...bytes: number[]) => new BitReader(Uint8Array.from(bytes));
  t.throws(() => reader(1).bits(9), { code: 'KV_PROTOCOL' });
  t.throws(() => reader(128).number(), { code: 'KV_PROTOCOL' });
  t.throws(() => reader(...new Array(8).fill(255), 1).number(), { code: 'KV_PROTOCOL' });
  t.throws(() => reader(...new Array(400).fill(128), 1).number(), { code: 'KV_PROTOCOL' });
  t.throws(() => reader(3, 65, 66).text(), { code: 'KV_PROTOCOL' });
  t.throws(() => reader(5).count(4), { code: 'KV_PROTOCOL' });
  t.throws(() => reader(0b1100_0000).one(['a', 'b', 'c']), { code: 'KV_PROTOCOL' });
  t.is(reader(0b1000_0000).one(['a', 'b', 'c']), 'c');
});

test('bit stream: choices -> as many bits as tell them apart', (t) => {
  t.deepEqual([0, 1, 2, 3, 4, 5, 256, 257].map(widthOf), [0, 0, 1, 2, 2, 3, 8, 9]);
});
