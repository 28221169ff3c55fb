/** Records as frames: whatever goes in comes out, and no damage passes. */
import test from 'ava';
import fc from 'fast-check';
import type { StoredRecord } from '../../src/client/types.js';
import { StoreError } from '../../src/core/errors.js';
import { decodeFrames, encodeFrame } from '../../src/server/record-frames.js';

const bytes = (minLength: number, maxLength: number) =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
const sibling = fc.record({
  type: fc.constantFrom('bytes' as const, 'string' as const, 'cbor' as const),
  value: bytes(0, 80),
  tombstone: fc.boolean(),
  expiresAtMs: fc.nat(2 ** 31),
  writtenAtMs: fc.maxSafeNat(),
});
const record: fc.Arbitrary<StoredRecord> = fc.record({
  key: bytes(1, 60),
  siblings: fc.array(sibling, { minLength: 1, maxLength: 5 }),
});

test('frames: any records -> the same records', (t) => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 5 }), (records) => {
      t.deepEqual(decodeFrames(Buffer.concat(records.map(encodeFrame))), records);
    }),
  );
});

test('frames: one byte changed, or some cut off -> KV_CORRUPT', (t) => {
  fc.assert(
    fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (whole, place, change) => {
      const frame = encodeFrame(whole);
      const at = place % frame.length;
      const cut = frame.subarray(0, Math.max(1, at));
      frame[at] ^= change;
      t.is(t.throws(() => decodeFrames(frame), { instanceOf: StoreError })?.code, 'KV_CORRUPT');
      t.is(t.throws(() => decodeFrames(cut), { instanceOf: StoreError })?.code, 'KV_CORRUPT');
    }),
  );
});
