import test from 'ava';
import fc from 'fast-check';
import { slot } from '../../src/core/ids.js';
import { crc16, slotOf } from '../../src/core/slot-hash.js';

const bytes = (text: string): Uint8Array => Buffer.from(text);

/** CRC16/XMODEM bit by bit, as the definition has it. */
function crcByBits(data: Uint8Array): number {
  let crc = 0;
  for (const byte of data) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  return crc;
}

test('slot hash: 123456789 -> CRC 0x31C3, the published check value', (t) => {
  t.is(crc16(bytes('123456789')), 0x31c3);
  t.is(slotOf(bytes('123456789')), slot(0x31c3 & 16_383));
});

for (const [key, expected] of [
  ['foo', 12_182],
  ['bar', 5_061],
  ['hello', 866],
  ['somekey', 11_058],
  ['', 0],
] as const) {
  test(`slot hash: '${key}' -> ${expected}, as CLUSTER KEYSLOT answers`, (t) => {
    t.is(slotOf(bytes(key)), slot(expected));
  });
}

test('slot hash: one tag -> one slot', (t) => {
  t.is(slotOf(bytes('{user1000}.following')), slotOf(bytes('{user1000}.followers')));
  t.is(slotOf(bytes('{user1000}.following')), slotOf(bytes('user1000')));
  t.is(slotOf(bytes('foo{bar}{zap}')), slotOf(bytes('bar')));
  t.is(slotOf(bytes('foo{{bar}}zap')), slotOf(bytes('{bar')));
});

test('slot hash: an empty or open tag -> the whole key counts', (t) => {
  for (const key of ['foo{}{bar}', 'foo{bar', 'foo}bar{', '{}'])
    t.is(slotOf(bytes(key)), slot(crcByBits(bytes(key)) % 16_384));
});

test('slot hash: any bytes -> the definition, in any place of a larger buffer', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(5), fc.nat(5), (key, before, after) => {
      const padded = Uint8Array.from([...new Array(before).fill(0x7b), ...key, ...new Array(after).fill(0x7d)]);
      t.is(crc16(padded, before, before + key.length), crcByBits(key));
      t.is(slotOf(padded, before, before + key.length), slotOf(key));
    }),
  );
});
