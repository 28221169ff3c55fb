/** Connections that break, and that are made twice. */
import test from 'ava';
import { askCluster } from '../../src/bridge/ask-cluster.js';
import type { StoreError } from '../../src/core/errors.js';
import { Head } from '../../src/protocol/header.js';
import {
  clientOf,
  coordinatorOf,
  eventually,
  FakeHost,
  fetchOf,
  messageOf,
  ROOM,
  startPair,
} from './bridge-fixture.js';
import { CuttingProxy, freePorts } from './rogue.js';

test('reconnect: a connection that breaks again and again -> is made anew; nothing arrives twice or out of order', async (t) => {
  const proxy = await new CuttingProxy().start(t);
  const self = { host: 'a', address: `127.0.0.1:${proxy.port}`, first: 0, room: ROOM, zone: 'z', machine: 'm' };
  const a = await new FakeHost('a', { self }).start(t);
  proxy.target = a.port;
  // nobody is at the address that b names, so that every connection is through the proxy
  const nowhere = { ...self, host: 'b', address: '127.0.0.1:1', first: ROOM };
  const b = await new FakeHost('b', { self: nowhere, seeds: [self.address] }).start(t);
  let next = 0;
  for (let round = 1; round <= 5; round++) {
    await eventually(() => a.links.has('b') && b.links.has('a'), `linked, round ${round}`);
    const before = b.received.length;
    for (let i = 0; i < 2_000; i++) a.bridge.send(fetchOf(next++, 1_000), 0);
    a.bridge.flush();
    await eventually(() => b.received.length > before, `something arrives, round ${round}`);
    const link = a.links.get('b');
    proxy.cut();
    // what is sent while nobody has noticed is lost with the rest
    for (let i = 0; i < 2_000; i++) a.bridge.send(fetchOf(next++, 1_000), 0);
    await eventually(() => (a.links.get('b') ?? link) !== link, 'a newer connection');
  }
  const requests = b.received.map((words) => words[Head.request]);
  t.true(requests.every((request, i) => i === 0 || request > requests[i - 1]));
  t.true(requests.length < next);
  const { messagesOut, messagesLost } = a.stats;
  t.true(messagesLost > 0 && messagesLost <= messagesOut);
  t.deepEqual(b.events.slice(0, 3), ['up a', 'down a', 'up a']);
});

test('reconnect: a host stops and another process takes its place -> the new one is linked', async (t) => {
  const [port] = await freePorts(1);
  const listen = { host: '127.0.0.1', port };
  const first = await new FakeHost('b', { index: 1, listen }).start(t);
  const a = await new FakeHost('a', { known: [{ ...first.self, address: first.address }] }).start(t);
  await eventually(() => a.links.has('b'));
  const client = clientOf(3);
  await first.bridge.close();
  await eventually(() => !a.links.has('b'));
  const second = await new FakeHost('b', { index: 1, listen }).start(t);
  await eventually(() => a.links.has('b'));
  a.send(messageOf('read', { from: client, to: coordinatorOf(ROOM), request: 3 }));
  await eventually(() => second.received.length === 1);
  t.deepEqual(a.events, ['up b', 'down b', 'up b']);
  t.is(a.links.get('b'), 2);
});

test('reconnect: two processes with one id -> the first stays, the second is told why until the first has ended', async (t) => {
  const a = await new FakeHost('a').start(t);
  const first = await new FakeHost('b', { index: 1, seeds: [a.address] }).start(t);
  await eventually(() => a.links.has('b'));
  const second = await new FakeHost('b', { index: 1, seeds: [a.address] }).start(t);
  await eventually(() => second.refused.filter((reason) => reason === 'refused: id-in-use').length >= 3);
  t.true(a.stats.closed['id-in-use'] >= 3);
  t.deepEqual(a.events, ['up b']);
  t.deepEqual(first.events, ['up a']);
  const asking = { host: 'b', clusterName: 'test', clockDriftMaxMs: 60_000 };
  const error = await t.throwsAsync<StoreError>(askCluster(a.address, { ...asking, room: 3 }));
  t.like(error, { code: 'KV_PEER_REFUSED', details: { address: a.address, reason: 'id-in-use' } });
  t.truthy(await askCluster(a.address, asking));
  await first.bridge.close();
  await eventually(() => second.links.has('a'), 'the second is linked');
  t.deepEqual(a.events, ['up b', 'down b', 'up b']);
});

test('reconnect: hosts that the cluster has not let in, or has forgotten -> no peers; one that it has -> a peer', async (t) => {
  const claims = ['a', 'b'].map((host, index) => ({ host, first: index * ROOM, room: ROOM }));
  const a = await new FakeHost('a', { claims }).start(t);
  const b = await new FakeHost('b', { index: 1, seeds: [a.address] }).start(t);
  const c = await new FakeHost('c', { index: 2, seeds: [a.address] }).start(t);
  await eventually(() => a.links.has('b') && c.refused.includes('refused: not-admitted'));
  a.bridge.setClaims([...claims, { host: 'c', first: 2 * ROOM, room: ROOM }]);
  await eventually(() => a.links.has('c'), 'c is let in');
  a.bridge.setClaims(claims.slice(0, 1));
  await eventually(() => a.links.size === 0 && b.refused.includes('refused: not-admitted'));
  t.deepEqual(
    a.hosts.map(({ host }) => host),
    ['a'],
  );
  // its range is another's now
  a.bridge.setClaims([...claims.slice(0, 1), { host: 'd', first: ROOM, room: ROOM }]);
  await new FakeHost('d', { index: 1, seeds: [a.address] }).start(t);
  await eventually(() => a.links.has('d'), 'd has the range that b had');
});

test('reconnect: a seed that the cluster has forgotten -> is dialed no more, nor told to others; let in again, it is a peer', async (t) => {
  const claims = ['a', 'b', 'c'].map((host, index) => ({ host, first: index * ROOM, room: ROOM }));
  const c = await new FakeHost('c', { index: 2, claims }).start(t);
  const b = await new FakeHost('b', { index: 1, claims, seeds: [c.address] }).start(t);
  const a = await new FakeHost('a', { claims, seeds: [b.address] }).start(t);
  await eventually(() => [a, b, c].every((host) => host.links.size === 2), 'all are linked');
  a.bridge.setClaims(claims.slice(0, 2));
  await eventually(() => !a.links.has('c'));
  // b has not heard of it yet, and goes on telling where c is
  b.bridge.setClaims(claims.slice(0, 2));
  await eventually(() => !b.links.has('c') && c.refused.length >= 4, 'c is refused again and again');
  const dialed = [a.stats.dialed, b.stats.dialed];
  const { accepted } = c.stats;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  t.deepEqual([a.stats.dialed, b.stats.dialed], dialed);
  t.is(c.stats.accepted, accepted);
  for (const host of [a, b]) {
    t.deepEqual(
      host.hosts.map((known) => known.host),
      ['a', 'b'].toSorted((one) => (one === host.self.host ? -1 : 1)),
    );
  }
  await c.bridge.close();
  const again = await new FakeHost('c', { index: 2, claims, seeds: [a.address] }).start(t);
  for (const host of [a, b]) host.bridge.setClaims(claims);
  await eventually(() => [a, b].every((host) => host.links.has('c')) && again.links.size === 2, 'c is back');
});

test('reconnect: a seed that answers only after the cluster has forgotten who is there -> is dialed no more', async (t) => {
  const claims = ['a', 'c'].map((host, index) => ({ host, first: index * ROOM, room: ROOM }));
  const [port] = await freePorts(1);
  const a = await new FakeHost('a', { claims, seeds: [`127.0.0.1:${port}`] }).start(t);
  await eventually(() => a.stats.dialed >= 2, 'nobody is there yet');
  a.bridge.setClaims(claims.slice(0, 1));
  const c = await new FakeHost('c', { index: 1, claims, listen: { host: '127.0.0.1', port } }).start(t);
  await eventually(() => a.refused.includes('not-admitted'), 'c has answered');
  const { dialed } = a.stats;
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  t.is(a.stats.dialed, dialed);
  t.is(c.stats.accepted, 1);
});

test('reconnect: a host comes back at another address -> all know that one, and the old one is dialed no more', async (t) => {
  const [old] = await freePorts(1);
  const refused: string[] = [];
  const onRefused = (address: string) => void refused.push(address);
  const a = await new FakeHost('a', { hooks: { onRefused } }).start(t);
  const c = await new FakeHost('c', { index: 2, seeds: [a.address] }).start(t);
  const listen = { host: '127.0.0.1', port: old };
  const first = await new FakeHost('b', { index: 1, listen, seeds: [a.address] }).start(t);
  await eventually(() => [a, c].every((host) => host.links.has('b')) && a.links.has('c'), 'all are linked');
  const known = first.hosts.filter(({ host }) => host !== 'b');
  await first.bridge.close();
  await eventually(() => refused.includes(`127.0.0.1:${old}`), 'the old address is dialed');
  const second = await new FakeHost('b', { index: 1, known }).start(t);
  const knows = (host: FakeHost) => host.hosts.some((one) => one.host === 'b' && one.address === second.address);
  await eventually(() => [a, c].every((host) => host.links.has('b') && knows(host)), 'all know where it is');
  await second.bridge.close();
  refused.length = 0;
  await eventually(() => refused.length >= 3);
  t.deepEqual([...new Set(refused)], [second.address]);
});

test('reconnect: both dial at once, many times -> one connection at last, and the same on both sides', async (t) => {
  for (let round = 0; round < 10; round++) {
    const ports = await freePorts(2);
    const names = ['a', 'b'];
    const addresses = names.map((host, i) => ({
      host,
      address: `127.0.0.1:${ports[i]}`,
      first: i * ROOM,
      room: ROOM,
      zone: 'z',
      machine: 'm',
    }));
    const hosts = names.map(
      (host, index) =>
        new FakeHost(host, {
          self: addresses[index],
          index,
          known: [addresses[1 - index]],
          listen: { host: '127.0.0.1', port: ports[index] },
        }),
    );
    const [a, b] = await Promise.all(hosts.map((host) => host.start(t)));
    await eventually(() => a.links.has('b') && b.links.has('a'));
    let arrived = 0;
    await eventually(() => {
      a.send(fetchOf(arrived, 104));
      b.send(fetchOf(arrived, 104, [ROOM, 0]));
      arrived++;
      return a.ofKind('fetch').length > 3 && b.ofKind('fetch').length > 3;
    }, 'messages both ways');
    t.is(a.stats.peers.length, 1);
    t.is(b.stats.peers.length, 1);
    await Promise.all([a.bridge.close(), b.bridge.close()]);
  }
});

test('reconnect: three hosts, of which one is named to the others -> all know and reach each other', async (t) => {
  const a = await new FakeHost('a').start(t);
  const b = await new FakeHost('b', { index: 1, seeds: [a.address] }).start(t);
  const c = await new FakeHost('c', { index: 2, seeds: [a.address, a.address] }).start(t);
  await eventually(() => b.links.has('c') && c.links.has('b'), 'b and c');
  for (const host of [a, b, c]) {
    await eventually(() => host.hosts.length === 3, `${host.self.host} knows all`);
    t.deepEqual(host.hosts.map((known) => known.host).sort(), ['a', 'b', 'c']);
  }
});

test('reconnect: another name of the own address among the seeds -> is dialed again, which nobody is told of', async (t) => {
  const [port] = await freePorts(1);
  const a = await new FakeHost('a', { listen: { host: '127.0.0.1', port }, seeds: [`localhost:${port}`] }).start(t);
  await eventually(() => a.stats.closed.self > 1);
  // what the listener says of it the host does not tell on (host/bridge-main.ts)
  t.deepEqual([...new Set(a.refused)], ['self']);
});

test('reconnect: mailboxes that are full -> the peer gets no credit until they have room; then all arrives', async (t) => {
  const [a, b] = await startPair(t);
  b.waitingBytes = 64 * 1024 * 1024;
  for (let i = 0; i < 100; i++) a.bridge.send(fetchOf(i, 60_000), 0);
  a.bridge.flush();
  const underWay = () => a.stats.peers[0].underWayBytes[1];
  await eventually(() => b.received.length * 60_000 === underWay());
  const stuck = b.received.length;
  t.true(stuck < 100 && stuck > 50);
  await new Promise((resolve) => setTimeout(resolve, 100));
  t.is(b.received.length, stuck);
  b.waitingBytes = 0;
  await eventually(() => b.received.length === 100);
  t.pass();
});

test('reconnect: no local mailbox has room -> the caller of the other host is told', async (t) => {
  const [a, b] = await startPair(t);
  b.hasRoom = false;
  a.send(fetchOf(8));
  await eventually(() => a.ofKind('fetched').length === 1);
  t.is(a.received[0][Head.request], 8);
  t.is(b.stats.deliveriesRefused, 1);
});

test('reconnect: deadlines -> are on the clock of the host that they arrive at', async (t) => {
  const b = new FakeHost('b', { index: 1 });
  b.clockAheadMs = 1_234_567;
  await b.start(t);
  const a = await new FakeHost('a', { seeds: [b.address] }).start(t);
  await eventually(() => a.links.has('b') && b.links.has('a'));
  await eventually(() => Number.isFinite(b.stats.peers[0]?.roundTripMs), 'a ping came back');
  const deadline = (performance.now() + 5_000) | 0;
  a.send(messageOf('read', { from: clientOf(1), to: coordinatorOf(ROOM), fields: { deadline } }));
  await eventually(() => b.received.length === 1);
  const error = b.received[0][4] - (deadline + b.clockAheadMs);
  t.true(Math.abs(error) <= 2 + b.stats.peers[0].roundTripMs, `off by ${error} ms`);
});

test('reconnect: a seed that answers when its host is connected already -> that connection stays', async (t) => {
  const another = await new CuttingProxy().start(t);
  [another.target] = await freePorts(1);
  const a = await new FakeHost('a').start(t);
  const b = await new FakeHost('b', { index: 1, seeds: [a.address, `127.0.0.1:${another.port}`] }).start(t);
  await eventually(() => b.links.has('a') && another.connections > 0, 'a is linked, and the other seed is dialed');
  const { accepted } = a.stats;
  another.target = a.port;
  await eventually(() => a.stats.accepted > accepted, 'the other seed answers');
  await new Promise((resolve) => setTimeout(resolve, 500));
  t.deepEqual(b.events, ['up a']);
  t.deepEqual(a.events, ['up b']);
});
