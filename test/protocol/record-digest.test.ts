import test from 'ava';
import fc from 'fast-check';
import { HashTree } from '../../src/core/hash-tree.js';
import { clock } from '../../src/core/ids.js';
import { hashKey } from '../../src/core/key-hash.js';
import type { SiblingSet } from '../../src/core/siblings.js';
import { Flag, Rec } from '../../src/protocol/record.js';
import { keyHigh, RecordDigester } from '../../src/protocol/record-digest.js';
import { encodedBytes, encodeRecord } from '../../src/protocol/record-set.js';
import { joined, plain } from '../actors/sets.js';

function hashOf(bytes: Uint8Array): number {
  const words = new Int32Array((bytes.length + 3) >>> 2);
  new Uint8Array(words.buffer).set(bytes);
  return hashKey(words, 0, bytes.length);
}

interface Held {
  readonly words: Int32Array;
  readonly at: number;
}

/** A record behind a few words of something else, its padding filled with noise. */
function held(key: string, set: SiblingSet, noise = 0): Held {
  const bytes = Buffer.from(key);
  const words = new Int32Array(8 + encodedBytes(bytes.length, set) / 4).fill(0x5a5a5a5a);
  encodeRecord(words, Buffer.from(words.buffer), 8, { bytes, hash: hashOf(bytes), slot: 2 }, set);
  words[8 + Rec.previous] = noise;
  return { words, at: 8 };
}

function digestOf({ words, at }: Held): string {
  const digester = new RecordDigester();
  digester.record(words, at);
  return `${digester.high}:${digester.low}`;
}

const expiring = (set: SiblingSet, expiresAtMs: number): SiblingSet => ({
  ...set,
  siblings: set.siblings.map((sibling) => ({ ...sibling, expiresAtMs })),
});

test('record digest: key, dot, clock, expiry, vector, siblings -> each changes it', (t) => {
  const base = plain('a', 1, 'x');
  const both = joined(base, plain('b', 1, 'x'));
  const records = [
    held('a', base),
    held('b', base),
    held('ab', base),
    held('abcd', base),
    held('abcde', base),
    held('a', plain('a', 2, 'x')),
    held('a', plain('b', 1, 'x')),
    held('a', plain('d', 1, 'x')),
    held('a', plain('a', 1, 'x', { clock: clock(8) })),
    held('a', plain('a', 1, 'x', { clock: clock(8 + 2 ** 40) })),
    held('a', expiring(base, 9)),
    held('a', both),
    held('a', expiring(both, 9)),
    held('a', { ...both, siblings: both.siblings.slice(1) }),
    held('a', { ...both, siblings: [] }),
  ];
  t.is(new Set(records.map(digestOf)).size, records.length);
});

test('record digest: value, tombstone, tag, what stands in padding -> none changes it', (t) => {
  const sets = [plain('a', 1, 'x'), joined(plain('a', 1, 'x'), plain('b', 2, 'y'))];
  for (const set of sets) {
    const dead = set.siblings.map((sibling) => ({ ...sibling, tombstone: true, value: Buffer.from('longer'), tag: 9 }));
    const twin = held('abc', { ...set, siblings: dead }, 77);
    t.is(digestOf(held('abc', set)), digestOf(twin));
    twin.words[twin.at + Rec.key] ^= 0xff << 24;
    t.is(digestOf(held('abc', set)), digestOf(twin));
  }
});

test('record digest: a forgotten key, or none -> zero', (t) => {
  const record = held('a', plain('a', 1, 'x'));
  record.words[record.at] |= (Flag.tombstone | Flag.forgotten) << 24;
  t.is(digestOf(record), '0:0');
  t.is(digestOf({ ...record, at: -1 }), '0:0');
});

test('record digest: any writes and deletes -> the updated tree equals one built from what is left', (t) => {
  const name = fc.string({ minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.nat(3)), { maxLength: 40 }), (list) => {
      const digester = new RecordDigester();
      const [updated, rebuilt] = [new HashTree(), new HashTree(9)];
      const records = new Map<string, Held>();
      const nothing = { words: new Int32Array(0), at: -1 };
      for (const [key, count] of list) {
        const before = records.get(key) ?? nothing;
        const after = count === 0 ? nothing : held(key, plain('a', count, 'v'));
        if (before === nothing && after === nothing) continue;
        digester.replace(updated, before.words, before.at, after.words, after.at);
        records.set(key, after);
      }
      for (const record of records.values()) {
        if (record !== nothing) digester.replace(rebuilt, nothing.words, -1, record.words, record.at);
      }
      t.true(updated.equals(rebuilt));
      t.is(updated.records, rebuilt.records);
    }),
  );
});

test('record digest: not linear -> XOR over a square of keys and counters does not cancel', (t) => {
  const digester = new RecordDigester();
  for (let count = 2; count < 200; count++) {
    const tree = new HashTree();
    for (const key of ['a', 'b']) {
      for (const one of [1, count]) {
        const record = held(key, plain('a', one, 'v'));
        digester.replace(tree, record.words, -1, record.words, record.at);
      }
    }
    t.not(tree.rootHigh | tree.rootLow, 0);
  }
});

test('record digest: 20,000 keys -> no collision in either word beyond chance, leaves evenly filled', (t) => {
  const highs = new Set<number>();
  const lows = new Set<number>();
  const filled = new Array<number>(256).fill(0);
  const digester = new RecordDigester();
  for (let index = 0; index < 20_000; index++) {
    const { words, at } = held(`key-${index}`, plain('a', 1, 'v'));
    digester.record(words, at);
    highs.add(digester.high);
    lows.add(digester.low);
    filled[keyHigh(words, at) >>> 24]++;
  }
  t.true(highs.size > 19_990 && lows.size > 19_990);
  t.true(Math.min(...filled) > 40 && Math.max(...filled) < 130);
});
