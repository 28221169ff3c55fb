import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/core/errors.js';
import type { Clock, Counter, ReplicaId } from '../../src/core/ids.js';
import type { Sibling, SiblingSet } from '../../src/core/siblings.js';
import { RECORD_BYTES_MAX } from '../../src/protocol/limits.js';
import {
  clockOf,
  copyWords,
  counterOf,
  expiresAtMsOf,
  Flag,
  flagsOf,
  getNumber,
  keyBytesOf,
  putNumber,
  Rec,
  recordBytes,
  replicaOf,
  sameDot,
  sameKey,
  setDot,
  siblingCount,
  sizeOf,
  slotOfRecord,
  tagOf,
  valueBytesOf,
  valueWord,
} from '../../src/protocol/record.js';
import {
  decodeRecord,
  decodeVector,
  encodedBytes,
  encodeRecord,
  encodeVector,
  fitsRecord,
  type KeyParts,
  keyParts,
  vectorWords,
} from '../../src/protocol/record-set.js';

const WORDS = 16_384;
const id48 = fc.integer({ min: 1, max: 2 ** 48 - 1 });
const dot = fc.record({ replica: id48, counter: id48 }).map(({ replica, counter }) => ({
  replica: replica as ReplicaId,
  counter: counter as Counter,
}));
const clock = fc.maxSafeInteger().map((value) => Math.abs(value) as Clock);
const key: fc.Arbitrary<KeyParts> = fc.record({
  bytes: fc.uint8Array({ minLength: 1, maxLength: 100 }),
  hash: fc.integer(),
  slot: fc.integer({ min: 0, max: 16_383 }),
});
const sibling: fc.Arbitrary<Sibling> = fc.record({
  dot,
  clock,
  expiresAtMs: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 52 })),
  tombstone: fc.boolean(),
  tag: fc.integer({ min: 1, max: 4 }),
  value: fc.uint8Array({ maxLength: 300 }),
});
const plain: fc.Arbitrary<SiblingSet> = sibling.map((only) => ({ vector: [only.dot], siblings: [only] }));
const set: fc.Arbitrary<SiblingSet> = fc
  .record({ vector: fc.array(dot, { maxLength: 5 }), siblings: fc.array(sibling, { maxLength: 5 }) })
  .filter(({ vector, siblings }) => vector.length !== 1 || siblings.length !== 1);

/** Memory full of noise, so that nothing depends on zeros. */
function noise(): { words: Int32Array<ArrayBuffer>; bytes: Uint8Array } {
  const words = new Int32Array(WORDS).fill(0x5a5a5a5a);
  return { words, bytes: new Uint8Array(words.buffer) };
}

test('record: any plain record or sibling set, at any even word -> decodes to itself, in the bytes foretold', (t) => {
  fc.assert(
    fc.property(key, fc.oneof(plain, set), fc.nat(500), (parts, value, place) => {
      const { words, bytes } = noise();
      const at = place * 2;
      const total = encodeRecord(words, bytes, at, parts, value);
      t.is(total, encodedBytes(parts.bytes.length, value));
      t.is(total % 8, 0);
      t.is(sizeOf(words, at), total);
      t.is(words[at + total / 4], 0x5a5a5a5a, 'nothing behind it is touched');
      t.deepEqual(decodeRecord(words, bytes, at), value);
      t.deepEqual(keyParts(words, bytes, at), parts);
    }),
  );
});

test('record: a plain one -> its header says what it holds', (t) => {
  fc.assert(
    fc.property(key, plain, (parts, value) => {
      const { words, bytes } = noise();
      encodeRecord(words, bytes, 0, parts, value);
      const [only] = value.siblings;
      t.is(replicaOf(words, 0), only.dot.replica);
      t.is(counterOf(words, 0), only.dot.counter);
      t.is(clockOf(words, 0), only.clock);
      t.is(expiresAtMsOf(words, 0), only.expiresAtMs);
      t.is(tagOf(words, 0), only.tag);
      t.is(valueBytesOf(words, 0), only.value.length);
      t.is(keyBytesOf(words, 0), parts.bytes.length);
      t.is(slotOfRecord(words, 0), parts.slot);
      t.is((flagsOf(words, 0) & Flag.tombstone) !== 0, only.tombstone);
      t.is((flagsOf(words, 0) & Flag.expires) !== 0, only.expiresAtMs !== 0);
      t.is(siblingCount(words, 0), 1);
      t.is(sizeOf(words, 0), recordBytes(parts.bytes.length, only.value.length, only.expiresAtMs !== 0));
    }),
  );
});

test('record: a set -> carries SET, its count, and the dot of its newest sibling', (t) => {
  fc.assert(
    fc.property(key, set, (parts, value) => {
      const { words, bytes } = noise();
      encodeRecord(words, bytes, 4, parts, value);
      t.true((flagsOf(words, 4) & Flag.set) !== 0);
      t.is(siblingCount(words, 4), value.siblings.length);
      if (value.siblings.length > 0) t.is(replicaOf(words, 4), value.siblings[0].dot.replica);
    }),
  );
});

test('record: inner lengths that do not fit -> KV_CORRUPT or other bytes of its own, never those behind it', (t) => {
  fc.assert(
    fc.property(key, fc.oneof(plain, set), fc.nat(40), fc.integer(), (parts, value, which, garbage) => {
      const { words, bytes } = noise();
      const total = encodeRecord(words, bytes, 0, parts, value);
      const start = (flagsOf(words, 0) & Flag.set) !== 0 ? valueWord(words, 0) : Rec.valueTag;
      const word = start === Rec.valueTag ? start : start + (which % Math.max(1, total / 4 - start));
      words[word] = garbage;
      try {
        const decoded = decodeRecord(words, bytes, 0);
        const inside = decoded.siblings.reduce((sum, { value: { length } }) => sum + length, 0);
        return inside <= total && decoded.vector.length * 16 <= Math.max(total, 16);
      } catch (error) {
        return error instanceof StoreError && error.code === 'KV_CORRUPT';
      }
    }),
  );
  t.pass();
});

test('record: a plain value that claims one byte more than its record holds -> KV_CORRUPT', (t) => {
  const { words, bytes } = noise();
  const value = { vector: [], siblings: [] };
  const parts = { bytes: new Uint8Array(4), hash: 1, slot: 1 };
  const total = encodeRecord(words, bytes, 0, parts, value);
  words[Rec.size] = total;
  words[Rec.valueTag] = total - valueWord(words, 0) * 4;
  t.notThrows(() => decodeRecord(words, bytes, 0));
  words[Rec.valueTag]++;
  t.throws(() => decodeRecord(words, bytes, 0), { code: 'KV_CORRUPT' });
});

test('record: a set larger than a record may be -> KV_TOO_MANY_SIBLINGS, nothing written', (t) => {
  const one = { clock: 1 as Clock, expiresAtMs: 0, tombstone: false, tag: 1, value: new Uint8Array(1 << 20) };
  const siblings = Array.from({ length: 17 }, (_, i) => ({
    ...one,
    dot: { replica: 1 as ReplicaId, counter: (i + 1) as Counter },
  }));
  const most = { vector: [], siblings: siblings.slice(0, 15) };
  t.true(encodedBytes(8, most) <= RECORD_BYTES_MAX && fitsRecord(8, most));
  t.throws(() => encodedBytes(8, { vector: [], siblings }), { code: 'KV_TOO_MANY_SIBLINGS' });
  t.false(fitsRecord(8, { vector: [], siblings }));
});

test('record: version vectors -> encode and decode; a count beyond the end -> KV_CORRUPT', (t) => {
  fc.assert(
    fc.property(fc.array(dot, { maxLength: 20 }), fc.nat(100), (vector, at) => {
      const { words } = noise();
      const used = encodeVector(words, at, vector);
      t.is(used, vectorWords(vector));
      t.deepEqual(decodeVector(words, at, at + used), vector);
      t.throws(() => decodeVector(words, at, at + used - 1), { code: 'KV_CORRUPT' });
      words[at] = -1;
      t.throws(() => decodeVector(words, at, at + used), { code: 'KV_CORRUPT' });
    }),
  );
  t.throws(() => decodeVector(new Int32Array(4), 4, 4), { code: 'KV_CORRUPT' });
});

test('record: dots, keys and numbers -> equal only where all of their bits are', (t) => {
  fc.assert(
    fc.property(dot, dot, clock, (a, b, at) => {
      const { words } = noise();
      setDot(words, 0, a.replica, a.counter, at);
      setDot(words, 20, b.replica, b.counter, at);
      t.is(sameDot(words, 0, words, 20), a.replica === b.replica && a.counter === b.counter);
      putNumber(words, 41, at);
      t.is(getNumber(words, 41), at);
      t.is(clockOf(words, 0), at);
    }),
  );
  fc.assert(
    fc.property(key, key, (a, b) => {
      const { words, bytes } = noise();
      encodeRecord(words, bytes, 0, a, { vector: [], siblings: [] });
      encodeRecord(words, bytes, 200, { ...b, hash: a.hash, slot: a.slot }, { vector: [], siblings: [] });
      t.is(sameKey(words, 0, words, 200), Buffer.compare(a.bytes, b.bytes) === 0);
    }),
  );
});

test('record: copyWords of any length -> exactly those words', (t) => {
  for (let count = 0; count < 300; count++) {
    const from = Int32Array.from({ length: 400 }, (_, i) => i + 1);
    const to = new Int32Array(400);
    copyWords(from, 5, to, 7, count);
    t.deepEqual([...to.subarray(7, 7 + count)], [...from.subarray(5, 5 + count)]);
    t.is(to[6] + to[7 + count], 0);
  }
});
