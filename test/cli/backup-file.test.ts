/** A file of a backup: what is written is read, however the frames fall into chunks, and what was replaced is noticed. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type BackupHeader, type Frames, faultOf, readBackupFile, writeBackupFile } from '../../src/cli/backup-file.js';
import { instantLines, instantsOf } from '../../src/cli/backup-manifest.js';
import type { StoredRecord } from '../../src/client/types.js';
import { decodeFrames, encodeFrame } from '../../src/server/record-frames.js';
import { collect } from '../client/store-fixture.js';

const HEADER: BackupHeader = { format: 1, clusterName: 'kvorum', partitions: 8, epoch: 3, partition: 5 };

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-backup-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

function record(index: number, bytes: number): StoredRecord {
  const sibling = { type: 'bytes', tombstone: false, expiresAtMs: 0, writtenAtMs: index } as const;
  return { key: Buffer.from(`key-${index}`), siblings: [{ ...sibling, value: Buffer.alloc(bytes, index) }] };
}

/** A page a record, and empty pages between them. */
async function* pagesOf(records: readonly StoredRecord[]): AsyncGenerator<Frames> {
  for (const one of records) {
    yield { frames: encodeFrame(one), count: 1 };
    yield { frames: Buffer.alloc(0), count: 0 };
  }
}

for (const [condition, records] of [
  ['nothing', []],
  ['many small records, over several chunks', Array.from({ length: 3_000 }, (_, index) => record(index, 300))],
  ['records larger than a chunk', Array.from({ length: 4 }, (_, index) => record(index, 900_000))],
] as const) {
  test(`backup file: ${condition} -> the same records, and no fault`, async (t) => {
    const folder = await folderOf(t);
    const file = await writeBackupFile(folder, HEADER, pagesOf(records));
    t.like(file, { name: 'partition-0005.kvb', partition: 5, records: records.length });
    t.is((await readFile(join(folder, file.name))).length, file.bytes);
    const pieces = await collect(readBackupFile(join(folder, file.name), HEADER));
    t.deepEqual(decodeFrames(Buffer.concat(pieces.map(({ frames }) => frames))), records);
    t.is(
      pieces.reduce((sum, { count }) => sum + count, 0),
      records.length,
    );
    t.is(await faultOf(folder, file, HEADER), undefined);
  });
}

test('backup file: whole, but not the one that was written -> the SHA-256, the count or the header tells', async (t) => {
  const folder = await folderOf(t);
  const file = await writeBackupFile(folder, HEADER, pagesOf([record(1, 10)]));
  await writeBackupFile(folder, HEADER, pagesOf([record(2, 10)]));
  t.is(await faultOf(folder, file, HEADER), 'its SHA-256 is not the one in the manifest');
  await writeBackupFile(folder, HEADER, pagesOf([record(1, 10), record(2, 10)]));
  t.is(await faultOf(folder, file, HEADER), 'it holds 2 records, the manifest says 1');
  await writeBackupFile(folder, { ...HEADER, epoch: 4 }, pagesOf([record(1, 10)]));
  t.is(await faultOf(folder, file, HEADER), `it belongs to another backup (at byte 0)`);
});

test('backup file: cut off at any byte, or something behind the end -> a fault', async (t) => {
  const folder = await folderOf(t);
  const file = await writeBackupFile(folder, HEADER, pagesOf([record(1, 10), record(2, 10)]));
  const path = join(folder, file.name);
  const whole = await readFile(path);
  for (let length = 0; length < whole.length; length++) {
    await writeFile(path, whole.subarray(0, length));
    t.regex((await faultOf(folder, file, HEADER)) ?? '', /it is cut off/, `${length} bytes`);
  }
  await writeFile(path, Buffer.concat([whole, Buffer.from('x')]));
  t.regex((await faultOf(folder, file, HEADER)) ?? '', /something follows the end/);
});

test('manifest: files of one instant, of none, and of a version that did not ask -> counted, and why, in words', (t) => {
  const file = (partition: number) => ({ name: '', partition, records: 0, bytes: 0, sha256: '' });
  const files = [
    { ...file(0), instant: true },
    ...Array.from({ length: 13 }, (_, index) => ({ ...file(1 + index), instant: false, reason: 'too-busy' as const })),
    { ...file(14), instant: false, reason: 'too-large' as const },
    file(15),
  ];
  const instants = instantsOf(files);
  t.is(instants.instants, 1);
  t.deepEqual(instants.notInstant.at(-1), { partition: 15, reason: 'unknown' });
  t.deepEqual(instantLines(instants), [
    'each at one instant of its own: 1 of 16 partitions',
    'of no one instant (written to all the time): 13 partitions, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, ...',
    'of no one instant (larger than an image of it may be): 1 partition, 14',
    'of no one instant (made by a version that did not ask for one): 1 partition, 15',
  ]);
});
