/** Several hosts, each a store of its own in this process, that meet over loopback and are one cluster. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import type { OpenStoreOptions, Store } from '../../src/index.js';
import { open } from '../../src/index.js';
import { collect, type Ending, failsWith, makeFolder, openSmall, SMALL, until } from './store-fixture.js';

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

/** So many hosts, of which all but the first have joined; each in its zone, where some are named. */
async function cluster(
  t: Ending,
  count: number,
  options: OpenStoreOptions = {},
  zones: readonly string[] = [],
): Promise<Cluster> {
  const addresses: string[] = [];
  const hosts: Store[] = [];
  for (let i = 0; i < count; i++) {
    const listen = `127.0.0.1:${await freePort()}`;
    addresses.push(listen);
    const zone = zones[i] === undefined ? {} : { zone: zones[i] };
    hosts.push(await openHost(t, { ...options, ...zone, listen, hostId: `host-${i}`, seeds: addresses[0] }));
    await until(() => hosts.every((host) => isSettled(host, hosts.length * (options.nodes ?? 3))));
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
  const images: string[] = [];
  for (let partition = 0; partition < 16; partition++) {
    const reports: unknown[] = [];
    const image = second.records({ partition, onInstant: (report) => reports.push(report) });
    for (const { key } of await collect(image)) images.push(key.toString());
    t.deepEqual(reports, [{ instant: true }], `partition ${partition}`);
  }
  t.deepEqual(images.toSorted(), [...keys, 'cart'].toSorted());
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

test('hosts: two in two zones, N=4 -> two replicas of each key in each; the zones answer for themselves when one ends', async (t) => {
  const { hosts } = await cluster(t, 2, { nodes: 4, n: 4 }, ['east', 'west']);
  const [east, west] = hosts;
  for (const list of east.ring().preferenceLists) t.is(list.filter((node) => node < 32).length, 2);
  const keys = Array.from({ length: 40 }, (_, index) => `key-${index}`);
  for (const [index, key] of keys.entries()) {
    const { replicas } = await hosts[index % 2].put(key, index, { w: 'local-quorum' });
    t.true(replicas >= 2);
    t.is(await hosts[index % 2].get(key, { r: 'local-quorum' }), index);
  }
  for (const [index, key] of keys.entries()) t.is(await hosts[(index + 1) % 2].get(key, { r: 'each-quorum' }), index);
  await west.close();
  await until(() => east.members().every(({ host, state }) => (state === 'up') === (host === 'host-0')));
  for (const [index, key] of keys.entries()) {
    t.is(await east.get(key, { r: 'local-quorum' }), index);
    t.is((await east.put(key, 'later', { w: 'local-quorum' })).replicas, 2);
    t.is(await east.get(key, { r: { local: 2 } }), 'later');
  }
  const needs = await failsWith(t, 'KV_UNAVAILABLE', () => east.put('key-0', 1, { w: 'each-quorum' }));
  t.like(needs.details, { needed: 2, got: 0 });
  await failsWith(t, 'KV_READ_QUORUM_UNMET', () => east.get('key-0', { r: 'each-quorum' }));
});

test('hosts: two join at the same moment -> each has a range of nodes of its own, and both are in', async (t) => {
  const { hosts, addresses } = await cluster(t, 1);
  const joining = await Promise.all(
    [1, 2].map(async (number) => {
      const listen = `127.0.0.1:${await freePort()}`;
      return openHost(t, { listen, hostId: `host-${number}`, seeds: addresses[0], nodes: 1 });
    }),
  );
  const all = [...hosts, ...joining];
  await until(() => all.every((host) => isSettled(host, 5)));
  const nodes = hosts[0].members().map(({ node }) => node);
  t.deepEqual(nodes.slice(0, 3), [0, 1, 2]);
  t.deepEqual(nodes.slice(3), [32, 64]);
});

test('hosts: one leaves by its name -> its nodes end, what it held is on the other; an unknown name is refused', async (t) => {
  const { hosts, addresses } = await cluster(t, 2);
  const [first, second] = hosts;
  for (let i = 0; i < 50; i++) await second.put(`key-${i}`, i);
  const error = await failsWith(t, 'KV_INVALID_OPTION', () => first.plan({ kind: 'leave', hosts: ['host-7'] }));
  t.regex(error.message, /host-0, host-1/);
  t.deepEqual(
    (await first.plan({ kind: 'leave', hosts: ['host-1'] })).nodes.map(({ node }) => node),
    [0, 1, 2],
  );
  await first.change({ kind: 'leave', hosts: ['host-1'] });
  t.deepEqual(
    first.members().map(({ node }) => node),
    [0, 1, 2],
  );
  await second.close();
  for (let i = 0; i < 50; i++) t.is(await first.get(`key-${i}`), i);
  t.true((await first.plan({ kind: 'forget', host: 'host-1' })).changesRing);
  await first.change({ kind: 'forget', host: 'host-1' });
  t.false((await first.plan({ kind: 'forget', host: 'host-1' })).changesRing);
  await until(() => first.hosts().length === 1);
  await failsWith(t, 'KV_INVALID_OPTION', () => first.change({ kind: 'forget', host: 'host-0' }));
  // its range is free again
  const listen = `127.0.0.1:${await freePort()}`;
  const third = await openHost(t, { listen, hostId: 'host-2', seeds: addresses[0], nodes: 1 });
  await until(() => [first, third].every((host) => isSettled(host, 4)));
  t.deepEqual(
    first.members().map(({ node }) => node),
    [0, 1, 2, 32],
  );
});

test('hosts: one that was forgotten goes on knocking -> told once, dialed no more, its address kept nowhere; it may join anew', async (t) => {
  const addresses = await Promise.all([0, 1, 2].map(async () => `127.0.0.1:${await freePort()}`));
  const paths = addresses.map(() => join(makeFolder(t), 'data'));
  const hosts: Store[] = [];
  for (const [i, listen] of addresses.entries()) {
    const path = paths[i];
    hosts.push(await openHost(t, { path, listen, hostId: `host-${i}`, seeds: addresses.join(','), nodes: 2 }));
    await until(() => hosts.every((host) => isSettled(host, hosts.length * 2)));
  }
  const [first, second, third] = hosts;
  const refusals: { address: string; reason: string }[] = [];
  for (const host of [first, second]) host.on('host-refused', (refusal) => refusals.push(refusal));
  await first.change({ kind: 'leave', hosts: ['host-2'] });
  await first.change({ kind: 'forget', host: 'host-2' });
  await until(() => [first, second].every((host) => host.hosts().length === 2));
  const bridges = async () => {
    const stats = await Promise.all([first, second].map(async (host) => (await host.stats()).bridge));
    return stats.map((bridge) => ({ dialed: bridge?.dialed ?? 0, refused: bridge?.closed['not-admitted'] ?? 0 }));
  };
  const knocked = async (times: number) => {
    while (!(await bridges()).every(({ refused }) => refused >= times)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  // a dial may have begun while it was being forgotten, and a seed that nobody was at yet is dialed once more
  const dials = async () => (await bridges()).map(({ dialed }) => dialed).join();
  let isQuiet = false;
  for (let times = 2; !isQuiet && times < 6; times++) {
    await knocked(times);
    const before = await dials();
    await knocked(times + 3);
    isQuiet = (await dials()) === before;
  }
  t.true(isQuiet, 'dialed again and again');
  t.true(refusals.every(({ reason }) => reason === 'not-admitted'));
  // the last dials are told too, once for each that dialed
  const ofDials = refusals.filter(({ address }) => address === addresses[2]);
  t.is(refusals.length - ofDials.length, 2);
  t.true(ofDials.length <= 2);
  for (const path of paths.slice(0, 2)) t.false(readFileSync(join(path, 'hosts.json'), 'utf8').includes(addresses[2]));
  await third.close();
  const again = await openHost(t, { listen: addresses[2], hostId: 'host-2', seeds: addresses[1], nodes: 2 });
  await until(() => [first, second, again].every((host) => isSettled(host, 6)));
  await until(() => first.hosts().every(({ state }) => state === 'up') && first.hosts().length === 3);
  await again.put('key', 'value');
  t.is(await first.get('key'), 'value');
});

test('hosts: a process ended before it had dropped the address of a host that was forgotten -> it is dropped at the start', async (t) => {
  const [listen, elsewhere] = await Promise.all([freePort(), freePort()]);
  const options = { path: join(makeFolder(t), 'data'), listen: `127.0.0.1:${listen}`, hostId: 'host-0', nodes: 2 };
  const first = await openHost(t, options);
  const second = await openHost(t, { listen: `127.0.0.1:${elsewhere}`, hostId: 'host-1', seeds: options.listen });
  await until(() => isSettled(first, 5) && isSettled(second, 5));
  await second.close();
  await first.close();
  const path = join(options.path, 'hosts.json');
  const { check: _, ...known } = JSON.parse(readFileSync(path, 'utf8'));
  const stranger = {
    ...known.hosts.find(({ host }: { host: string }) => host === 'host-1'),
    host: 'host-2',
    first: 64,
  };
  writeFileSync(path, JSON.stringify({ ...known, hosts: [...known.hosts, stranger] }));
  const again = await openHost(t, options);
  t.deepEqual(
    again.hosts().map(({ host }) => host),
    ['host-0', 'host-1'],
  );
});

test('hosts: two processes with one id -> the second is refused, and says why', async (t) => {
  const { hosts, addresses } = await cluster(t, 2, { nodes: 3 });
  for (const hostId of ['host-1', 'host-0']) {
    const listen = `127.0.0.1:${await freePort()}`;
    const error = await failsWith(t, 'KV_PEER_REFUSED', () => openHost(t, { listen, hostId, seeds: addresses[0] }));
    t.is(error.details.reason, 'id-in-use');
  }
  t.true(hosts.every((host) => isSettled(host, 6)));
});

test('hosts: one with another secret -> it is refused and told so, and the other has counted it', async (t) => {
  const { hosts, addresses } = await cluster(t, 1);
  const listen = `127.0.0.1:${await freePort()}`;
  const stranger = { listen, hostId: 'stranger', seeds: addresses[0], secret: 'another secret than theirs' };
  await failsWith(t, 'KV_PEER_REFUSED', () => openHost(t, stranger));
  const closed = (await hosts[0].stats()).bridge?.closed;
  t.true((closed?.proof ?? 0) > 0, JSON.stringify(closed));
  t.is(hosts[0].hosts().length, 1);
});

test('hosts: one with room for more than a range holds -> the next one begins behind it', async (t) => {
  const { hosts, addresses } = await cluster(t, 1);
  for (const [number, nodesMax] of [
    [1, 40],
    [2, 6],
  ]) {
    const listen = `127.0.0.1:${await freePort()}`;
    hosts.push(await openHost(t, { listen, hostId: `host-${number}`, seeds: addresses[0], nodes: 1, nodesMax }));
    await until(() => hosts.every((host) => isSettled(host, 2 + hosts.length)));
  }
  t.deepEqual(
    hosts[0].members().map(({ node }) => node),
    [0, 1, 2, 32, 96],
  );
});
