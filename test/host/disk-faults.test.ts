/** Disks that fill up and bytes that change: nothing acknowledged is lost, nothing damaged is served. */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { Store, StoreEvents } from '../../src/index.js';
import { type OpenStoreOptions, open, StoreError } from '../../src/index.js';
import { makeFolder, openSmall, patiently, SMALL, until } from '../client/store-fixture.js';

const VALUE = 'v'.repeat(4_000);

/** A file system of this size in memory, or undefined where it may not be mounted. */
function mountSmall(t: ExecutionContext, megabytes: number): string | undefined {
  const folder = join(makeFolder(t), 'small');
  mkdirSync(folder);
  const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
  if (status !== 0) return undefined;
  t.teardown(() => void spawnSync('umount', ['-l', folder]));
  return folder;
}

/** Puts until a put is refused for want of room; the keys that were acknowledged, and the code. */
async function fill(store: Store, name: string, limit: number): Promise<{ keys: string[]; codes: Set<string> }> {
  const keys: string[] = [];
  const codes = new Set<string>();
  for (let from = 0; from < limit && !codes.has('KV_STORAGE_FULL'); from += 50) {
    const batch = Array.from({ length: 50 }, (_, index) => `${name}-${from + index}`);
    const settled = await Promise.allSettled(batch.map((key) => store.put(key, VALUE)));
    for (const [index, outcome] of settled.entries()) {
      if (outcome.status === 'fulfilled') keys.push(batch[index]);
      else codes.add(outcome.reason instanceof StoreError ? outcome.reason.code : String(outcome.reason));
    }
  }
  return { keys, codes };
}

test('a full disk: writes stop with KV_STORAGE_FULL, reads go on -> nothing is lost, and with room it writes again', async (t) => {
  const folder = mountSmall(t, 96);
  if (folder === undefined) {
    t.log('not run: a file system could not be mounted here');
    t.pass();
    return;
  }
  const options: OpenStoreOptions = {
    ...SMALL,
    path: join(folder, 'data'),
    memoryBytes: 12 * 2 ** 20,
    logBytesMax: 16 * 2 ** 20,
    deadlineMs: 2_000,
  };
  const store = await openSmall(t, options);
  const told: string[] = [];
  store.on('storage-error', ({ code }) => told.push(code));
  const ballast = join(folder, 'ballast');
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 24 * 2 ** 20)));
  const { keys, codes } = await fill(store, 'full', 20_000);
  t.true(codes.has('KV_STORAGE_FULL'), [...codes].join());
  t.log(`${keys.length} pairs, then ${[...codes].join()}`);
  // the event takes another way than the refusals
  await until(() => told.includes('KV_STORAGE_FULL'));
  await until(async () => (await store.stats()).nodes.some(({ readOnly }) => readOnly));
  const check = async (from: Store) => {
    let lost = 0;
    for (const key of keys) if ((await from.get(key)) !== VALUE) lost++;
    t.is(lost, 0);
  };
  await check(store);
  rmSync(ballast);
  const canWrite = () =>
    store.put('room', 'again').then(
      () => true,
      () => false,
    );
  await until(canWrite, 15_000);
  t.is(await store.get('room'), 'again');
  t.deepEqual(
    store.members().map(({ incarnation }) => incarnation > 0),
    [true, true, true],
  );
  await check(store);
  await store.close();
  const again = await openSmall(t, options);
  await check(again);
  t.is(await again.get('room'), 'again');
});

interface Told {
  readonly cuts: StoreEvents['log-cut'][];
  readonly errors: StoreEvents['storage-error'][];
}

async function openTold(
  t: ExecutionContext,
  path: string,
  options: OpenStoreOptions = {},
): Promise<{ store: Store; told: Told }> {
  const store = await openSmall(t, { path, ...options });
  const told: Told = { cuts: [], errors: [] };
  store.on('log-cut', (cut) => told.cuts.push(cut));
  store.on('storage-error', (error) => told.errors.push(error));
  return { store, told };
}

/** The log of a node that has something in it, and where its blocks end. */
function logOf(path: string, node: number): { file: string; end: number } {
  const folder = join(path, `node-00${node}`, 'log');
  for (const name of readdirSync(folder).sort()) {
    const file = join(folder, name);
    const bytes = readFileSync(file);
    let end = bytes.length;
    while (end > 32 && bytes[end - 1] === 0) end--;
    if (end > 200) return { file, end: Math.ceil(end / 8) * 8 };
  }
  throw new Error(`node ${node} has no log`);
}

function flip(file: string, at: number): void {
  const fd = openSync(file, 'r+');
  const byte = Buffer.alloc(1);
  readSync(fd, byte, 0, 1, at);
  byte[0] ^= 0x40;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
}

async function makeStore(path: string, options: OpenStoreOptions = {}): Promise<void> {
  const store = await open({ ...SMALL, path, ...options });
  // several turns, so that the log has several blocks
  for (let from = 0; from < 200; from += 20) {
    const pairs = Array.from(
      { length: 20 },
      (_, index) => [`key-${from + index}`, `${from + index} ${'x'.repeat(50)}`] as const,
    );
    await store.putMany(pairs, { w: store.ring().n });
  }
  await store.close();
}

test('a log tail: torn -> is cut and told by log-cut, everything before it is there', async (t) => {
  const path = join(makeFolder(t), 'data');
  await makeStore(path);
  const { file, end } = logOf(path, 2);
  truncateSync(file, end - 20);
  const size = statSync(file).size;
  const { store, told } = await openTold(t, path);
  await until(() => told.cuts.length > 0);
  t.is(told.cuts[0].node, 2);
  t.true(told.cuts[0].bytes > 0 && told.cuts[0].bytes < 10_000);
  t.true(told.cuts[0].segment.endsWith('.log'));
  t.is(statSync(file).size, size - told.cuts[0].bytes);
  t.deepEqual(told.errors, []);
  for (let index = 0; index < 200; index++) t.is(await store.get(`key-${index}`), `${index} ${'x'.repeat(50)}`);
});

/** A store whose node 1 has a byte flipped in its record of every seventh key: which ones, and what they must say. */
async function damageRecords(t: ExecutionContext, n = 3) {
  const path = join(makeFolder(t), 'data');
  const options: OpenStoreOptions = { n, memoryBytes: 4 * 2 ** 20, logBytesMax: 4 * 2 ** 20 };
  const first = await open({ ...SMALL, ...options, path });
  const value = (index: number) => `<<${index}>>${'y'.repeat(1_000)}`;
  for (let from = 0; from < 4_000; from += 500) {
    const pairs = Array.from({ length: 500 }, (_, index) => [`key-${from + index}`, value(from + index)] as const);
    await patiently(() => first.putMany(pairs, { w: n }));
  }
  await first.close();
  const file = join(path, 'node-001', 'base', 'data.mdb');
  const bytes = readFileSync(file);
  const damaged = new Set<number>();
  for (let at = bytes.indexOf('<<'); at >= 0; at = bytes.indexOf('<<', at + 1)) {
    const [text, number] = /^<<(\d+)>>yyyyyyyy/.exec(bytes.latin1Slice(at, at + 20)) ?? [];
    if (text === undefined || Number(number) % 7 !== 0) continue;
    flip(file, at + text.length + 100);
    damaged.add(Number(number));
  }
  t.true(damaged.size > 100, `${damaged.size} damaged`);
  return { path, options, damaged, value };
}

test('a record of the base table: with a byte flipped -> is never served; the others answer, that node says KV_CORRUPT', async (t) => {
  const { path, options, damaged, value } = await damageRecords(t);
  const { store } = await openTold(t, path, options);
  let refused = 0;
  for (const index of damaged) {
    t.is(await store.get(`key-${index}`), value(index));
    try {
      t.is(await store.get(`key-${index}`, { r: 3 }), value(index));
    } catch (error) {
      t.is((error as StoreError).code, 'KV_CORRUPT', (error as StoreError).message);
      refused++;
    }
  }
  // a node that was suspected meanwhile is compared with the others, and they heal it
  t.true(refused > 0, `${refused} refused`);
  let scanned = 0;
  for await (const { key, value: seen } of store.scan()) {
    if (seen !== value(Number(String(key).slice(4)))) t.fail(`${key} was served damaged`);
    scanned++;
  }
  t.is(scanned, 4_000);
  t.deepEqual(
    hostOf(store)
      .members()
      .map(({ state }) => state),
    ['up', 'up', 'up'],
  );
});

test('a record of the base table: damaged at one replica -> puts succeed, alone and by the batch, whoever coordinates; repair does the rest', async (t) => {
  const { path, options, damaged, value } = await damageRecords(t);
  const { store } = await openTold(t, path, options);
  const keys = [...damaged].map((index) => `key-${index}`);
  const isPut = (index: number): boolean => index % 2 === 1;
  const puts = keys.filter((_, index) => isPut(index));
  const alone = puts.slice(0, 40);
  for (const key of alone) await patiently(() => store.put(key, `new ${key}`));
  for (let from = alone.length; from < puts.length; from += 50) {
    const tick = puts.slice(from, from + 50);
    await Promise.all(tick.map((key) => patiently(() => store.put(key, `new ${key}`))));
  }
  for (const key of puts) t.is(await store.get(key), `new ${key}`);
  // those that node 1 coordinated are whole already
  const healed = async () => (await store.stats()).nodes[1].repairs.healed;
  await until(async () => (await healed()) > 0);
  t.log(`${await healed()} of ${puts.length} were replaced by puts`);
  await until(async () => {
    const { differing, failed } = await store.repair();
    return differing === 0 && failed.length === 0;
  });
  for (const [index, key] of keys.entries()) {
    t.is(await store.get(key, { r: 3 }), isPut(index) ? `new ${key}` : value(Number(key.slice(4))));
    await patiently(() => store.put(key, 'last', { w: 3 }));
    t.is(await store.get(key, { r: 3 }), 'last');
  }
});

test('a record of the base table: damaged, and no other replica -> a put says KV_CORRUPT and what to do', async (t) => {
  const { path, options, damaged } = await damageRecords(t, 1);
  const { store } = await openTold(t, path, options);
  let refused = 0;
  for (const index of damaged) {
    try {
      await patiently(() => store.put(`key-${index}`, 'new'));
    } catch (error) {
      t.is((error as StoreError).code, 'KV_CORRUPT', (error as StoreError).message);
      t.regex((error as StoreError).message, /no other replica.*backup/);
      refused++;
    }
  }
  // what the log still had is whole
  t.true(refused > 0, `${refused} refused`);
});
