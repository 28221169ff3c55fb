/** Replicas that differ are told apart, whatever it is that differs. */
import test from 'ava';
import type { Entry } from '../../../src/client/scan.js';
import { clock, counter, replicaId } from '../../../src/core/ids.js';
import { compareScans } from './replicas.js';

function entry(key: string, count: number, { value = 'value', tombstone = false } = {}): Entry {
  const dot = { replica: replicaId(7), counter: counter(count) };
  const sibling = { dot, clock: clock(count), expiresAtMs: 0, tombstone, tag: 0, value: Buffer.from(value) };
  return { key: Buffer.from(key), set: { vector: [dot], siblings: [sibling] } };
}

async function* scanOf(entries: readonly Entry[]): AsyncGenerator<Entry, void, undefined> {
  yield* entries;
}

const compare = (...replicas: (readonly Entry[])[]) => compareScans(replicas.map(scanOf));

test('replicas: the same records -> nothing differs, and each is counted once', async (t) => {
  const records = [entry('a', 1), entry('b', 2), entry('c', 3)];
  t.deepEqual(await compare(records, records, records), { records: 3, differing: [] });
  t.deepEqual(await compare([], [], []), { records: 0, differing: [] });
});

const OTHERS: Readonly<Record<string, readonly Entry[]>> = {
  'a record is missing': [entry('a', 1)],
  'the last record is one more': [entry('a', 1), entry('b', 2), entry('c', 3)],
  'a version differs': [entry('a', 1), entry('b', 3)],
  'a value differs': [entry('a', 1), entry('b', 2, { value: 'other' })],
  'a tombstone stands where a value does': [entry('a', 1), entry('b', 2, { tombstone: true })],
};

for (const [title, other] of Object.entries(OTHERS)) {
  test(`replicas: ${title} -> just that key is named`, async (t) => {
    const records = [entry('a', 1), entry('b', 2)];
    for (const replicas of [
      [records, records, other],
      [other, records, records],
    ]) {
      const { differing } = await compare(...replicas);
      t.is(differing.length, 1);
      t.regex(differing[0], title.includes('one more') ? /^c: / : /^b: /);
    }
  });
}
