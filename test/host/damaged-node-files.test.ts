/** A damaged `node.json`: noticed, whichever bit it is, and the node heals from the others as one with a damaged log. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import type { StoreError } from '../../src/core/errors.js';
import { NodeFiles } from '../../src/host/node-files.js';
import { open } from '../../src/index.js';
import { failsWith, makeFolder, openSmall, patiently, SMALL, until } from '../client/store-fixture.js';

const KEYS = Array.from({ length: 100 }, (_, index) => `key-${index}`);
const fileOf = (path: string, node: number): string => join(path, `node-00${node}`, 'node.json');
const replicaOf = (path: string, node: number): number =>
  (JSON.parse(readFileSync(fileOf(path, node), 'utf8')) as { replica: number }).replica;

test('node.json: any bit is flipped -> KV_CORRUPT, or exact; one without a checksum is read', (t) => {
  const directory = join(makeFolder(t), 'node');
  const path = join(directory, 'node.json');
  const files = new NodeFiles(directory);
  files.open();
  writeFileSync(join(files.logDirectory, '000000000001.log'), '');
  files.beginSalvage();
  const whole = readFileSync(path);
  let noticed = 0;
  for (let at = 0; at < whole.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[at] ^= 1 << bit;
      writeFileSync(path, flipped);
      const next = new NodeFiles(directory);
      try {
        next.open();
        t.deepEqual([next.replica, next.doubt], [files.replica, files.doubt], `byte ${at}, bit ${bit}`);
      } catch (error) {
        t.is((error as StoreError).code, 'KV_CORRUPT', `byte ${at}, bit ${bit}`);
        noticed++;
      }
    }
  }
  t.true(noticed > whole.length * 7, `${noticed} of ${whole.length * 8}`);
  writeFileSync(path, whole.toString().replace(/,"check":\d+/, ''));
  const older = new NodeFiles(directory);
  older.open();
  t.deepEqual([older.replica, older.doubt], [files.replica, 'rollback']);
});

test('a damaged node.json: of one of three nodes -> is told, the node comes up in doubt, counts again, and holds everything', async (t) => {
  const path = join(makeFolder(t), 'data');
  const first = await open({ ...SMALL, path });
  await first.putMany(
    KEYS.map((key) => [key, key] as const),
    { w: 3 },
  );
  await first.delete(KEYS[0], { w: 3 });
  await first.close();
  const before = replicaOf(path, 1);
  writeFileSync(fileOf(path, 1), '{"format":1,"repl');
  const store = await openSmall(t, { path });
  const told: string[] = [];
  store.on('storage-error', ({ node, message }) => told.push(`${node} ${message}`));
  store.on('writes-may-be-lost', ({ node }) => told.push(`${node} may have lost writes`));
  const isSettled = async () => (await store.stats()).nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0);
  for (const key of KEYS.slice(1)) t.is(await store.get(key), key);
  await until(isSettled);
  t.not(replicaOf(path, 1), before);
  t.deepEqual(told, [`1 ${fileOf(path, 1)} is damaged`]);
  for (const node of [0, 2]) await hostOf(store).supervisor(node).hold();
  for (const key of KEYS) t.is(await patiently(() => store.get(key, { r: 1 })), key === KEYS[0] ? undefined : key);
  for (const node of [0, 2]) hostOf(store).supervisor(node).release();
  await until(isSettled);
  // of a node that ends while the store serves
  writeFileSync(fileOf(path, 2), '');
  await hostOf(store).supervisor(2).terminate();
  await until(() => told.length > 1);
  await until(isSettled);
  t.deepEqual(told.slice(1), [`2 ${fileOf(path, 2)} is damaged`]);
  for (const key of KEYS.slice(1)) t.is(await store.get(key, { r: 3 }), key);
});

test('damaged node.json files: of as many nodes as there are replicas -> open fails, and says what to do', async (t) => {
  for (const n of [1, 3]) {
    const path = join(makeFolder(t), 'data');
    const first = await open({ ...SMALL, path, n });
    await first.close();
    const nodes = n === 1 ? [1] : [0, 1, 2];
    for (const node of nodes) writeFileSync(fileOf(path, node), '');
    await failsWith(t, 'KV_CORRUPT', () => open({ path }), /node\.json is damaged, and .*; restore .* backup/);
    for (const node of nodes) t.is(readFileSync(fileOf(path, node), 'utf8'), '');
  }
});
