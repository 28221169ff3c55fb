import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { open } from 'lmdb';
import { type BaseEntry, type BasePair, type BaseRange, BaseTable } from '../../src/storage/base-table.js';

const MiB = 1024 * 1024;
const EMPTY = new Uint8Array(0);

function directory(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'kvorum-base-'));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function openTable(t: ExecutionContext, path: string, mapBytesMax = 256 * MiB, compression = false): BaseTable {
  const table = BaseTable.open({ path, mapBytesMax, compression });
  t.teardown(() => table.close());
  return table;
}

function entry(partition: number, key: string, record: string): BaseEntry {
  return { partition, key: Buffer.from(key), record: Buffer.from(record) };
}

function texts(pairs: Iterable<BasePair>): string[] {
  return [...pairs].map(({ key, record }) => `${key}=${record}`);
}

function numbered(count: number, partition: number, recordBytes: number): BaseEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    partition,
    key: Buffer.from(String(index).padStart(8, '0')),
    record: Buffer.alloc(recordBytes, index & 0xff),
  }));
}

test('base table: written records -> get, has, count; absent ones -> undefined', async (t) => {
  const table = openTable(t, directory(t));
  t.is(table.entryCount, 0);
  await table.write([entry(1, 'a', 'one'), entry(1, 'b', 'two'), entry(2, 'a', 'other')]);
  t.is(table.get(1, Buffer.from('a'))?.toString(), 'one');
  t.is(table.get(2, Buffer.from('a'))?.toString(), 'other');
  t.is(table.get(2, Buffer.from('b')), undefined);
  t.is(table.get(3, Buffer.from('a')), undefined);
  t.true(table.has(1, Buffer.from('b')));
  t.false(table.has(0, Buffer.from('b')));
  t.is(table.entryCount, 3);
  t.true(table.bytes > 0);
});

test('base table: what get returns -> not touched by later reads', async (t) => {
  const table = openTable(t, directory(t));
  await table.write([entry(0, 'a', 'first'), entry(0, 'b', 'secnd')]);
  const first = table.get(0, Buffer.from('a'));
  const second = table.get(0, Buffer.from('b'));
  t.is(`${first} ${second}`, 'first secnd');
});

test('base table: a read before a write in the same turn -> the read after it sees the new record', async (t) => {
  const table = openTable(t, directory(t));
  for (let round = 0; round < 20; round++) {
    table.get(0, Buffer.from('key'));
    await table.write([entry(0, 'key', `round ${round}`)]);
    t.is(table.get(0, Buffer.from('key'))?.toString(), `round ${round}`);
    t.deepEqual(texts(table.range(0)), [`key=round ${round}`]);
  }
});

test('base table: an empty record -> deletes, also what was never there; closed and opened again -> the same', async (t) => {
  const path = directory(t);
  const table = openTable(t, path);
  await table.write([entry(5, 'a', '1'), entry(5, 'b', '2')]);
  await table.write([
    { partition: 5, key: Buffer.from('a'), record: EMPTY },
    { partition: 5, key: Buffer.from('never'), record: EMPTY },
  ]);
  t.is(table.entryCount, 1);
  await table.close();
  await table.close();
  t.throws(() => table.get(5, Buffer.from('b')), { code: 'KV_CLOSED' });
  const again = openTable(t, path);
  t.deepEqual(texts(again.range(5)), ['b=2']);
});

test('base table: any writes in any batches -> ranges of every kind agree with a sorted map', async (t) => {
  const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 });
  const partition = fc.constantFrom(0, 1, 255, 256, 65_535);
  const write = fc.record({ partition, key, record: fc.uint8Array({ maxLength: 5 }) });
  const bound = fc.option(key, { nil: undefined });
  const ranges = fc.array(
    fc.record({ partition, lower: bound, upper: bound, open: fc.boolean(), reverse: fc.boolean(), limit: fc.nat(40) }),
    { maxLength: 8 },
  );
  const table = openTable(t, directory(t));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(write, { maxLength: 30 }), { maxLength: 4 }),
      ranges,
      async (batches, queries) => {
        const model = new Map<string, { partition: number; key: Buffer; record: Buffer }>();
        const old = [...table.keys()].flat().map((found) => ({ ...found, record: EMPTY }));
        await table.write(old);
        for (const batch of batches) {
          await table.write(batch);
          for (const { partition, key, record } of batch) {
            const id = `${partition}:${Buffer.from(key).toString('hex')}`;
            if (record.length === 0) model.delete(id);
            else model.set(id, { partition, key: Buffer.from(key), record: Buffer.from(record) });
          }
        }
        t.is(table.entryCount, model.size);
        const sorted = [...model.values()].sort((a, b) => a.partition - b.partition || a.key.compare(b.key));
        t.deepEqual(
          [...table.keys(3)].flat(),
          sorted.map(({ partition, key }) => ({ partition, key })),
        );
        for (const { partition, lower, upper, open, reverse, limit } of queries) {
          const range: BaseRange = {
            ...(lower && (open ? { gt: lower } : { gte: lower })),
            ...(upper && (open ? { lt: upper } : { lte: upper })),
            reverse,
            limit,
          };
          const inside = sorted.filter((item) => {
            const low = lower === undefined ? 1 : item.key.compare(lower);
            const high = upper === undefined ? -1 : item.key.compare(upper);
            return item.partition === partition && (open ? low > 0 && high < 0 : low >= 0 && high <= 0);
          });
          if (reverse) inside.reverse();
          const expected = inside.slice(0, limit).map(({ key, record }) => ({ key, record }));
          t.deepEqual([...table.range(partition, range)], expected);
        }
      },
    ),
    { numRuns: 25 },
  );
});

test('base table: the longest keys and large records, all bytes 255, last partition -> found by get and range', async (t) => {
  const table = openTable(t, directory(t));
  const key = Buffer.alloc(1_932, 0xff);
  const record = Buffer.alloc(100_000, 0xee);
  await table.write([{ partition: 65_535, key, record }]);
  t.deepEqual(table.get(65_535, key), record);
  t.deepEqual([...table.range(65_535)], [{ key, record }]);
  t.deepEqual([...table.range(65_535, { reverse: true })], [{ key, record }]);
  await t.throwsAsync(table.write([{ partition: 0, key: Buffer.alloc(1_933, 1), record }]), { code: 'KV_INTERNAL' });
  await t.throwsAsync(table.write([{ partition: 0, key: EMPTY, record }]), { code: 'KV_INTERNAL' });
});

test('base table: a batch of many slices -> all there, keys in slices, ranges across chunks, with writes in between', async (t) => {
  const table = openTable(t, directory(t));
  await table.write([...numbered(3_500, 7, 100), ...numbered(10, 8, 9_000)]);
  t.is(table.entryCount, 3_510);
  t.is([...table.range(7)].length, 3_500);
  const slices = [...table.keys(1_000)];
  t.deepEqual(
    slices.map((slice) => slice.length),
    [1_000, 1_000, 1_000, 510],
  );
  const seen: string[] = [];
  for (const { key } of table.range(7)) {
    if (seen.length === 300) await table.write([entry(7, '00003499x', 'new'), entry(7, '00000000x', 'behind')]);
    seen.push(key.toString());
  }
  t.is(seen.length, 3_501);
  t.is(seen.at(-1), '00003499x');
});

test('base table: compression -> the same records, fewer bytes', async (t) => {
  const plain = openTable(t, directory(t));
  const packed = openTable(t, directory(t), 256 * MiB, true);
  const batch = numbered(1_000, 3, 1_500);
  await plain.write(batch);
  await packed.write(batch);
  for (const { partition, key, record } of batch) t.deepEqual(packed.get(partition, key), record);
  t.is([...packed.range(3)].length, 1_000);
  t.true(packed.bytes < plain.bytes / 3, `${packed.bytes} of ${plain.bytes}`);
});

test('base table: a second write before the first is done -> KV_INTERNAL, and the first is not harmed', async (t) => {
  const table = openTable(t, directory(t));
  const first = table.write(numbered(2_500, 0, 10));
  await t.throwsAsync(table.write([entry(1, 'a', 'b')]), { code: 'KV_INTERNAL' });
  await first;
  t.is(table.entryCount, 2_500);
});

test('base table: closed in the middle of a batch -> KV_CLOSED, whole slices on disk', async (t) => {
  const path = directory(t);
  const table = openTable(t, path);
  const write = table.write(numbered(5_000, 0, 10));
  const refused = t.throwsAsync(write, { code: 'KV_CLOSED' });
  await table.close();
  const error = (await refused) as Error & { details: { written: number } };
  t.is(openTable(t, path).entryCount, error.details.written);
});

test('base table: the size limit -> KV_STORAGE_FULL with nothing applied; deletes make room again', async (t) => {
  const table = openTable(t, directory(t), 16 * MiB);
  let batches = 0;
  const part = (index: number): BaseEntry[] => numbered(500, index, 4_000);
  const error = await t.throwsAsync(
    (async () => {
      for (; ; batches++) await table.write(part(batches));
    })(),
    { code: 'KV_STORAGE_FULL' },
  );
  t.is((error as Error & { details: { written: number } }).details.written, 0);
  t.true(batches >= 2, `full after ${batches} batches`);
  t.is(table.entryCount, batches * 500);
  t.true(table.bytes <= 16 * MiB);
  t.deepEqual([...table.range(batches)], []);
  t.is([...table.range(batches - 1)].length, 500);
  await table.write(part(0).map((old) => ({ ...old, record: EMPTY })));
  await table.write(part(0));
  t.is(table.entryCount, batches * 500);
});

test('base table: a record whose bytes changed on disk -> KV_CORRUPT from get, reported by range, others served', async (t) => {
  const path = directory(t);
  const table = openTable(t, path);
  await table.write([entry(1, 'a', 'good'), entry(1, 'b', 'spoilt'), entry(1, 'c', 'fine')]);
  await table.close();
  const raw = open<Buffer, Uint8Array>({ path, noSubdir: false, encoding: 'binary', keyEncoding: 'binary' });
  const key = Buffer.from('\0\x01b');
  const bytes = Buffer.from(raw.get(key) as Buffer);
  bytes[6] ^= 1;
  await raw.put(key, bytes);
  await raw.put(Buffer.from('\0\x01d'), Buffer.from('cut'));
  await raw.close();

  const again = openTable(t, path);
  t.throws(() => again.get(1, Buffer.from('b')), { code: 'KV_CORRUPT' });
  t.throws(() => again.get(1, Buffer.from('d')), { code: 'KV_CORRUPT' });
  t.true(again.has(1, Buffer.from('b')));
  t.throws(() => [...again.range(1)], { code: 'KV_CORRUPT' });
  const bad: string[] = [];
  const onCorrupt = (spoilt: Buffer): void => void bad.push(spoilt.toString());
  t.deepEqual(texts(again.range(1, { onCorrupt })), ['a=good', 'c=fine']);
  t.deepEqual(texts(again.range(1, { onCorrupt, limit: 2 })), ['a=good', 'c=fine']);
  t.deepEqual(bad, ['b', 'd', 'b']);
});

test('base table: a path below a file -> KV_PATH; a file that is no LMDB -> KV_CORRUPT', (t) => {
  const path = directory(t);
  const file = join(path, 'file');
  writeFileSync(file, 'x');
  t.throws(() => BaseTable.open({ path: join(file, 'base'), mapBytesMax: MiB, compression: false }), {
    code: 'KV_PATH',
  });
  writeFileSync(join(path, 'data.mdb'), Buffer.alloc(20_000, 7));
  t.throws(() => BaseTable.open({ path, mapBytesMax: MiB, compression: false }), { code: 'KV_CORRUPT' });
});
