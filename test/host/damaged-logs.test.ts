/** Commit logs that are damaged in their middle: the node goes on with what is intact, and heals from its replicas. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hostOf } from '../../src/client/open.js';
import { type OpenStoreOptions, open, type Store } from '../../src/index.js';
import { failsWith, makeFolder, openSmall, patiently, SMALL, until } from '../client/store-fixture.js';
import { type Block, blocksOf, change, flip } from '../storage/log-bytes.js';
import { listen } from './told-damage.js';

const KEYS = 200;
const value = (index: number): string => `${index} ${'x'.repeat(50)}`;
const nodeFolder = (path: string, node: number): string => join(path, `node-00${node}`);
const logBlocks = (path: string, node: number): Block[] => blocksOf(join(nodeFolder(path, node), 'log'));

/** A store that was closed, each key on N replicas, written in several turns. */
async function makeStore(t: ExecutionContext, options: OpenStoreOptions = {}): Promise<string> {
  const path = join(makeFolder(t), 'data');
  const store = await open({ ...SMALL, path, ...options });
  for (let from = 0; from < KEYS; from += 20) {
    const pairs = Array.from({ length: 20 }, (_, index) => [`key-${from + index}`, value(from + index)] as const);
    await store.putMany(pairs, { w: store.ring().n });
  }
  await store.close();
  return path;
}

/** Flips a byte in the middle of a node's log; returns the block that it is in. */
function damage(path: string, node: number): Block {
  const blocks = logBlocks(path, node);
  const block = blocks[blocks.length >>> 1];
  flip(block.path, block.at + 70);
  return block;
}

async function isWhole(t: ExecutionContext, store: Store): Promise<void> {
  await until(async () => (await store.stats()).nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0));
  for (let index = 0; index < KEYS; index++) t.is(await store.get(`key-${index}`, { r: 3 }), value(index));
  await until(async () => (await store.repair({ dryRun: true })).differing === 0);
}

interface NodeFile {
  readonly replica: number;
  readonly doubt?: string;
}

const nodeFile = (path: string, node: number): NodeFile =>
  JSON.parse(readFileSync(join(nodeFolder(path, node), 'node.json'), 'utf8')) as NodeFile;

test('a damaged log: of one of three nodes -> is told, the node comes up, counts again by itself, and holds everything', async (t) => {
  const path = await makeStore(t);
  const before = [0, 1, 2].map((node) => nodeFile(path, node).replica);
  const block = damage(path, 1);
  const store = await openSmall(t, { path });
  const told = listen(store, 'log-damaged');
  // from the first moment, whoever answers
  for (let index = 0; index < KEYS; index++) t.is(await store.get(`key-${index}`), value(index));
  await until(() => told.damages.length > 0);
  const [{ lost, salvaged, ...damaged }] = told.damages;
  const keptAs = join(nodeFolder(path, 1), 'damaged', basename(block.path));
  t.deepEqual(damaged, { node: 1, segment: block.path, offset: block.at, bytes: block.bytes, keptAs });
  t.true(lost > 0 && salvaged > 0, `${lost} lost, ${salvaged} salvaged`);
  t.true(existsSync(keptAs));
  await isWhole(t, store);
  const after = [0, 1, 2].map((node) => nodeFile(path, node).replica);
  t.deepEqual([after[0], after[2]], [before[0], before[2]]);
  t.not(after[1], before[1]);
  t.is(nodeFile(path, 1).doubt, undefined);
  t.deepEqual([told.damages.length, told.errors, told.lost], [1, [], []]);
  // what it lacked it has: the others go
  for (const node of [0, 2]) await hostOf(store).supervisor(node).hold();
  for (let index = 0; index < KEYS; index++)
    t.is(await patiently(() => store.get(`key-${index}`, { r: 1 })), value(index));
  for (const node of [0, 2]) hostOf(store).supervisor(node).release();
  await store.close();
  const again = await openSmall(t, { path });
  const toldAgain = listen(again, 'log-damaged');
  await isWhole(t, again);
  t.deepEqual(toldAgain, { damages: [], errors: [], lost: [] });
});

test('a damaged log: the deletes of keys that the others have forgotten were in it -> the dead stay dead', async (t) => {
  const path = await makeStore(t);
  const dead = Array.from({ length: KEYS / 4 }, (_, index) => `key-${index * 4}`);
  const first = await openSmall(t, { path, collectionIntervalMs: 200 });
  const written = segmentsFound(path);
  for (const key of dead) await first.delete(key, { w: 3 });
  const collected = async () => (await first.stats()).nodes.reduce((sum, { repairs }) => sum + repairs.collected, 0);
  await until(async () => (await collected()) >= dead.length);
  await first.put('last', 1, { w: 3 });
  await first.close();
  const blocks = logBlocks(path, 1);
  // all but what was written first, and last
  const hit = blocks.filter(({ path: file, turn }) => !written.includes(file) && turn < blocks.length - 1);
  t.true(hit.length > 1);
  for (const { path: file, at } of hit) flip(file, at + 60);
  const store = await openSmall(t, { path, collectionIntervalMs: 200 });
  const told = listen(store, 'log-damaged');
  await until(async () => (await store.stats()).nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0));
  await until(() => told.damages.length > 0);
  for (let index = 0; index < KEYS; index++) {
    t.is(await store.get(`key-${index}`, { r: 3 }), index % 4 === 0 ? undefined : value(index), `key-${index}`);
  }
  t.is(await store.get('last', { r: 3 }), 1);
  t.is((await store.stats()).nodes[1].repairs.setAside, dead.length);
});

/** Segments of node 1 that a store which was just opened has found. */
function segmentsFound(path: string): string[] {
  const folder = join(nodeFolder(path, 1), 'log');
  return readdirSync(folder)
    .sort()
    .slice(0, -1)
    .map((name) => join(folder, name));
}

test('a damaged log: of a node that ends while the store serves -> it goes on by itself', async (t) => {
  const path = await makeStore(t);
  const store = await openSmall(t, { path });
  const told = listen(store, 'log-damaged');
  // the segments of the first life are not written any more
  const folder = join(nodeFolder(path, 1), 'log');
  const [name] = readdirSync(folder).sort();
  change(join(folder, name), (bytes) => {
    bytes[bytes.length >>> 1] ^= 1;
    return undefined;
  });
  await hostOf(store).supervisor(1).terminate();
  await until(() => told.damages.length > 0);
  await isWhole(t, store);
  t.deepEqual([told.damages[0].node, told.errors, told.lost], [1, [], []]);
  t.true(store.members()[1].incarnation > 1);
});

test('damaged logs: of two of three nodes -> both go on, everything is there, and writes-may-be-lost is told', async (t) => {
  const path = await makeStore(t);
  damage(path, 0);
  damage(path, 2);
  const store = await openSmall(t, { path });
  const told = listen(store, 'log-damaged');
  await until(() => told.damages.length === 2);
  t.deepEqual(told.damages.map(({ node }) => node).sort(), [0, 2]);
  await isWhole(t, store);
  // the first that counts again tells it; who compares with that one later lacks nothing of it
  const partitions = () => told.lost.reduce((sum, lost) => sum + lost.partitions, 0);
  await until(() => partitions() >= store.ring().partitions);
  t.deepEqual(told.errors, []);
});

test('damaged logs: of as many nodes as there are replicas -> open fails and says what to do, nothing is changed', async (t) => {
  for (const n of [3, 1]) {
    const path = await makeStore(t, { n });
    const nodes = n === 1 ? [1] : [0, 1, 2];
    const logs = () => nodes.flatMap((node) => logBlocks(path, node).map((block) => readFileSync(block.path)));
    for (const node of nodes) damage(path, node);
    const before = logs();
    const replicas = nodes.map((node) => nodeFile(path, node));
    const why = n === 1 ? /damaged at byte \d+.* no other replica.*; restore .* backup/ : /so are others.*; restore/;
    for (let time = 0; time < 2; time++) await failsWith(t, 'KV_CORRUPT', () => open({ path }), why);
    t.deepEqual(logs(), before);
    for (const [index, node] of nodes.entries()) t.is(nodeFile(path, node).replica, replicas[index].replica);
    for (const node of nodes) t.false(existsSync(join(nodeFolder(path, node), 'damaged')));
  }
});

test('damaged logs: of one node after the other while the store serves -> fewer than N at a time go on', async (t) => {
  const store = await openSmall(t);
  const host = hostOf(store);
  await host.supervisor(0).hold();
  await host.supervisor(1).hold();
  t.deepEqual(
    [0, 1, 2].map((node) => host.threads.maySalvage(node)),
    [true, true, false],
  );
  host.supervisor(0).release();
  host.supervisor(1).release();
  await until(async () => (await store.stats()).nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0));
  t.true(host.threads.maySalvage(2));
});
