import test from 'ava';
import fc from 'fast-check';
import {
  compareKeys,
  differingNodes,
  type Entry,
  FIRST_LEVEL,
  judge,
  NodeSet,
  nextStep,
  PageMerge,
  type Verdict,
} from '../../src/core/exchange.js';
import { HashTree, type Level, leafBitsFor } from '../../src/core/hash-tree.js';
import { hashKey } from '../../src/core/key-hash.js';
import { bodyMessageBytes, encodeBody } from '../../src/protocol/body.js';
import { entryBytes, packEntries, packWords } from '../../src/protocol/exchange-body.js';
import { Rec } from '../../src/protocol/record.js';
import { keyHigh, RecordDigester } from '../../src/protocol/record-digest.js';
import { encodeRecord } from '../../src/protocol/record-set.js';
import { plain } from '../actors/sets.js';

/** The walk of two replicas as they do it over messages: the nodes to list, and the bytes that it took. */
function walk(mine: HashTree, theirs: HashTree): { list: Level | undefined; bytes: number } {
  const bitsMax = Math.min(mine.bits, theirs.bits);
  let bytes = 0;
  let level = FIRST_LEVEL;
  for (;;) {
    const digests = theirs.digests(level);
    const ask = encodeBody({ partition: 1, bits: level.bits, nodes: packWords(Uint16Array.from(level.nodes)) });
    bytes += bodyMessageBytes(4, ask);
    bytes += bodyMessageBytes(4, encodeBody({ digests: packWords(digests) }));
    const step = nextStep(level.bits, differingNodes(level, mine.digests(level), digests), bitsMax);
    if (step.kind === 'equal') return { list: undefined, bytes };
    if (step.kind === 'list') return { list: step.level, bytes };
    level = step.level;
  }
}

const toggle = fc.tuple(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 1 }), fc.integer());

test('exchange: any two sets of records in trees of any depth -> the nodes to list hold every difference, and only such', (t) => {
  const bits = fc.integer({ min: 8, max: 16 });
  fc.assert(
    fc.property(
      fc.array(toggle, { maxLength: 200 }),
      fc.array(toggle, { maxLength: 200 }),
      bits,
      bits,
      (both, one, a, b) => {
        const [mine, theirs] = [new HashTree(a), new HashTree(b)];
        for (const [keyHigh, high, low] of both) for (const tree of [mine, theirs]) tree.toggle(keyHigh, high, low);
        for (const [index, [keyHigh, high, low]] of one.entries())
          (index % 2 ? mine : theirs).toggle(keyHigh, high, low);
        const { list } = walk(mine, theirs);
        const listed = new Set(list?.nodes);
        const shift = 32 - (list?.bits ?? 8);
        const changed = new Set(one.map(([keyHigh]) => keyHigh >>> shift));
        // two differences below one node may cancel, and only those
        for (const node of listed) t.true(changed.has(node));
        if (one.length === 1) t.deepEqual([...listed], [...changed]);
      },
    ),
    { numRuns: 60 },
  );
});

test('exchange: 1 million keys, 10 differences -> found with at most 64 KB', (t) => {
  const keys = 1_000_000;
  const words = new Int32Array(64);
  const bytes = Buffer.from(words.buffer);
  const digester = new RecordDigester();
  const [mine, theirs] = [new HashTree(leafBitsFor(keys)), new HashTree(leafBitsFor(keys))];
  const template = plain('a', 1, 'value');
  const key = Buffer.from('user:0000000:profile');
  encodeRecord(words, bytes, 0, { bytes: key, hash: 1, slot: 1 }, template);
  const write = (index: number) => {
    bytes.latin1Write(String(index).padStart(7, '0'), 40 + 5, 7);
    words[Rec.keyHash] = hashKey(words, Rec.key, key.length);
    words[Rec.counterLow] = index;
  };
  const differing = new Set(Array.from({ length: 10 }, (_, index) => index * 99_991 + 7));
  for (let index = 0; index < keys; index++) {
    write(index);
    digester.replace(mine, words, -1, words, 0);
    if (!differing.has(index)) digester.replace(theirs, words, -1, words, 0);
  }
  const { list, bytes: walked } = walk(mine, theirs);
  t.is(list?.nodes.length, 10);
  const set = new NodeSet(list as Level);
  const listed: Entry[] = [];
  for (let index = 0; index < keys; index++) {
    write(index);
    if (set.has(keyHigh(words, 0))) listed.push(digester.entry(words, 0));
  }
  t.true([...differing].every((index) => listed.some((entry) => Buffer.from(entry.key).includes(String(index)))));
  const total = walked + bodyMessageBytes(4, encodeBody({ entries: packEntries(listed) }));
  t.log(`${total} bytes, ${listed.length} keys listed`);
  t.true(total <= 64 * 1024, `${total} bytes`);
  t.true(listed.reduce((sum, entry) => sum + entryBytes(entry), 0) < total);
});

test('exchange: equal trees -> nothing to list, one level looked at', (t) => {
  const { list, bytes } = walk(new HashTree(16), new HashTree(9));
  t.is(list, undefined);
  t.true(bytes < 4_096);
});

const entryOf = (text: string, more: Partial<Entry> = {}): Entry => ({
  key: Buffer.from(text),
  high: 1,
  low: 1,
  replica: 5,
  counter: 1,
  ...more,
});

test('exchange: one key on both sides -> newer plain versions of one replica go one way, others both ways', (t) => {
  const base = entryOf('k');
  t.is(judge(base, entryOf('k')), 'same');
  t.is(judge(base, undefined), 'send');
  t.is(judge(undefined, base), 'fetch');
  t.is(judge(base, entryOf('k', { high: 2, counter: 2 })), 'fetch');
  t.is(judge(entryOf('k', { high: 2, counter: 2 }), base), 'send');
  t.is(judge(base, entryOf('k', { low: 2, replica: 6, counter: 2 })), 'both');
  t.is(judge(entryOf('k', { replica: 0 }), entryOf('k', { low: 2, replica: 0 })), 'both');
});

test('exchange: two lists in key order -> every key that differs is told once, with the verdict of its pair', (t) => {
  const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { maxLength: 30 });
  fc.assert(
    fc.property(names, fc.infiniteStream(fc.nat(3)), (list, stream) => {
      const held = list.map((name) => ({ name, where: stream.next().value as number }));
      const sorted = held.toSorted((a, b) => compareKeys(Buffer.from(a.name), Buffer.from(b.name)));
      const expected = new Map<string, Verdict>();
      for (const { name, where } of sorted) {
        if (where !== 3) expected.set(name, (['send', 'fetch', 'both'] as const)[where]);
      }
      const told: [string, Verdict][] = [];
      const theirs = sorted
        .filter(({ where }) => where !== 0)
        .map(({ name, where }) => entryOf(name, where === 2 ? { low: 9, replica: 6 } : {}));
      const tell = (key: Uint8Array, verdict: Verdict) => {
        if (verdict !== 'same') told.push([Buffer.from(key).toString(), verdict]);
      };
      const merge = new PageMerge(theirs, (key) => tell(key, 'fetch'));
      for (const { name, where } of sorted) if (where !== 1) tell(Buffer.from(name), merge.add(entryOf(name)));
      merge.end();
      t.deepEqual(told, [...expected]);
    }),
  );
});
