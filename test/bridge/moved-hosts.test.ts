/** Addresses and names that turn out to be another host's, or this one's, and hosts that have moved while others were away. */
import test, { type ExecutionContext } from 'ava';
import type { HostAddress } from '../../src/bridge/types.js';
import { eventually, FakeHost, ROOM } from './bridge-fixture.js';
import { CuttingProxy, freePorts } from './rogue.js';

const claims = ['a', 'b', 'c'].map((host, index) => ({ host, first: index * ROOM, room: ROOM }));

function at(index: number, port: number): HostAddress {
  return { ...claims[index], address: `127.0.0.1:${port}`, zone: 'z', machine: 'm' };
}

async function proxyTo(t: ExecutionContext, port: number): Promise<CuttingProxy> {
  const proxy = await new CuttingProxy().start(t);
  proxy.target = port;
  return proxy;
}

test('moved: an address answers as another host -> that one is a peer, and the address is dialed until the right one is there', async (t) => {
  const b = await new FakeHost('b', { index: 1 }).start(t);
  // it does not take up what a says of b
  const c = await new FakeHost('c', { index: 2, claims: claims.filter(({ host }) => host !== 'b') }).start(t);
  const proxy = await proxyTo(t, c.port);
  const a = await new FakeHost('a', { known: [at(1, proxy.port)] }).start(t);
  await eventually(() => a.links.has('c'), 'c has answered for b');
  proxy.target = b.port;
  await eventually(() => a.links.has('b'), 'b is there');
  t.true(a.links.has('c'));
});

test('moved: its own address is among the seeds -> a host dials the others alone', async (t) => {
  const [port] = await freePorts(1);
  const b = await new FakeHost('b', { index: 1 }).start(t);
  const self = at(0, port);
  const seeds = [self.address, `127.0.0.1:${b.port}`];
  const a = await new FakeHost('a', { self, listen: { host: '127.0.0.1', port }, seeds }).start(t);
  await eventually(() => a.links.has('b'), 'the other seed is found');
  // as long as several dials of a host that is not there would take
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.deepEqual([a.stats.dialed, a.stats.closed.self ?? 0], [1, 0]);
});

test('moved: a name among the seeds answers as this host -> it is dialed again, and finds another host later', async (t) => {
  const [port] = await freePorts(1);
  const b = await new FakeHost('b', { index: 1 }).start(t);
  const proxy = await proxyTo(t, port);
  const seeds = [`localhost:${proxy.port}`];
  const a = await new FakeHost('a', { listen: { host: '127.0.0.1', port }, seeds }).start(t);
  await eventually(() => a.stats.closed.self > 0, 'it has met itself');
  proxy.target = b.port;
  await eventually(() => a.links.has('b'), 'the name stands for b now');
  t.deepEqual(
    a.refused.filter((reason) => reason !== 'self'),
    [],
  );
});

test('moved: a name among the seeds stands for a host that is forgotten -> it is dialed again, and finds another host later', async (t) => {
  const b = await new FakeHost('b', { index: 1, claims }).start(t);
  const c = await new FakeHost('c', { index: 2, claims }).start(t);
  const proxy = await proxyTo(t, b.port);
  const a = await new FakeHost('a', { claims, seeds: [`localhost:${proxy.port}`] }).start(t);
  await eventually(() => a.links.has('b'));
  a.bridge.setClaims(claims.filter(({ host }) => host !== 'b'));
  await eventually(() => !a.links.has('b'));
  proxy.target = c.port;
  await eventually(() => a.links.has('c'), 'the name stands for c now');
  t.pass();
});

test('moved: two hosts at the same time, while a third one stays -> they find each other by what that one says', async (t) => {
  const [oldA, oldB] = await freePorts(2);
  const c = await new FakeHost('c', { index: 2 }).start(t);
  const known = (own: number) => [at(2, c.port), own === 0 ? at(1, oldB) : at(0, oldA)];
  const a = await new FakeHost('a', { index: 0, known: known(0) }).start(t);
  const b = await new FakeHost('b', { index: 1, known: known(1) }).start(t);
  await eventually(() => c.links.size === 2, 'both have found the one that stayed');
  await eventually(() => a.links.has('b') && b.links.has('a'), 'and each other');
  for (const host of [a, b]) {
    const addresses = host.hosts.map(({ address }) => address).sort();
    t.deepEqual(addresses, [a.address, b.address, c.address].sort());
  }
});

test('moved: a host is found at an address, and says that it has another -> that connection stays', async (t) => {
  const b = await new FakeHost('b', { index: 1 }).start(t);
  const proxy = await proxyTo(t, b.port);
  const a = await new FakeHost('a', { known: [at(1, proxy.port)] }).start(t);
  await eventually(() => a.links.has('b') && b.links.has('a'));
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.deepEqual([a.events, b.events], [['up b'], ['up a']]);
  t.true(a.hosts.some(({ address }) => address === b.address));
});
