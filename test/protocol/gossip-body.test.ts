import test from 'ava';
import fc from 'fast-check';
import { NODE_COUNT_MAX, nodeIndex } from '../../src/core/ids.js';
import type { Liveness, Members, NodeState } from '../../src/core/membership.js';
import { REPORTERS_MAX } from '../../src/core/reporters.js';
import { bodyMessageBytes, encodeBody, putBody } from '../../src/protocol/body.js';
import { encodeGossip, readGossip } from '../../src/protocol/gossip-body.js';
import { HEADER_WORDS, MessageView, putHeader } from '../../src/protocol/header.js';
import { BODY_BYTES_MAX, GOSSIP_ENTRIES_MAX } from '../../src/protocol/limits.js';
import { Kind } from '../../src/protocol/messages.js';

function messageOf(body: Uint8Array): MessageView {
  const size = bodyMessageBytes(HEADER_WORDS, body);
  const words = new Int32Array(size / 4);
  const bytes = Buffer.from(words.buffer);
  putHeader(words, 0, Kind.gossip, size, 0, 0, 0);
  putBody(words, bytes, HEADER_WORDS, body);
  const view = new MessageView();
  view.point(words, bytes, 0);
  return view;
}

const ascending = (arbitrary: fc.Arbitrary<number>, maxLength: number) =>
  fc.uniqueArray(arbitrary, { maxLength }).map((list) => list.sort((a, b) => a - b));
const nodes = fc.nat(NODE_COUNT_MAX - 1);
const details = fc.record({
  incarnation: fc.nat({ max: 2 ** 40 }),
  heartbeat: fc.nat({ max: 2 ** 40 }),
  state: fc.constantFrom<NodeState>('up', 'suspect', 'down'),
  reporters: ascending(nodes, REPORTERS_MAX).map((list) => list.map(nodeIndex)),
});
const tables: fc.Arbitrary<Members> = ascending(nodes, 30).chain((list) =>
  fc.tuple(...list.map((node) => details.map((more) => entryOf(node, more)))),
);

function entryOf(node: number, more: Omit<Liveness, 'node'>): Liveness {
  return { node: nodeIndex(node), ...more, reporters: more.state === 'up' ? [] : more.reporters };
}

test('gossip body: any entries -> are read back as they were', (t) => {
  fc.assert(fc.property(tables, (table) => void t.deepEqual(readGossip(messageOf(encodeGossip(table))), table)));
});

test('gossip body: as many entries as may be, each as long as can be -> fits a message; one more -> refused', (t) => {
  const last = Array.from({ length: REPORTERS_MAX }, (_, index) => nodeIndex(NODE_COUNT_MAX - 1 - index)).reverse();
  const longest = { incarnation: Number.MAX_SAFE_INTEGER, heartbeat: Number.MAX_SAFE_INTEGER, reporters: last };
  const table = (count: number) =>
    Array.from({ length: count }, (_, index) => entryOf(index * 3, { ...longest, state: 'down' }));
  const body = encodeGossip(table(GOSSIP_ENTRIES_MAX));
  t.true(body.length <= BODY_BYTES_MAX / 1.3, `${body.length} bytes`);
  t.is(readGossip(messageOf(body)).length, GOSSIP_ENTRIES_MAX);
  t.throws(() => readGossip(messageOf(encodeGossip(table(GOSSIP_ENTRIES_MAX + 1)))), { code: 'KV_PROTOCOL' });
});

for (const [what, content] of [
  ['a string', 'not a table'],
  ['an array of strings', ['a']],
  ['a negative number', [4, 1, -1]],
  ['a fraction', [4, 1, 0.5]],
  ['an entry that breaks off', [4, 1]],
  ['reporters that break off', [5, 1, 1, 2, 0]],
  ['a suspect without a count', [5, 1, 1]],
  ['a node twice', [4, 1, 1, 0, 1, 1]],
  ['a node beyond the last', [NODE_COUNT_MAX * 4 + 4, 1, 1]],
  ['a state that is none', [7, 1, 1]],
  ['more reporters than are kept', [5, 1, 1, 5, 1, 2, 3, 4, 5]],
  ['reporters out of order', [5, 1, 1, 2, 2, 1]],
  ['a reporter beyond the last', [5, 1, 1, 1, NODE_COUNT_MAX]],
] as const) {
  test(`gossip body: ${what} -> KV_PROTOCOL`, (t) => {
    t.throws(() => readGossip(messageOf(encodeBody(content))), { code: 'KV_PROTOCOL' });
  });
}

test('gossip body: any numbers -> a table in order, or KV_PROTOCOL', (t) => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(12), fc.nat())), (content) => {
      try {
        const read = readGossip(messageOf(encodeBody(content)));
        t.true(read.every(({ node }, index) => index === 0 || node > read[index - 1].node));
      } catch (error) {
        t.is((error as { code?: string }).code, 'KV_PROTOCOL');
      }
    }),
  );
});
