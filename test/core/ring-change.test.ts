import test from 'ava';
import fc from 'fast-check';
import type { StoreError } from '../../src/core/errors.js';
import { expectedShares } from '../../src/core/fair-share.js';
import { type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import { movement } from '../../src/core/placement.js';
import {
  advance,
  beginChange,
  hasCome,
  type NodeReport,
  type RingChange,
  transfersOf,
} from '../../src/core/ring-change.js';
import {
  allMembers,
  fallbacksOf,
  firstRingState,
  mapOf,
  movingPartitions,
  Phase,
  type RingState,
  ringFromPlain,
  ringToPlain,
} from '../../src/core/ring-state.js';
import { type ModelOptions, RingModel } from './ring-model.js';
import { countHeld, ringOf } from './rings.js';

const QUORUMS = { r: 2, w: 2 };
const MOVES: readonly Pick<ModelOptions, 'old' | 'next'>[] = [
  { old: [0], next: [1] },
  { old: [0, 1], next: [2, 1] },
  { old: [0, 1], next: [2, 3] },
  { old: [0, 1, 2], next: [3, 1, 2] },
];

for (const { old, next } of MOVES) {
  for (let r = 1; r <= old.length; r++) {
    for (let w = old.length - r + 1; w <= old.length; w++) {
      test(`ring change: ${old} to ${next} under R=${r} W=${w}, every interleaving -> no read misses an acknowledged write`, (t) => {
        const { seen, last, missed } = new RingModel({ old, next, r, w }).explore();
        t.is(missed, undefined);
        t.is(last, 4, 'the move came to its end');
        t.log(`${seen} situations`);
      });
    }
  }
}

const FAULTS: Readonly<Record<string, Partial<ModelOptions>>> = {
  'merges one replica too few': { mergesLess: 1 },
  'reads sources that take older writes': { readsStaleSources: true },
  'waits for one refusal too few': { quorums: { r: 3, w: 3 } },
  'refuses no epoch': { refusesNothing: true },
};

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`ring change: a store that ${name} -> the model finds a read that misses a write`, (t) => {
    const { missed } = new RingModel({ old: [0, 1, 2], next: [3, 1, 2], r: 2, w: 2, ...fault }).explore();
    t.not(missed, undefined);
  });
}

const memberOf = (node: number, weight = 1) => ({
  node: nodeIndex(node),
  host: `host-${node}`,
  machine: 'machine',
  zone: 'zone',
  weight,
});

/** Nodes 0.. with these weights. */
const ringWith = (weights: readonly number[], more: { n?: number; partitions?: number } = {}) =>
  firstRingState(ringOf({ weights, ...more }));

/** Every node has done all it can. */
function reportsOf(state: RingState): Map<NodeIndex, NodeReport> {
  const all = movingPartitions(state);
  return new Map(
    allMembers(state).map(({ node }) => [node, { node, epoch: state.epoch, move: state.move?.id ?? 0, filled: all }]),
  );
}

function runThrough(state: RingState): RingState {
  for (let now = state; ; ) {
    const after = advance(now, reportsOf(now), QUORUMS, () => true);
    if (after === undefined) return now;
    now = after;
  }
}

const changes = (nodes: number): fc.Arbitrary<RingChange> =>
  fc.oneof(
    fc.constantFrom(0.5, 1, 2).map((weight) => ({ kind: 'join' as const, members: [memberOf(nodes, weight)] })),
    fc.nat(nodes - 1).map((node) => ({ kind: 'leave' as const, nodes: [node] })),
    fc.nat(nodes - 1).map((node) => ({ kind: 'replace' as const, nodes: [node], by: [memberOf(nodes)] })),
    fc
      .record({ node: fc.nat(nodes - 1), weight: fc.constantFrom(0.5, 2, 3) })
      .map(({ node, weight }) => ({ kind: 'reweight' as const, node, weight })),
  );

test('ring change: any change run to its end -> the target map is in force, shares are fair, and no more moved than planned', (t) => {
  fc.assert(
    fc.property(
      fc.integer({ min: 4, max: 9 }).chain((nodes) => fc.tuple(fc.constant(nodes), changes(nodes))),
      ([nodes, change]) => {
        const before = ringWith(new Array(nodes).fill(1));
        const begun = beginChange(before, change);
        const after = runThrough(begun);
        t.is(after.move, undefined);
        t.is(transfersOf(begun).length, movement(before.lists, after.lists));
        const held = countHeld(after.lists);
        for (const [node, fair] of expectedShares(mapOf(after))) {
          t.true(
            Math.abs((held.get(node) ?? 0) - fair) <= Math.max(1.5, 0.05 * fair),
            `node ${node}: ${held.get(node)} of ${fair}`,
          );
        }
        for (const list of after.lists) t.is(new Set(list).size, after.n);
      },
    ),
    { numRuns: 60 },
  );
});

test('ring change: a join -> moves at most 1.1 times the newcomer’s fair share, all of it to the newcomer', (t) => {
  const begun = beginChange(ringWith([1, 1, 1, 1]), { kind: 'join', members: [memberOf(4)] });
  const transfers = transfersOf(begun);
  t.true(transfers.length <= 1.1 * ((256 * 3) / 5), `${transfers.length}`);
  t.true(transfers.every(({ to }) => to === 4));
  for (const { partition, sources } of transfers) {
    t.deepEqual([...sources].sort(), [...begun.lists[partition]].sort());
    t.false(begun.move?.next[partition].includes(sources[0]), 'who gives its seat up is asked first');
  }
});

test('ring change: a replacement -> takes exactly the seats of the replaced', (t) => {
  const before = ringWith([1, 1, 1, 1]);
  const after = runThrough(beginChange(before, { kind: 'replace', nodes: [1], by: [memberOf(7)] }));
  const seats = (state: RingState, node: number) => state.lists.map((list) => list.includes(nodeIndex(node)));
  t.deepEqual(seats(after, 7), seats(before, 1));
  t.deepEqual(seats(after, 0), seats(before, 0));
});

test('ring change: while one is under way -> another is refused; a bad one -> a typed error', (t) => {
  const before = ringWith([1, 1, 1, 1]);
  const begun = beginChange(before, { kind: 'leave', nodes: [3] });
  const code = (run: () => unknown) => (t.throws(run) as StoreError).code;
  t.is(
    code(() => beginChange(begun, { kind: 'leave', nodes: [2] })),
    'KV_RING_CHANGING',
  );
  t.is(
    code(() => beginChange(before, { kind: 'leave', nodes: [9] })),
    'KV_INVALID_OPTION',
  );
  t.is(
    code(() => beginChange(before, { kind: 'leave', nodes: [0, 1] })),
    'KV_FAILURE_DOMAINS',
  );
  t.is(
    code(() => beginChange(before, { kind: 'join', members: [memberOf(2)] })),
    'KV_INVALID_OPTION',
  );
  t.is(
    code(() => beginChange(before, { kind: 'reweight', node: 1, weight: 1_000 })),
    'KV_INVALID_OPTION',
  );
  t.is(
    code(() => beginChange(before, { kind: 'failure-domain', failureDomain: 'zone' })),
    'KV_FAILURE_DOMAINS',
  );
});

test('ring change: a partition whose new holder is not filled, or whose old ones lag -> stays where it is', (t) => {
  const begun = beginChange(ringWith([1, 1, 1, 1]), { kind: 'join', members: [memberOf(4)] });
  const [first, second] = movingPartitions(begun);
  const reports = reportsOf(begun);
  reports.set(nodeIndex(4), { node: nodeIndex(4), epoch: begun.epoch, move: begun.move?.id ?? 0, filled: [first] });
  const handing = advance(begun, reports, QUORUMS, () => true) as RingState;
  t.is(handing.move?.phases[first], Phase.handingOver);
  t.is(handing.move?.phases[second], Phase.filling);
  t.is(handing.changedAt[first], handing.epoch);
  // nobody has adopted the new epoch yet, and one of the old holders never will
  t.is(
    advance(handing, reports, QUORUMS, () => true),
    undefined,
  );
  const [dead] = handing.lists[first];
  const later = reportsOf(handing);
  later.delete(dead);
  later.set(nodeIndex(4), { ...(later.get(nodeIndex(4)) as NodeReport), filled: [first] });
  t.is(
    advance(handing, later, QUORUMS, () => true),
    undefined,
    'it is up and may answer still',
  );
  const settled = advance(handing, later, QUORUMS, (node) => node !== dead) as RingState;
  t.is(settled.move?.phases[first], Phase.settled);
  t.true(settled.lists[first].includes(nodeIndex(4)));
});

test('ring change: a report of an earlier move -> fills nothing', (t) => {
  const begun = beginChange(ringWith([1, 1, 1, 1]), { kind: 'join', members: [memberOf(4)] });
  const reports = reportsOf(begun);
  const stale = reports.get(nodeIndex(4)) as NodeReport;
  reports.set(nodeIndex(4), { ...stale, move: stale.move - 1 });
  t.is(
    advance(begun, reports, QUORUMS, () => true),
    undefined,
  );
});

test('ring state: any state -> as plain data and back it is the same, through JSON too', (t) => {
  const before = ringWith([1, 1, 2, 1]);
  for (const state of [before, beginChange(before, { kind: 'leave', nodes: [3] })]) {
    t.deepEqual(ringFromPlain(JSON.parse(JSON.stringify(ringToPlain(state)))), state);
  }
  for (const bad of [undefined, {}, { ...(ringToPlain(before) as object), lists: [1] }, 'ring']) {
    t.is((t.throws(() => ringFromPlain(bad)) as StoreError).code, 'KV_PROTOCOL');
  }
});

test('ring state: fallbacks -> every node that holds neither the old nor the new list', (t) => {
  const begun = beginChange(ringWith([1, 1, 1, 1, 1]), { kind: 'join', members: [memberOf(5)] });
  for (let p = 0; p < begun.partitions; p++) {
    const held = new Set([...begun.lists[p], ...(begun.move?.next[p] ?? [])]);
    const others = allMembers(begun).filter(({ node }) => !held.has(node));
    t.deepEqual(
      fallbacksOf(begun, p).sort(),
      others.map(({ node }) => node),
    );
  }
});

test('ring change: what was wanted -> has come with its first state and with any later one, and with no other change', (t) => {
  const first = ringWith([1, 1, 1], { n: 2, partitions: 16 });
  const wanted = beginChange(first, { kind: 'join', members: [memberOf(3)] });
  const other = beginChange(first, { kind: 'join', members: [memberOf(4)] });
  t.false(hasCome(wanted, first));
  t.true(hasCome(wanted, ringFromPlain(ringToPlain(wanted))));
  t.false(hasCome(wanted, other));
  let later: RingState | undefined = wanted;
  while (later?.move !== undefined) {
    later = advance(later, reportsOf(later), QUORUMS, () => true);
    t.true(later !== undefined && hasCome(wanted, later));
  }
});
