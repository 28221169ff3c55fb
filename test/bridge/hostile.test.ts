/** Strangers and peers that break the rules, over real sockets: each is counted, and the host keeps serving the others. */
import test, { type ExecutionContext } from 'ava';
import { allocateFrame, FrameType, sealFrame } from '../../src/bridge/frame.js';
import { CREDIT_BYTES, FRAME_HEADER_BYTES, STRANGERS_MAX } from '../../src/bridge/limits.js';
import type { RefusalReason } from '../../src/bridge/refusal.js';
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
  strangerTo,
  vnodeOf,
} from './bridge-fixture.js';
import { flood } from './flood.js';
import { rogueAt } from './rogue.js';

/** `test/long/strangers.ts` makes 10,000: an accepted connection costs two milliseconds. */
const STRANGERS = 1_500;

/** b asks a, and a answers: it serves. */
async function serves(t: ExecutionContext, a: FakeHost, b: FakeHost): Promise<void> {
  const before = a.received.length;
  b.send(fetchOf(4, 104, [ROOM, 0]));
  await eventually(() => a.received.length > before, 'a still takes messages');
  t.true(a.links.has('b'));
}

test('hostile: half a hello, and a byte now and then -> closed in time, and counted', async (t) => {
  const [a, b] = await startPair(t, { handshakeMs: 1_500 });
  const half = await strangerTo(t, a);
  const slow = await strangerTo(t, a);
  const closed = [half, slow].map((socket) => new Promise((resolve) => socket.once('close', resolve)));
  half.write(Buffer.from([64, 0, 0, 0, 1, 2, 3]));
  // slow enough that not even the header of a frame is whole in time
  const timer = setInterval(() => slow.write(Buffer.from([0])), 200);
  t.teardown(() => clearInterval(timer));
  await Promise.all(closed);
  await eventually(() => a.stats.closed.timeout >= 2 && a.stats.strangers === 0);
  await serves(t, a, b);
});

test('hostile: noise, a frame too large for a greeting, messages before the greeting -> closed, and counted', async (t) => {
  const [a, b] = await startPair(t);
  const large = allocateFrame(8_000);
  const early = allocateFrame(16);
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\nHost: kvorum\r\n\r\n'),
    Buffer.alloc(64, 0xff),
    Buffer.from(sealFrame(large, { type: FrameType.hello, lane: 0 }, 8_000, 0)),
    Buffer.from(sealFrame(early, { type: FrameType.data, lane: 1 }, 16, 0)),
  ]) {
    const socket = await strangerTo(t, a);
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(bytes);
    await closed;
  }
  const { closed, strangers } = a.stats;
  t.is(closed.length, 3);
  t.is(closed.order, 1);
  t.true(strangers <= 1);
  await serves(t, a, b);
});

test('hostile: connections by the thousand that say nothing -> few are open at a time, memory is bounded, peers are served', async (t) => {
  const [a, b] = await startPair(t);
  const before = process.memoryUsage().arrayBuffers;
  const silent = await Promise.all(Array.from({ length: STRANGERS_MAX + 20 }, () => strangerTo(t, a)));
  await eventually(() => a.stats.closed.busy > 0, 'one too many');
  await serves(t, a, b);
  for (const socket of silent) socket.destroy();
  await flood(a.port, STRANGERS, () => serves(t, a, b));
  const { accepted, strangersMost } = a.stats;
  t.true(accepted > STRANGERS / 2, `${accepted} were accepted`);
  t.true(strangersMost <= STRANGERS_MAX, `${strangersMost} strangers`);
  t.true(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024);
  await eventually(() => a.stats.strangers === 0, 'all strangers are gone');
  await new FakeHost('c', { index: 2, seeds: [a.address] }).start(t);
  await eventually(() => a.links.has('c'), 'a host that comes later is let in');
});

const VIOLATIONS: readonly (readonly [
  what: string,
  type: FrameType,
  lane: number,
  body: Int32Array,
  reason: RefusalReason,
])[] = [
  ['a forged sender', FrameType.data, 1, fetchOf(1, 104, [5, 0]), 'sender'],
  ['a third host as sender', FrameType.data, 1, fetchOf(1, 104, [ROOM, 0]), 'sender'],
  ['a third host as receiver', FrameType.data, 1, fetchOf(1, 104, [2 * ROOM, ROOM]), 'receiver'],
  [
    'a message that is local',
    FrameType.data,
    1,
    messageOf('mint', { from: coordinatorOf(2 * ROOM), to: vnodeOf(0) }),
    'not-exported',
  ],
  [
    'a role that may not ask that',
    FrameType.data,
    1,
    messageOf('fetch', { from: clientOf(1), to: vnodeOf(0), bytes: 104 }),
    'not-exported',
  ],
  ['an unknown message', FrameType.data, 1, Int32Array.of(16 | (99 << 24), 0, 0, 0), 'message-kind'],
  ['a message that is cut off', FrameType.data, 1, fetchOf(1, 104, [2 * ROOM, 0]).subarray(0, 20), 'message-size'],
  ['bulk on the control lane', FrameType.data, 0, fetchOf(1, 104, [2 * ROOM, 0]), 'lane'],
  ['a piece out of nowhere', FrameType.chunk, 1, Int32Array.of(64, 32, 0, 0), 'chunk'],
  ['a whole of 2 GB', FrameType.chunk, 1, Int32Array.of(0x7fff_fff8, 0, 0, 0), 'chunk'],
  ['credit out of nowhere', FrameType.credit, 0, Int32Array.of(0, 5_000, 0, 0), 'credit'],
  ['a ping that is too long', FrameType.ping, 0, new Int32Array(4), 'length'],
  ['a second hello', FrameType.hello, 0, new Int32Array(4), 'order'],
  ['nodes that are noise', FrameType.nodes, 0, Int32Array.of(4, -1), 'malformed'],
];
for (const [what, type, lane, body, reason] of VIOLATIONS) {
  test(`hostile: an authenticated peer sends ${what} -> closed: ${reason}, the others are served`, async (t) => {
    const [a, b] = await startPair(t);
    const rogue = await rogueAt(t, a, 'rogue', 2);
    await eventually(() => a.links.has('rogue'));
    rogue.send(type, lane, body);
    await eventually(() => rogue.closed !== undefined && !a.links.has('rogue'));
    t.is(a.stats.closed[reason], 1);
    t.deepEqual(a.received, []);
    await serves(t, a, b);
  });
}

test('hostile: a peer that sends beyond its credit -> closed', async (t) => {
  const a = await new FakeHost('a').start(t);
  const rogue = await rogueAt(t, a, 'rogue', 2);
  await eventually(() => a.links.has('rogue'));
  a.waitingBytes = 64 * 1024 * 1024;
  for (let sent = 0; sent <= CREDIT_BYTES[1]; sent += 60_000)
    rogue.send(FrameType.data, 1, fetchOf(1, 60_000, [64, 0]));
  await eventually(() => rogue.closed !== undefined);
  t.is(a.stats.closed.credit, 1);
});

test('hostile: a peer that reads nothing -> costs the others nothing, and is dropped', async (t) => {
  const [a, b] = await startPair(t);
  const rogue = await rogueAt(t, a, 'rogue', 2);
  await eventually(() => a.links.has('rogue'));
  rogue.socket.pause();
  let refused = 0;
  for (let i = 0; refused < 100; i++) {
    a.send(fetchOf(i, 60_000, [0, 64]));
    a.send(fetchOf(i, 104));
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    refused = a.stats.messagesRefused[1];
  }
  const sent = a.stats.peers.find(({ host }) => host === 'rogue');
  t.true((sent?.queuedBytes[1] ?? 0) <= 8 * 1024 * 1024);
  t.true((sent?.underWayBytes[1] ?? 0) <= CREDIT_BYTES[1]);
  t.is(a.ofKind('fetched').length, refused, 'whoever is refused is told');
  await eventually(() => b.received.length >= 100, 'b gets its messages');
  await eventually(() => a.events.includes('down rogue'), 'the peer is dropped');
  t.is(a.stats.closed.silence, 1);
  t.deepEqual(
    a.events.filter((event) => event.endsWith(' b')),
    ['up b'],
  );
});

test('hostile: a peer that speaks for its own nodes only -> gossip of its own is delivered', async (t) => {
  const a = await new FakeHost('a').start(t);
  const rogue = await rogueAt(t, a, 'rogue', 2);
  rogue.send(FrameType.data, 0, messageOf('gossip', { from: gossipOf(64), to: gossipOf(0) }));
  await eventually(() => a.received.length === 1);
  t.is(FRAME_HEADER_BYTES, 16);
});
