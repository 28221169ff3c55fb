/** Damaged pages of a base table: found before LMDB meets them, or when it does; a whole table is never taken for a damaged one. */
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { asStoreError, type StoreError } from '../../src/core/errors.js';
import { checkBase } from '../../src/storage/base-check.js';
import { isOfBase, noteUnproven, setBaseAside, UNPROVEN_MAX, unprovenLives } from '../../src/storage/base-damage.js';
import { type BaseMeta, META_PAGES, PAGE_BYTES, readMetas } from '../../src/storage/base-meta.js';
import { type BaseEntry, BaseTable } from '../../src/storage/base-table.js';
import { brokenPage } from '../../src/storage/base-walk.js';
import { makeFolder } from '../client/store-fixture.js';
import { misleadRoot, newestMeta, shortenLeaf } from './base-bytes.js';
import { change } from './log-bytes.js';

const MiB = 2 ** 20;
const dataOf = (path: string): string => join(path, 'data.mdb');
const openTable = (path: string, compression = false): BaseTable =>
  BaseTable.open({ path, mapBytesMax: 64 * MiB, compression });

function entries(from: number, to: number, bytes: (index: number) => number): BaseEntry[] {
  const batch = Array.from({ length: to - from }, (_, index) => from + index).map((index) => ({
    partition: index % 3,
    key: Buffer.from(`key-${String(index).padStart(6, '0')}`),
    record: Buffer.alloc(bytes(index), index),
  }));
  return batch.sort((a, b) => a.partition - b.partition || Buffer.compare(a.key, b.key));
}

/** A closed table of 1,000 records, each within a page. */
async function makeTable(t: ExecutionContext): Promise<string> {
  const path = join(makeFolder(t), 'base');
  const table = openTable(path);
  await table.write(entries(0, 1_000, () => 300));
  await table.close();
  return path;
}

function metaOf(path: string): BaseMeta {
  const meta = readMetas(readFileSync(dataOf(path)).subarray(0, META_PAGES * PAGE_BYTES));
  if ('why' in meta) throw new Error(meta.why);
  return meta;
}

function errorOf(call: () => unknown): StoreError | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return asStoreError(error);
  }
}

/** Why a look at every page refuses the table. */
const wrongWith = (path: string): string | undefined => errorOf(() => checkBase(path, true))?.message;

test('base damage: any page is noise, zeros or another page -> each that is in use is found', async (t) => {
  const path = await makeTable(t);
  const file = dataOf(path);
  const whole = readFileSync(file);
  const { free, main } = metaOf(path);
  const noise = Buffer.from(Array.from({ length: PAGE_BYTES }, (_, index) => (index * 167 + (index >>> 4) * 89) & 255));
  for (const [what, bytes] of [
    ['noise', noise],
    ['zeros', Buffer.alloc(PAGE_BYTES)],
    ['another page', whole.subarray(main.root * PAGE_BYTES, (main.root + 1) * PAGE_BYTES)],
  ] as const) {
    let found = 0;
    for (let page = META_PAGES; page < whole.length / PAGE_BYTES; page++) {
      const damaged = Buffer.from(whole);
      damaged.set(bytes, page * PAGE_BYTES);
      writeFileSync(file, damaged);
      if (wrongWith(path) !== undefined) found++;
    }
    t.is(found, free.pages + main.pages - (what === 'another page' ? 1 : 0), what);
  }
});

test('base damage: a root is zeros -> told at each open, without a look at every page', async (t) => {
  const path = await makeTable(t);
  const whole = readFileSync(dataOf(path));
  const { free, main } = metaOf(path);
  for (const { root } of [free, main]) {
    writeFileSync(dataOf(path), Buffer.from(whole).fill(0, root * PAGE_BYTES, (root + 1) * PAGE_BYTES));
    t.true(isOfBase(errorOf(() => openTable(path)) as StoreError), `page ${root}`);
  }
});

test('base damage: the file ends anywhere -> told at once, unless what is gone is free', async (t) => {
  const path = await makeTable(t);
  const file = dataOf(path);
  const whole = readFileSync(file);
  let told = 0;
  for (let bytes = 1; bytes < whole.length; bytes += 1_000) {
    writeFileSync(file, whole.subarray(0, bytes));
    const error = errorOf(() => checkBase(path));
    if (error === undefined) continue;
    t.true(isOfBase(error), `${error}`);
    told++;
  }
  t.true(told > (whole.length / 1_000) * 0.8, `${told} of ${whole.length / 1_000}`);
});

test('base damage: the fields of both meta pages are noise -> told, whichever', async (t) => {
  const path = await makeTable(t);
  const whole = readFileSync(dataOf(path));
  // page header, magic, version; then the trees, and the last page
  for (const at of [18, 24, 28, 48, 96 + 6, 96 + 40, 144]) {
    writeFileSync(dataOf(path), whole);
    change(dataOf(path), (bytes) => {
      for (const page of [0, PAGE_BYTES]) bytes.writeUInt32LE(at === 28 ? 1 : 0x5a5a5a50, page + at);
      return undefined;
    });
    t.true(isOfBase(errorOf(() => checkBase(path)) as StoreError), `byte ${at}`);
  }
  writeFileSync(dataOf(path), whole);
  change(dataOf(path), (bytes) => {
    for (const page of [0, PAGE_BYTES]) bytes.writeUInt32LE(3, page + 28);
    return undefined;
  });
  t.is(errorOf(() => checkBase(path))?.code, 'KV_FORMAT_TOO_NEW');
});

test('base damage: none, after writes, deletes and large values, compressed or not -> every page makes sense, and the file is long enough', async (t) => {
  for (const compression of [false, true]) {
    const path = join(makeFolder(t), 'base');
    const table = openTable(path, compression);
    for (let round = 0; round < 25; round++) {
      const from = (round * 397) % 1_500;
      await table.write(
        entries(from, from + 400, (index) => ((index + round) % 5 === 0 ? 0 : 1 + ((index * 37 * round) % 9_000))),
      );
      const fd = openSync(dataOf(path), 'r');
      const start = Buffer.alloc(META_PAGES * PAGE_BYTES);
      readSync(fd, start, 0, start.length, 0);
      const meta = readMetas(start) as BaseMeta;
      const { size } = fstatSync(fd);
      t.is(brokenPage(fd, size, meta), undefined, `round ${round}`);
      t.true(size >= (meta.lastPage + 1) * PAGE_BYTES, `round ${round}`);
      closeSync(fd);
    }
    await table.close();
  }
});

test('base damage: a branch points nowhere -> the read says so, nothing is written any more, and the next life is told', async (t) => {
  const path = await makeTable(t);
  misleadRoot(dataOf(path));
  const table = openTable(path);
  t.true(isOfBase(errorOf(() => [...table.keys()]) as StoreError));
  t.throws(() => table.checkDamage(), { code: 'KV_CORRUPT', message: /damaged: MDB_PAGE_NOTFOUND/ });
  await t.throwsAsync(table.write(entries(0, 1, () => 9)), { code: 'KV_CORRUPT' });
  await table.close();
  t.throws(() => openTable(path), { code: 'KV_CORRUPT', message: /damaged: MDB_PAGE_NOTFOUND/ });
});

test('base damage: a leaf has lost keys -> fewer are read than there are, nothing is written any more, and the next life looks at every page', async (t) => {
  const path = await makeTable(t);
  shortenLeaf(dataOf(path));
  const table = openTable(path);
  t.is(errorOf(() => [...table.keys()])?.message, `the base table at ${path} is damaged: 999 keys were read of 1000`);
  t.throws(() => table.checkDamage(), { code: 'KV_CORRUPT' });
  await t.throwsAsync(table.write(entries(0, 1, () => 9)), { code: 'KV_CORRUPT' });
  await table.close();
  t.throws(() => openTable(path), { code: 'KV_CORRUPT', message: /999 entries were found of 1000/ });
});

test('base damage: lives that end before they have read every key -> the one behind two of them looks at every page', async (t) => {
  const path = await makeTable(t);
  const table = openTable(path);
  t.is(unprovenLives(path), 1);
  t.is([...table.keys()].flat().length, 1_000);
  t.is(unprovenLives(path), 0);
  await table.close();
  shortenLeaf(dataOf(path));
  for (let lives = 0; lives < UNPROVEN_MAX; lives++) {
    noteUnproven(path, lives);
    const next = openTable(path);
    t.is(unprovenLives(path), lives + 1);
    await next.close();
    t.is(unprovenLives(path), 0);
  }
  noteUnproven(path, UNPROVEN_MAX);
  t.throws(() => openTable(path), { code: 'KV_CORRUPT', message: /999 entries/ });
});

test('base damage: set aside -> one copy is kept, the newest; none where it cannot be moved', async (t) => {
  const path = await makeTable(t);
  const aside = join(path, '..', 'damaged');
  t.is(setBaseAside(path, aside), join(aside, 'base'));
  mkdirSync(path);
  writeFileSync(dataOf(path), 'second');
  t.is(setBaseAside(path, aside), join(aside, 'base'));
  t.is(readFileSync(join(aside, 'base', 'data.mdb'), 'utf8'), 'second');
  t.deepEqual(readdirSync(aside), ['base']);
  mkdirSync(path);
  writeFileSync(join(path, '..', 'file'), '');
  t.is(setBaseAside(path, join(path, '..', 'file')), undefined);
  t.false(existsSync(path));
});

test('base damage: the meta pages of a whole table -> the newer one', async (t) => {
  const path = await makeTable(t);
  const { transaction, main } = newestMeta(dataOf(path));
  t.true(transaction > 0);
  t.is(main.entries, 1_000);
});
