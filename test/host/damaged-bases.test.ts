/** Base tables whose pages are damaged: the node begins anew with what its log holds, and heals from its replicas. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { hostOf } from '../../src/client/open.js';
import { NodeFiles } from '../../src/host/node-files.js';
import { type OpenStoreOptions, open, type Store } from '../../src/index.js';
import { setBaseAside } from '../../src/storage/base-damage.js';
import { META_PAGES, PAGE_BYTES } from '../../src/storage/base-meta.js';
import { failsWith, makeFolder, openSmall, patiently, SMALL, until } from '../client/store-fixture.js';
import { clearLeaves, misleadRoot } from '../storage/base-bytes.js';
import { change } from '../storage/log-bytes.js';
import { listen } from './told-damage.js';

const KEYS = 1_500;
const OPTIONS: OpenStoreOptions = { ...SMALL, memoryBytes: 4 * 2 ** 20, logBytesMax: 4 * 2 ** 20 };
const value = (index: number): string => `${index} ${'y'.repeat(1_000)}`;
const baseOf = (path: string, node: number): string => join(path, `node-00${node}`, 'base');
const dataOf = (path: string, node: number): string => join(baseOf(path, node), 'data.mdb');
const keptOf = (path: string, node: number): string => join(path, `node-00${node}`, 'damaged', 'base');

interface NodeFile {
  readonly replica: number;
  readonly doubt?: string;
}

const nodeFile = (path: string, node: number): NodeFile =>
  JSON.parse(readFileSync(join(path, `node-00${node}`, 'node.json'), 'utf8')) as NodeFile;

/** A closed store, most of whose records are in the base tables alone. */
async function makeStore(t: ExecutionContext, options: OpenStoreOptions = {}): Promise<string> {
  const path = join(makeFolder(t), 'data');
  const store = await open({ ...OPTIONS, path, ...options });
  for (let from = 0; from < KEYS; from += 500) {
    const pairs = Array.from({ length: 500 }, (_, index) => [`key-${from + index}`, value(from + index)] as const);
    await patiently(() => store.putMany(pairs, { w: store.ring().n }));
  }
  await store.close();
  return path;
}

/** What befalls `data.mdb`, and what is told of it. */
const DAMAGES: Readonly<Record<string, readonly [damage: (file: string) => void, reason: RegExp]>> = {
  'its half is gone': [(file) => truncateSync(file, statSync(file).size >>> 1), /page|meta/],
  'only its meta pages are left': [(file) => truncateSync(file, META_PAGES * PAGE_BYTES), /page/],
  'its meta pages are zero': [(file) => overwrite(file, 0, META_PAGES * PAGE_BYTES), /none of LMDB/],
  'its meta pages are noise': [(file) => overwrite(file, 32, META_PAGES * PAGE_BYTES - 32, 0xa5), /meta|none of LMDB/],
  'its first meta page has another version': [(file) => overwrite(file, 28, 1, 9), /meta page/],
  'it is empty': [(file) => truncateSync(file, 0), /empty, or gone/],
  'it is gone': [(file) => rmSync(file), /empty, or gone/],
  'its pages are zero': [
    (file) => overwrite(file, META_PAGES * PAGE_BYTES, Number.MAX_SAFE_INTEGER),
    /page \d+ is damaged/,
  ],
};

function overwrite(file: string, at: number, bytes: number, byte = 0): void {
  change(file, (data) => {
    data.fill(byte, at, Math.min(data.length, at + bytes));
    return undefined;
  });
}

async function isWhole(t: ExecutionContext, store: Store, r = 3): Promise<void> {
  await until(async () => (await store.stats()).nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0));
  const keys = Array.from({ length: KEYS }, (_, index) => `key-${index}`);
  for (let from = 0; from < KEYS; from += 200) {
    const values = await patiently(() => Promise.all(keys.slice(from, from + 200).map((key) => store.get(key, { r }))));
    for (const [index, seen] of values.entries()) if (seen !== value(from + index)) t.fail(`key-${from + index}`);
  }
  await until(async () => (await store.repair({ dryRun: true })).differing === 0);
}

test.serial(
  'a damaged base table: however, of one of three nodes -> is told, kept, the node heals and counts again',
  async (t) => {
    const whole = await makeStore(t);
    const { replica } = nodeFile(whole, 1);
    for (const [what, [damage, reason]] of Object.entries(DAMAGES)) {
      const path = join(makeFolder(t), 'data');
      cpSync(whole, path, { recursive: true });
      damage(dataOf(path, 1));
      const store = await openSmall(t, { ...OPTIONS, path });
      const told = listen(store, 'base-damaged');
      for (let index = 0; index < KEYS; index += 100) t.is(await store.get(`key-${index}`), value(index), what);
      await until(() => told.damages.length > 0);
      const [{ reason: why, ...detail }] = told.damages;
      t.deepEqual(detail, { node: 1, base: baseOf(path, 1), keptAs: keptOf(path, 1) }, what);
      t.regex(why, reason, what);
      t.true(existsSync(keptOf(path, 1)));
      await isWhole(t, store);
      t.not(nodeFile(path, 1).replica, replica);
      t.is(nodeFile(path, 1).doubt, undefined);
      t.deepEqual([told.damages.length, told.errors, told.lost], [1, [], []], what);
      await store.close();
    }
  },
);

test.serial('a damaged base table: of a node that has healed -> the others go, and it holds everything', async (t) => {
  const path = await makeStore(t);
  truncateSync(dataOf(path, 1), statSync(dataOf(path, 1)).size >>> 1);
  const store = await openSmall(t, { ...OPTIONS, path });
  await isWhole(t, store);
  for (const node of [0, 2]) await hostOf(store).supervisor(node).hold();
  for (let index = 0; index < KEYS; index += 5) {
    t.is(await patiently(() => store.get(`key-${index}`, { r: 1 })), value(index));
  }
});

test.serial(
  'a damaged base table: set aside by a life that went no further -> the next one is in doubt, and heals',
  async (t) => {
    const path = await makeStore(t);
    const files = new NodeFiles(join(path, 'node-001'));
    files.open();
    files.beginSalvage();
    setBaseAside(files.basePath, files.damagedDirectory);
    t.is(nodeFile(path, 1).doubt, 'rollback');
    const store = await openSmall(t, { ...OPTIONS, path });
    const told = listen(store, 'base-damaged');
    await isWhole(t, store);
    t.is(nodeFile(path, 1).doubt, undefined);
    t.deepEqual(told, { damages: [], errors: [], lost: [] });
  },
);

test.serial('a damaged base table: garbage in lock.mdb -> LMDB makes it anew, nothing is told', async (t) => {
  const path = await makeStore(t);
  writeFileSync(join(baseOf(path, 1), 'lock.mdb'), Buffer.alloc(8_192, 0xa5));
  const store = await openSmall(t, { ...OPTIONS, path });
  const told = listen(store, 'base-damaged');
  await isWhole(t, store);
  t.deepEqual(told, { damages: [], errors: [], lost: [] });
});

test.serial(
  'a damaged base table: of two nodes, one after the other, and again -> each heals, and one copy of a node is kept',
  async (t) => {
    const path = await makeStore(t);
    for (const node of [0, 2, 2]) {
      truncateSync(dataOf(path, node), statSync(dataOf(path, node)).size >>> 1);
      const store = await openSmall(t, { ...OPTIONS, path });
      const told = listen(store, 'base-damaged');
      await until(() => told.damages.length > 0);
      await isWhole(t, store);
      t.deepEqual(readdirSync(join(path, `node-00${node}`, 'damaged')), ['base']);
      await store.close();
    }
  },
);

test.serial(
  'damaged base tables: of as many nodes as there are replicas -> open fails and says what to do, nothing is changed',
  async (t) => {
    for (const n of [1, 3]) {
      const path = await makeStore(t, { n });
      const nodes = n === 1 ? [1] : [0, 1, 2];
      for (const node of nodes) truncateSync(dataOf(path, node), statSync(dataOf(path, node)).size >>> 1);
      const look = () => nodes.map((node) => [readFileSync(dataOf(path, node)), nodeFile(path, node).replica]);
      const before = look();
      const why = n === 1 ? /damaged: page .* no other replica.*; restore .* backup/ : /so are others.*; restore/;
      for (let time = 0; time < 2; time++) await failsWith(t, 'KV_CORRUPT', () => open({ ...OPTIONS, path, n }), why);
      t.deepEqual(look(), before);
      for (const node of nodes) t.false(existsSync(keptOf(path, node)));
    }
  },
);

test.serial(
  'a damaged base table: LMDB meets the page when the node serves -> the node ends, and its next life heals',
  async (t) => {
    const path = await makeStore(t);
    misleadRoot(dataOf(path, 1));
    const store = await openSmall(t, { ...OPTIONS, path });
    const told = listen(store, 'base-damaged');
    await until(() => told.damages.length > 0);
    t.regex(told.damages[0].reason, /MDB_PAGE_NOTFOUND|page \d+ is pointed at/);
    await isWhole(t, store);
    t.true(
      told.errors.every(({ node, code }) => node === 1 && code === 'KV_CORRUPT'),
      JSON.stringify(told.errors),
    );
    t.is(told.damages.length, 1);
  },
);

test.serial(
  'a damaged base table: LMDB ends the process at the page -> at most two starts end so, and the next one heals',
  async (t) => {
    const path = await makeStore(t);
    clearLeaves(dataOf(path, 1));
    const child = new URL('./damaged-base-child.js', import.meta.url);
    const runs: string[] = [];
    while (runs.length < 4 && runs.at(-1) !== 'healed') {
      const { status, stdout } = spawnSync(process.execPath, [fileURLToPath(child), path], { encoding: 'utf8' });
      runs.push(status === 0 ? stdout.trim() : 'ended');
    }
    // where a read meets the page before the filter's walk does, LMDB fails instead, and the first start heals
    t.is(runs.at(-1), 'healed');
    t.true(runs.length <= 3, runs.join(', '));
    t.log(runs.join(', '));
    const store = await openSmall(t, { ...OPTIONS, path });
    await isWhole(t, store);
  },
);
