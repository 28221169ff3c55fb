import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/core/errors.js';
import { epoch, NODE_COUNT_MAX, nodeIndex } from '../../src/core/ids.js';
import { RING_BYTES_MAX } from '../../src/core/ring.js';
import { beginChange } from '../../src/core/ring-change.js';
import { packRing, RING_FORMAT, readRing, unpackRing } from '../../src/core/ring-packing.js';
import { checkRingSize } from '../../src/core/ring-size.js';
import { firstRingState, movingPartitions, ringToPlain } from '../../src/core/ring-state.js';
import { encodeBody } from '../../src/protocol/body.js';
import { Random } from '../../src/sim/random.js';
import { anyState, largeRing } from './packed-rings.js';
import { ringOf } from './rings.js';

test('ring packing: any state -> packed and back it is the same, and the same bytes again', (t) => {
  const property = fc.property(anyState, (state) => {
    const bytes = packRing(state);
    const read = unpackRing(bytes);
    assert.deepEqual(read, state);
    assert.deepEqual(packRing(read), bytes);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 500 }));
});

test('ring packing: a ring amid a join -> a fraction of its plain form; only what moves is told twice', (t) => {
  const before = firstRingState({
    ...ringOf({ weights: new Array(30).fill(1), n: 9, partitions: 4_096 }),
    epoch: epoch(60_000),
  });
  const member = { ...before.members[0], node: nodeIndex(30), host: 'host-30' };
  const begun = beginChange(before, { kind: 'join', members: [member] });
  t.true(movingPartitions(begun).length > 1_000);
  assert.deepEqual(unpackRing(packRing(begun)), begun);
  const bytes = packRing(begun).length;
  t.true(bytes < encodeBody(ringToPlain(begun)).length / 3, `${bytes} bytes`);
  t.true(bytes - packRing(before).length < movingPartitions(begun).length * 5.5);
});

test('ring packing: 4,096 partitions of 9 replicas all move at random on 250 hosts -> within the bound, and the same again', (t) => {
  const property = fc.property(fc.nat(), fc.constantFrom('replace', 'failure-domain'), (seed, kind) => {
    const random = new Random(seed);
    const state = largeRing({ hosts: 250, kind, partitions: 4_096, n: 9, below: (end) => random.below(end) });
    const bytes = packRing(state);
    assert.equal(checkRingSize(state), state);
    assert.ok(bytes.length <= RING_BYTES_MAX, `${bytes.length} bytes`);
    assert.deepEqual(unpackRing(bytes), state);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 5 }));
});

test('ring packing: plain data, as an earlier version kept it -> is read; what is neither is refused', (t) => {
  const property = fc.property(anyState, (state) => assert.deepEqual(readRing(ringToPlain(state)), state));
  t.notThrows(() => fc.assert(property));
  for (const bad of [undefined, {}, 'ring', new Uint8Array(0), Uint8Array.of(0, 1, 2)]) {
    t.is((t.throws(() => readRing(bad)) as StoreError).code, 'KV_PROTOCOL');
  }
});

test('ring packing: cut short, with more behind, of a newer format -> refused', (t) => {
  const before = firstRingState(ringOf({ weights: [1, 1, 2, 1], n: 3, partitions: 16 }));
  const bytes = packRing(beginChange(before, { kind: 'leave', nodes: [3] }));
  for (let end = 0; end < bytes.length; end++) {
    t.is((t.throws(() => unpackRing(bytes.subarray(0, end))) as StoreError).code, 'KV_PROTOCOL', `${end} bytes`);
  }
  t.throws(() => unpackRing(Uint8Array.from([...bytes, 0])), { code: 'KV_PROTOCOL' });
  const newer = Uint8Array.from(bytes);
  newer[0] = RING_FORMAT + 1;
  t.throws(() => unpackRing(newer), { code: 'KV_FORMAT_TOO_NEW' });
});

test('ring packing: bytes that somebody changed -> a ring of numbers in their range, or refused; never much memory', (t) => {
  const change = fc.record({ at: fc.nat(), to: fc.nat(255) });
  const property = fc.property(anyState, fc.array(change, { minLength: 1, maxLength: 4 }), (state, changes) => {
    const bytes = Uint8Array.from(packRing(state));
    for (const { at, to } of changes) bytes[at % bytes.length] = to;
    try {
      const read = unpackRing(bytes);
      const nodes = [...read.lists.flat(), ...read.leavers, ...read.members.map(({ node }) => node)];
      assert.ok(nodes.every((node) => node >= 0 && node < NODE_COUNT_MAX));
    } catch (error) {
      assert.ok(error instanceof StoreError, String(error));
      assert.match(error.code, /^KV_(PROTOCOL|FORMAT_TOO_NEW)$/);
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 2_000 }));
});
