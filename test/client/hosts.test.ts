/** Several hosts, each a store of its own in this process, that meet over loopback and are one cluster. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import type { OpenStoreOptions, Store } from '../../src/index.js';
import { open } from '../../src/index.js';
import { collect, type Ending, failsWith, makeFolder, openSmall, SMALL, until } from './store-fixture.js';

/** A port that nobody uses. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Cluster {
  readonly hosts: Store[];
  readonly addresses: string[];
}

async function openHost(t: Ending, options: OpenStoreOptions): Promise<Store> {
  const store = await open({
    ...SMALL,
    path: join(makeFolder(t), 'data'),
    secret: 'a secret of this test',
    ...options,
  });
  t.teardown(() => store.close());
  return store;
}

const isSettled = (store: Store, members: number) =>
  store.members().filter(({ state }) => state === 'up').length === members && store.ring().change === undefined;

/** So many hosts, of which all but the first have joined. */
async function cluster(t: Ending, count: number, options: OpenStoreOptions = {}): Promise<Cluster> {
  const addresses: string[] = [];
  const hosts: Store[] = [];
  for (let i = 0; i < count; i++) {
    const listen = `127.0.0.1:${await freePort()}`;
    addresses.push(listen);
    hosts.push(await openHost(t, { ...options, listen, hostId: `host-${i}`, seeds: addresses[0] }));
    await until(() => hosts.every((host) => isSettled(host, hosts.length * 3)));
  }
  return { hosts, addresses };
}

test('hosts: a second one joins the first while that serves -> one cluster, each reads what the other has written', async (t) => {
  const { hosts } = await cluster(t, 1);
  const [first] = hosts;
  for (let i = 0; i < 200; i++) await first.put(`before-${i}`, `value ${i}`);
  const listen = `127.0.0.1:${await freePort()}`;
  const seeds = first.hosts()[0].address as string;
  const second = await openHost(t, { listen, seeds, hostId: 'host-1' });
  await until(() => isSettled(first, 6) && isSettled(second, 6));
  for (let i = 0; i < 200; i++) t.is(await second.get(`before-${i}`), `value ${i}`);
  for (let i = 0; i < 200; i++) await second.put(`after-${i}`, `value ${i}`);
  for (let i = 0; i < 200; i++) t.is(await first.get(`after-${i}`), `value ${i}`);
  t.deepEqual(
    second.hosts().map(({ host, state, nodes }) => ({ host, state, nodes })),
    [
      { host: 'host-0', state: 'up', nodes: [0, 1, 2] },
      { host: 'host-1', state: 'up', nodes: [32, 33, 34] },
    ],
  );
});

test('hosts: whole records through one of two -> every key, siblings too, and a store of one host takes them', async (t) => {
  const { hosts } = await cluster(t, 2);
  const [first, second] = hosts;
  const keys = Array.from({ length: 200 }, (_, index) => `key-${index}`);
  await first.putMany(keys.map((key) => [key, `value of ${key}`]));
  const { context } = await second.read('cart');
  for (const value of ['book', 'lamp']) await first.put('cart', value, { context });
  const records = await collect(second.records());
  t.deepEqual(
    records.map(({ key }) => key.toString()),
    [...keys, 'cart'].toSorted(),
  );
  const alone = await openSmall(t);
  t.like(await alone.restore(records), { written: 201, failed: [] });
  t.deepEqual(await alone.getMany(keys), await first.getMany(keys));
  const { siblings } = await alone.read('cart');
  t.deepEqual(
    siblings.map(({ value }) => value),
    ['lamp', 'book'],
  );
});

test('hosts: one of two is drained -> it refuses writes and reads on, and the other takes them', async (t) => {
  const { hosts } = await cluster(t, 2);
  const [first, second] = hosts;
  await second.put('before', 'v');
  t.like(await second.drain(), { drained: true, hints: 0 });
  await failsWith(t, 'KV_DRAINING', () => second.put('after', 'v'));
  await first.put('after', 'v');
  t.deepEqual(await second.getMany(['before', 'after']), ['v', 'v']);
});
