/** What hosts tell each other of hosts and nodes: more of them, and with longer names, than one frame takes. */
import assert from 'node:assert/strict';
import { isDeepStrictEqual as isSame } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { FRAME_BODY_BYTES_MAX } from '../../src/bridge/limits.js';
import { hostsFrames, nodesFrames, readHosts, readNodes } from '../../src/bridge/peer-news.js';
import { plainBody, type UnsealedFrame } from '../../src/bridge/plain-frame.js';
import type { HostAddress, NodeStatus } from '../../src/bridge/types.js';
import { RANGE_ALIGN } from '../../src/core/host-claims.js';
import { NODE_COUNT_MAX } from '../../src/core/ids.js';
import type { NodeMark } from '../../src/core/storage-mark.js';
import { eventually, FakeHost, fetchOf } from './bridge-fixture.js';

const HOSTS = Math.ceil(NODE_COUNT_MAX / RANGE_ALIGN);
const longest = (name: string) => name.padEnd(255, 'x');

/** Nobody listens there. */
const longNamed = (index: number): HostAddress => ({
  host: longest(`host-${index}`),
  address: '127.0.0.1:1',
  first: index * RANGE_ALIGN,
  room: index === HOSTS - 1 ? RANGE_ALIGN - 1 : RANGE_ALIGN,
  zone: longest('zone'),
  machine: longest('machine'),
});

const MARK = { replica: 2 ** 48 - 1, bornMs: Number.MAX_SAFE_INTEGER, sequence: 2 ** 48 - 1 };
const statusOf = (node: number): NodeStatus => {
  return { node, up: true, draining: false, doubtful: false, incarnation: 0xffff_ffff, storage: MARK };
};

/** Of so many things, each of which takes as much as it may. */
const listOf = <Item>(count: number, itemAt: (index: number) => Item) =>
  Array.from({ length: count }, (_, i) => itemAt(i));

test('peer news: hosts and nodes, however many and however long their texts -> frames that may be sent, one at least, of all of them', (t) => {
  const address = { ...longNamed(0), address: `${'h'.repeat(250)}:7400` };
  const peer = { ...address, room: NODE_COUNT_MAX };
  const count = fc.oneof(fc.constantFrom(0, 1, 55, 56, 57, 255, 256, 257), fc.nat(1_200));
  const property = fc.property(count, count, (many, others) => {
    const hosts = listOf(many, () => address);
    const told = { nodes: listOf(many, statusOf), seen: listOf(others, (node): NodeMark => ({ node, ...MARK })) };
    const bodies = (frames: readonly UnsealedFrame[]) =>
      frames.map(({ frame, bodyBytes }) => plainBody(frame, bodyBytes));
    const hostFrames = hostsFrames(hosts);
    const nodeFrames = nodesFrames(told);
    for (const frames of [hostFrames, nodeFrames]) {
      assert.ok(frames.length > 0);
      for (const { bodyBytes } of frames) assert.ok(bodyBytes <= FRAME_BODY_BYTES_MAX, `${bodyBytes} bytes`);
    }
    assert.deepEqual(bodies(hostFrames).flatMap(readHosts), hosts);
    const heard = bodies(nodeFrames).map((body) => readNodes(body, peer));
    assert.deepEqual({ nodes: heard.flatMap(({ nodes }) => nodes), seen: heard.flatMap(({ seen }) => seen) }, told);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 60 }));
});

test('bridge: as many hosts as there can be, all names as long as they may be -> each hears of all, and is linked', async (t) => {
  const known = listOf(HOSTS - 2, (i) => longNamed(i + 2));
  const a = await new FakeHost('a', { index: 0, known }).start(t);
  const b = await new FakeHost('b', { index: 1, seeds: [a.address] }).start(t);
  await eventually(() => b.hosts.length === HOSTS || b.events.includes('down a'), 'b knows all hosts');
  const others = b.hosts.filter(({ host }) => host.length === 255).sort((one, other) => one.first - other.first);
  t.true(isSame(others, known));
  a.send(fetchOf(1));
  await eventually(() => b.received.length === 1, 'a message');
  t.deepEqual(a.events, ['up b']);
  t.deepEqual(b.events, ['up a']);
});

test('bridge: a host with thousands of nodes -> the other hears of each, and of each mark', async (t) => {
  const room = NODE_COUNT_MAX - 2 * RANGE_ALIGN + 1;
  const nodes = listOf(room, statusOf);
  const marks = listOf(room, (node): NodeMark => ({ node, ...MARK }));
  const heard = new Map<string, unknown[]>();
  const hear = (what: string, told: readonly unknown[]) => heard.set(what, [...(heard.get(what) ?? []), ...told]);
  const address = (host: string, first: number, its: number) => {
    return { host, address: '127.0.0.1:0', first, room: its, zone: 'z', machine: 'm' };
  };
  const a = await new FakeHost('a', {
    self: address('a', 0, room),
    hooks: {
      nodes: () => ({ nodes, seen: [] }),
      onPeerNodes: (_peer, { seen }) => hear('seen by b', seen),
    },
  }).start(t);
  const b = await new FakeHost('b', {
    self: address('b', NODE_COUNT_MAX - RANGE_ALIGN + 1, RANGE_ALIGN - 1),
    seeds: [a.address],
    hooks: {
      nodes: () => ({ nodes: [], seen: marks }),
      onPeerNodes: (_peer, told) => hear('nodes of a', told.nodes),
    },
  }).start(t);
  const isHeard = () => heard.get('nodes of a')?.length === room && heard.get('seen by b')?.length === room;
  await eventually(() => isHeard() || b.events.includes('down a'), 'all nodes and marks');
  t.true(isSame(heard.get('nodes of a'), nodes));
  t.true(isSame(heard.get('seen by b'), marks));
  t.deepEqual(a.events, ['up b']);
});
