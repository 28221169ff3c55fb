/** Records that are appended in any sizes and moved to a file at any time: they come back as they were. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { RecordSpool, SpoolReader } from '../../src/client/record-spool.js';
import { encodedBytes, encodeRecord } from '../../src/protocol/record-set.js';
import { partsOf } from '../../src/sim/messages.js';
import { plain } from '../actors/sets.js';
import { makeFolder } from './store-fixture.js';

const nameOf = (index: number) => `key ${String(index).padStart(6, '0')}`;

function recordOf(index: number, valueBytes: number): Int32Array {
  const key = partsOf(nameOf(index));
  const set = plain('a', index + 1, 'v'.repeat(valueBytes));
  const words = new Int32Array(encodedBytes(key.bytes.length, set) / 4);
  encodeRecord(words, Buffer.from(words.buffer), 0, key, set);
  return words;
}

/** Key and bytes of all that is in it. */
async function all(spool: RecordSpool): Promise<[string, Int32Array][]> {
  const found: [string, Int32Array][] = [];
  const reader = new SpoolReader(spool);
  for (await reader.load(); reader.key !== undefined; ) {
    const { key, words, at } = reader;
    found.push([key, words.slice(at, at + (words[at] & 0xff_ff_ff) / 4)]);
    if (!reader.step()) await reader.load();
  }
  return found;
}

test('record spool: records of any sizes, moved to a file now and then -> the same, in order; nothing is left in the folder', async (t) => {
  const folder = makeFolder(t);
  const step = fc.record({ valueBytes: fc.nat(9_000), isMoved: fc.nat(9).map((chance) => chance === 0) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80 }), async (steps) => {
      const spool = new RecordSpool();
      let bytes = 0;
      for (const [index, { valueBytes, isMoved }] of steps.entries()) {
        const record = recordOf(index, valueBytes);
        spool.append(record, 0);
        bytes += record.byteLength;
        if (isMoved) {
          t.true(await spool.moveTo(folder));
          bytes = 0;
        }
        t.is(spool.bytes, bytes, 'what is in memory is counted');
      }
      t.deepEqual(readdirSync(folder), []);
      const expected = steps.map(({ valueBytes }, index) => [nameOf(index), recordOf(index, valueBytes)]);
      t.deepEqual((await all(spool)) as unknown[], expected);
      await spool.close();
      await spool.close();
    }),
    { numRuns: 40 },
  );
});

test('record spool: a record larger than a chunk -> whole, from memory and from the file', async (t) => {
  const spool = new RecordSpool();
  for (const [index, bytes] of [10, 300_000, 20].entries()) spool.append(recordOf(index, bytes), 0);
  t.true(await spool.moveTo(makeFolder(t)));
  spool.append(recordOf(3, 300_000), 0);
  t.deepEqual(
    (await all(spool)).map(([key, { byteLength }]) => [key, byteLength > 300_000]),
    [0, 1, 2, 3].map((index) => [nameOf(index), index % 2 === 1]),
  );
  await spool.close();
});

test('record spool: a folder that is not there -> false, and everything stays in memory', async (t) => {
  const spool = new RecordSpool();
  spool.append(recordOf(0, 10), 0);
  const { bytes } = spool;
  t.false(await spool.moveTo(join(makeFolder(t), 'none')));
  t.is(spool.bytes, bytes);
  t.is((await all(spool)).length, 1);
});
