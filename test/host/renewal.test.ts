/** Nodes whose disks are dead or damaged: they begin anew under their own numbers, while the store serves. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import { open, type StoreChange } from '../../src/index.js';
import { failsWith, makeFolder, openSmall, patiently, SMALL, until } from '../client/store-fixture.js';
import { lost, startLoad } from './ring-load.js';

const anew = (node: number): StoreChange => ({ kind: 'replace', nodes: [node], same: true });
/** What a slow machine, or one that has just lost two nodes, says before it answers. */
const SLOW = new Set(['KV_DEADLINE_EXCEEDED', 'KV_READ_QUORUM_UNMET', 'KV_NODE_RESTARTED', 'KV_OVERLOADED']);
const KEYS = Array.from({ length: 1_000 }, (_, index) => `key-${index}`);

function incarnationOf(path: string, node: number): number {
  return JSON.parse(readFileSync(join(path, `node-00${node}`, 'node.json'), 'utf8')).replica;
}

test('renewal: a dead node under writes -> begins anew, holds everything again, and nothing acknowledged is lost', async (t) => {
  const path = join(makeFolder(t), 'data');
  const store = await openSmall(t, { path });
  await store.putMany(
    KEYS.map((key) => [key, `value of ${key}`] as const),
    { w: 3 },
  );
  const before = incarnationOf(path, 1);
  const load = startLoad(store, { writers: 4 });
  await until(() => load.acknowledged.size > 50);
  const epoch = store.ring().epoch;
  await hostOf(store).supervisor(1).hold();
  const seen: number[] = [];
  const result = await store.change(anew(1), { onProgress: ({ settled }) => void seen.push(settled) });
  t.like(result, { joined: [1], done: true, epoch, partitions: 16, settled: 16 });
  t.is(seen.at(-1), 16);
  await load.stop();
  t.not(incarnationOf(path, 1), before);
  t.deepEqual(await patiently(() => lost(store, load), SLOW), []);
  t.true((await store.stats()).nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0));
  // what it holds it holds alone: the others go
  for (const node of [0, 2]) await hostOf(store).supervisor(node).hold();
  for (const key of KEYS) t.is(await patiently(() => store.get(key, { r: 1 }), SLOW), `value of ${key}`);
  for (const node of [0, 2]) hostOf(store).supervisor(node).release();
});

test('renewal: what may not be cleared -> is refused with the reason, and left alone; by force it is cleared', async (t) => {
  const path = join(makeFolder(t), 'data');
  const store = await openSmall(t, { path });
  await store.put('key', 'value', { w: 3 });
  await failsWith(t, 'KV_INVALID_OPTION', () => store.change(anew(1)), /node 1 is up and takes writes; by force/);
  await failsWith(t, 'KV_INVALID_OPTION', () => store.change(anew(7)), /node 7 is no member on this host/);
  await failsWith(
    t,
    'KV_INVALID_OPTION',
    () => store.change({ kind: 'replace', nodes: [1, 2], same: true }),
    /one node/,
  );
  await failsWith(t, 'KV_INVALID_OPTION', () => store.plan(anew(1)), /moves nothing/);
  await hostOf(store).supervisor(1).hold();
  await hostOf(store).supervisor(2).hold();
  await failsWith(t, 'KV_UNAVAILABLE', () => store.change(anew(1)), /node 2 is down or in doubt/);
  const before = [1, 2].map((node) => incarnationOf(path, node));
  hostOf(store).supervisor(2).release();
  await until(() => store.members()[2].state !== 'down');
  t.deepEqual(
    [1, 2].map((node) => incarnationOf(path, node)),
    before,
  );
  t.true((await store.change(anew(1), { force: true })).done);
  t.is(await store.get('key', { r: 3 }), 'value');
});

test('renewal: a node that cannot start -> begins anew; what a crash left of an earlier clearing goes too', async (t) => {
  const path = join(makeFolder(t), 'data');
  const first = await open({ ...SMALL, path });
  await first.putMany(
    KEYS.map((key) => [key, key] as const),
    { w: 3 },
  );
  await first.close();
  writeFileSync(join(path, 'node-002', 'node.json'), '{}');
  writeFileSync(join(path, 'node-002.gone'), 'left');
  const store = await openSmall(t, { path });
  t.is(store.members()[2].state, 'down');
  t.true((await store.change(anew(2))).done);
  t.false(existsSync(join(path, 'node-002.gone')));
  for (const key of KEYS) t.is(await store.get(key, { r: 3 }), key);
});
