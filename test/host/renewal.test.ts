/** Nodes whose disks are dead or damaged: they begin anew under their own numbers, while the store serves. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import { hostOf } from '../../src/client/open.js';
import { Doubt, Status } from '../../src/host/thread-map.js';
import { open, type Store, type StoreChange } from '../../src/index.js';
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
  await failsWith(t, 'KV_UNAVAILABLE', () => store.change(anew(1)), /node 2 is down: what only it/);
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
  writeFileSync(join(path, 'node-002.gone'), 'left');
  const store = await openSmall(t, { path });
  const told: string[] = [];
  store.on('storage-error', ({ code }) => told.push(code));
  writeFileSync(join(path, 'node-002', 'node.json'), '{"format":9,"replica":1}');
  await hostOf(store).supervisor(2).terminate();
  await until(() => told.includes('KV_FORMAT_TOO_NEW'));
  t.is(store.members()[2].state, 'down');
  t.true((await store.change(anew(2))).done);
  t.false(existsSync(join(path, 'node-002.gone')));
  for (const key of KEYS) t.is(await store.get(key, { r: 3 }), key);
});

test('renewal: a node of another host is in doubt -> none begins anew beside it until it counts again', async (t) => {
  const [listen, elsewhere] = [await freePort(), await freePort()].map((port) => `127.0.0.1:${port}`);
  const shared = { secret: 'a secret of this test', seeds: listen };
  const here = await openSmall(t, { ...shared, listen, hostId: 'here' });
  const there = await openSmall(t, { ...shared, listen: elsewhere, hostId: 'there', nodes: 1 });
  const isSettled = (store: Store) => store.members().length === 4 && store.ring().change === undefined;
  await until(() => isSettled(here) && isSettled(there));
  await here.putMany(KEYS.map((key) => [key, `value of ${key}`] as const));
  const { map, ...host } = hostOf(here);
  const status = new Int32Array(map.status);
  const tells = (doubt: Doubt) => {
    const line = 32 * Status.line;
    // Atomics: acquire, both
    return Atomics.load(status, line + Status.up) === 1 && Atomics.load(status, line + Status.doubt) === doubt;
  };
  await until(() => tells(Doubt.none));
  await host.threads.supervisor(1).hold();
  // it cannot compare with node 1: what both of them held and no other is there alone
  await there.change(anew(32), { force: true, wait: false });
  await until(() => tells(Doubt.some));
  const error = await failsWith(t, 'KV_UNAVAILABLE', () => here.change(anew(1)), /node 32 is in doubt/);
  t.is(error.details.node, 32);
  host.threads.supervisor(1).release();
  await until(() => tells(Doubt.none));
  await host.threads.supervisor(1).hold();
  t.true((await here.change(anew(1))).done);
  for (const key of KEYS) t.is(await patiently(() => here.get(key), SLOW), `value of ${key}`);
});
