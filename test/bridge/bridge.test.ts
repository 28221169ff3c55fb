import test from 'ava';
import { Head } from '../../src/protocol/header.js';
import { failure } from '../../src/protocol/outcome.js';
import {
  clientOf,
  coordinatorOf,
  eventually,
  FakeHost,
  fetchOf,
  gossipOf,
  messageOf,
  ROOM,
  startPair,
  vnodeOf,
} from './bridge-fixture.js';

for (const [how, settings] of [
  ['no secret', {}],
  ['a secret', { secret: 'of the cluster' }],
] as const) {
  test(`bridge: two hosts with ${how} -> exchange messages both ways, and tell of nodes and hosts`, async (t) => {
    const [a, b] = await startPair(t, settings);
    const there = fetchOf(11);
    a.send(there);
    b.send(messageOf('fetched', { from: vnodeOf(ROOM), to: coordinatorOf(0), request: 11 }));
    await eventually(() => a.received.length === 1 && b.received.length === 1);
    t.deepEqual(b.received[0], there);
    t.is(a.received[0][Head.request], 11);
    await eventually(() => a.nodesOf.has('b') && b.nodesOf.has('a'));
    t.deepEqual(a.nodesOf.get('b'), b.nodes);
    t.deepEqual(
      b.hosts.map(({ host, address }) => [host, address]),
      [
        ['b', b.address],
        ['a', a.address],
      ],
    );
    t.deepEqual(a.events, ['up b']);
    t.deepEqual(b.refused, []);
  });
}

test('bridge: messages of all sizes, one larger than a frame -> arrive whole and in order', async (t) => {
  const [a, b] = await startPair(t);
  const sizes = [40, 104, 65_536, 65_544, 2_000_000, 48, 300_000];
  const sent = sizes.map((bytes, i) => {
    const words = fetchOf(i, bytes);
    for (let word = 8; word < words.length; word++) words[word] = Math.imul(word, i + 1);
    return words;
  });
  for (const words of sent) a.bridge.send(words, 0);
  a.bridge.flush();
  await eventually(() => b.received.length === sizes.length);
  t.deepEqual(b.received, sent);
});

test('bridge: a hundred thousand messages -> all arrive, in the order of their sender', async (t) => {
  const [a, b] = await startPair(t);
  const count = 100_000;
  let sent = 0;
  while (sent < count) {
    const room = Math.min(1_000, count - sent);
    for (let i = 0; i < room; i++) a.bridge.send(fetchOf(sent++), 0);
    a.bridge.flush();
    await eventually(() => (a.stats.peers[0]?.queuedBytes[1] ?? 0) < 1_000_000);
  }
  await eventually(() => b.received.length === count);
  t.true(b.received.every((words, i) => words[Head.request] === i));
  t.deepEqual(a.stats.messagesRefused, [0, 0, 0]);
});

test('bridge: a client of one host asks a coordinator of another -> the reply finds its seat', async (t) => {
  const [a, b] = await startPair(t);
  b.clockAheadMs = 0;
  a.send(messageOf('read', { from: clientOf(9), to: coordinatorOf(ROOM), request: 77, fields: { keySlot: 0 } }));
  await eventually(() => b.received.length === 1);
  const client = b.received[0][Head.from];
  t.is(client, clientOf((1 << 8) | 9));
  b.send(messageOf('answered', { from: coordinatorOf(ROOM), to: client, request: 77 }));
  await eventually(() => a.received.length === 1);
  t.is(a.received[0][Head.to], clientOf(9));
});

test('bridge: no connection to the host -> a client and a coordinator are told at once', async (t) => {
  const a = await new FakeHost('a').start(t);
  a.send(messageOf('read', { from: clientOf(9), to: coordinatorOf(ROOM), request: 5 }));
  a.send(messageOf('gossip', { from: gossipOf(0), to: gossipOf(ROOM) }));
  t.is(a.received.length, 1);
  const [answered] = a.ofKind('answered');
  t.is(answered[4], failure('KV_UNAVAILABLE'));
  t.deepEqual([answered[Head.to], answered[Head.from], answered[Head.request]], [clientOf(9), coordinatorOf(ROOM), 5]);
  t.is(a.stats.messagesLost, 2);
});

test('bridge: other secrets -> both refuse, and say so', async (t) => {
  const a = await new FakeHost('a', { secret: 'one' }).start(t);
  const b = await new FakeHost('b', { index: 1, secret: 'two', seeds: [a.address] }).start(t);
  await eventually(() => b.refused.length > 0);
  t.is(a.refused[0], 'proof');
  t.is(b.refused[0], 'refused: proof');
  t.is(a.stats.closed.proof, 1);
  t.is(a.links.size, 0);
});

test('bridge: both dial at once -> one connection, dialed by the smaller id', async (t) => {
  const a = await new FakeHost('a').start(t);
  const b = await new FakeHost('b', { index: 1, known: [{ ...a.self, address: a.address }] }).start(t);
  await eventually(() => a.links.has('b') && b.links.has('a'));
  t.is(a.stats.peers.length, 1);
  t.is(b.stats.peers.length, 1);
});
