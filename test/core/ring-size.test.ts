import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import { StoreError } from '../../src/core/errors.js';
import { epoch, type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import { type Member, RING_BYTES_MAX } from '../../src/core/ring.js';
import { advance, beginChange, type NodeReport, type RingChange } from '../../src/core/ring-change.js';
import { packRing } from '../../src/core/ring-packing.js';
import { checkRingSize, grown } from '../../src/core/ring-size.js';
import { allMembers, firstRingState, movingPartitions, Phase, type RingState } from '../../src/core/ring-state.js';
import { Random } from '../../src/sim/random.js';
import { ringOf } from './rings.js';

const QUORUMS = { r: 2, w: 2 };
const NODES = 6;

const memberAt = (node: number, host = `host-${node}`): Member => {
  return { node: nodeIndex(node), host, machine: 'machine', zone: 'zone', weight: 1 };
};

function begun(change: RingChange, first: number, gone: readonly NodeIndex[] = []): RingState {
  const map = { ...ringOf({ weights: new Array(NODES).fill(1), n: 3, partitions: 64 }), epoch: epoch(first) };
  return beginChange(firstRingState(map), change, gone);
}

/**
 * All rings from the one that begins a move to the settled one; in each a few partitions, at random, may take a step, or one
 * alone, and none its second before all have taken the first. Between two steps hosts may have been let in and forgotten again.
 */
function stepsOf(state: RingState, random: Random): RingState[] {
  const rings = [state];
  const isSlow = random.below(2) === 0;
  for (let last = state; last.move !== undefined; ) {
    const { id, phases } = last.move;
    const ring = { ...last, epoch: epoch(last.epoch + random.below(2) * 150) };
    const filling = movingPartitions(ring).filter((p) => phases[p] === Phase.filling);
    const filled = isSlow ? filling.slice(0, 1) : filling.filter(() => random.below(4) === 0);
    // whoever has not adopted a partition's last step holds up its next one
    const adopted = isSlow && filling.length > 0 ? id : ring.epoch - random.below(2);
    const reports = allMembers(ring).map(({ node }): [NodeIndex, NodeReport] => {
      return [node, { node, epoch: adopted, move: id, filled }];
    });
    const next = advance(ring, new Map(reports), QUORUMS, () => false);
    if (next === undefined) continue;
    rings.push(next);
    last = next;
  }
  return rings;
}

const CHANGES: readonly RingChange[] = [
  { kind: 'join', members: [memberAt(NODES), memberAt(2_000)] },
  { kind: 'leave', nodes: [1, 4] },
  { kind: 'replace', nodes: [0, 2], by: [memberAt(NODES), memberAt(3_000)] },
  { kind: 'reweight', node: 3, weight: 7 },
];

test('ring size: whatever steps a move takes, and when -> no ring of it is larger than was reckoned with when it began', (t) => {
  const edges = [1, 100, 120, 250, 16_380, 65_530, 2_097_140];
  const property = fc.property(fc.nat(), fc.constantFrom(...CHANGES), fc.constantFrom(...edges), (seed, change, at) => {
    const gone = change.kind === 'leave' && seed % 2 === 0 ? [nodeIndex(4)] : [];
    const state = begun(change, at, gone);
    const most = packRing(grown(state)).length;
    const rings = stepsOf(state, new Random(seed));
    assert.ok(rings.length > 4, `${rings.length} rings`);
    for (const ring of rings) assert.ok(packRing(ring).length <= most, `epoch ${ring.epoch}: more than ${most} bytes`);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 60 }));
});

test('ring size: all move, each partition in epochs of its own -> larger than the ring that began, and reckoned with', (t) => {
  const state = begun(CHANGES[2], 65_530);
  const rings = stepsOf(state, new Random(1));
  const most = Math.max(...rings.map((ring) => packRing(ring).length));
  t.true(most > packRing(state).length);
  t.true(packRing(grown(state)).length < packRing(state).length + 4 * 64);
});

test('ring size: nodes leave whose numbers are far apart, and hold hardly anything -> as leavers they take less than as members', (t) => {
  const numbers = Array.from({ length: 60 }, (_, i) => i * 68);
  const map = ringOf({ weights: new Array(60).fill(1), n: 1, partitions: 64 });
  const members = numbers.map((node, i): Member => ({ ...memberAt(node), weight: i % 2 === 0 ? 100 : 0.1 }));
  const first = firstRingState({ ...map, members: [...members, memberAt(1)] });
  // one of them holds something, the others nothing
  const lists = first.lists.map((list, p) => (p === 0 ? [nodeIndex(68)] : list));
  const state = beginChange({ ...first, lists }, { kind: 'leave', nodes: numbers.filter((_, i) => i % 2 === 1) });
  t.is(movingPartitions(state).length, 1);
  const settled = stepsOf(state, new Random(1)).at(-1) as RingState;
  t.is(settled.leavers.length, 30);
  t.true(packRing(settled).length < packRing(state).length);
});

/** Hosts with names as long as they may be: about 250 bytes a member. */
const longNamed = (from: number, count: number): Member[] =>
  Array.from({ length: count }, (_, i) => memberAt(from + i, `${from + i}-`.padEnd(255, 'x')));

const longRing = (count: number): RingState => {
  const map = ringOf({ weights: new Array(count).fill(1), n: 3, partitions: 8 });
  return firstRingState({ ...map, members: longNamed(0, count) });
};

test('ring size: a change that leads to a ring too large to be told -> refused before anything is decided', (t) => {
  const state = longRing(300);
  t.true(packRing(state).length < RING_BYTES_MAX);
  const join: RingChange = { kind: 'join', members: longNamed(300, 200) };
  const { code, details, retryable } = t.throws(() => beginChange(state, join), {
    instanceOf: StoreError,
  }) as StoreError;
  t.is(code, 'KV_RING_TOO_LARGE');
  t.false(retryable);
  t.true((details.bytes as number) > RING_BYTES_MAX);
  t.is(details.bytesMax, RING_BYTES_MAX);
  // fewer at once, or the way back
  t.notThrows(() => beginChange(state, { kind: 'join', members: longNamed(300, 100) }));
  t.notThrows(() => beginChange(state, { kind: 'leave', nodes: [299] }));
});

test('ring size: a host is let in amid a move that leaves no room for it -> refused, and the move can go on', (t) => {
  const state = beginChange(longRing(300), { kind: 'join', members: longNamed(300, 160) });
  const known = longNamed(1_000, 40).map(({ host }, i) => ({ host, first: 32 * (i + 20), room: 32 }));
  t.throws(() => beginChange(state, { kind: 'admit', host: 'other', room: 32, known }), { code: 'KV_RING_TOO_LARGE' });
  const few = beginChange(state, { kind: 'admit', host: 'other', room: 32, known: known.slice(0, 2) });
  t.is(few.hosts.length, 3);
  t.is(checkRingSize(few), few);
});

test('ring size: a host is forgotten while the ring is larger than is let begin -> it is, since that makes room', (t) => {
  const hosts = Array.from({ length: 500 }, (_, i) => ({ host: `${i}-`.padEnd(255, 'x'), first: i, room: 1 }));
  const state = { ...longRing(9), hosts };
  t.throws(() => checkRingSize(state), { code: 'KV_RING_TOO_LARGE' });
  t.is(beginChange(state, { kind: 'forget', host: hosts[499].host }).hosts.length, 499);
});
