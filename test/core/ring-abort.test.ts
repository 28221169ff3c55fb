import test from 'ava';
import fc from 'fast-check';
import { type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import { wasCalledOff } from '../../src/core/ring-abort.js';
import { advance, beginChange, type NodeReport, type RingChange } from '../../src/core/ring-change.js';
import { packRing, unpackRing } from '../../src/core/ring-packing.js';
import { allMembers, firstRingState, movingPartitions, Phase, type RingState } from '../../src/core/ring-state.js';
import { RingModel } from './ring-model.js';
import { ringOf } from './rings.js';
import { codeOfThrown } from './thrown.js';

const QUORUMS = { r: 2, w: 2 };

const memberOf = (node: number) => ({
  ...{ node: nodeIndex(node), host: `host-${node}` },
  ...{ machine: 'machine', zone: 'zone', weight: 1 },
});

const ringWith = (nodes: number): RingState =>
  firstRingState(ringOf({ weights: new Array(nodes).fill(1), partitions: 32 }));

/** Every node has adopted the ring; new holders have filled the partitions that `isFilled` says. */
function step(state: RingState, isFilled: (partition: number) => boolean): RingState | undefined {
  const done = { epoch: state.epoch, move: state.move?.id ?? 0, filled: movingPartitions(state).filter(isFilled) };
  const reports = new Map<NodeIndex, NodeReport>(allMembers(state).map(({ node }) => [node, { node, ...done }]));
  return advance(state, reports, QUORUMS, () => true);
}

function runThrough(state: RingState, isFilled: (partition: number) => boolean): RingState {
  for (let now = state; ; ) {
    const after = step(now, isFilled);
    if (after === undefined) return now;
    now = after;
  }
}

const abort = (state: RingState): RingState => beginChange(state, { kind: 'abort', id: state.move?.id ?? 0 });

const CHANGES: readonly RingChange[] = [
  { kind: 'join', members: [memberOf(5), memberOf(6)] },
  { kind: 'leave', nodes: [1] },
  { kind: 'replace', nodes: [2], by: [memberOf(5)] },
  { kind: 'reweight', node: 3, weight: 3 },
];

test('ring abort: any change, wherever it stands -> what fills stays where it is, the rest goes on, and the ring can change again', (t) => {
  const property = fc.property(fc.constantFrom(...CHANGES), fc.nat(4), fc.nat(3), (change, share, steps) => {
    const before = ringWith(5);
    let now = beginChange(before, change);
    for (let i = 0; i < steps; i++) now = step(now, (partition) => partition % 4 < share) ?? now;
    const wasFilling = now.move?.phases.includes(Phase.filling) === true;
    const called = abort(now);
    t.deepEqual(unpackRing(packRing(called)), called);
    const after = runThrough(called, () => false);
    t.is(after.move, undefined, 'nothing waits for a new holder any more');
    now.lists.forEach((list, p) => {
      const wanted = now.move?.phases[p] === Phase.handingOver ? now.move.next[p] : list;
      t.deepEqual(after.lists[p], wanted);
    });
    const members = after.members.map(({ node }) => node);
    t.true(after.lists.flat().every((node) => members.includes(node)));
    t.true(before.members.every(({ node }) => !wasFilling || members.includes(node)));
    const dropped = allMembers(now).filter(({ node }) => !members.includes(node));
    if (wasFilling)
      t.deepEqual(
        after.leavers,
        dropped.map(({ node }) => node),
      );
    t.is(runThrough(beginChange(after, { kind: 'reweight', node: 0, weight: 2 }), () => true).move, undefined);
  });
  fc.assert(property, { numRuns: 60 });
});

test('ring abort: a join of which nothing has come -> the ring of before, and who waits for the join is told', (t) => {
  const before = ringWith(5);
  const begun = beginChange(before, CHANGES[0]);
  const after = abort(begun);
  t.deepEqual([after.members, after.lists, after.move], [before.members, begun.lists, undefined]);
  t.deepEqual(after.leavers, [5, 6].map(nodeIndex));
  t.true(wasCalledOff(begun, after));
  for (const change of CHANGES) {
    const start = beginChange(before, change);
    t.true(wasCalledOff(start, abort(start)), change.kind);
    t.false(
      wasCalledOff(
        start,
        runThrough(start, () => true),
      ),
      change.kind,
    );
  }
});

test('ring abort: another failure domain -> the weaker of the two holds', (t) => {
  const before = ringWith(5);
  const begun = beginChange(before, { kind: 'failure-domain', failureDomain: 'host' });
  const move = { id: 2, kind: 'failure-domain', members: before.members, gone: [] } as const;
  const phases = before.lists.map((_, p) => (p === 0 ? Phase.filling : Phase.settled));
  const next = before.lists;
  for (const [from, to] of [
    ['node', 'host'],
    ['zone', 'node'],
  ] as const) {
    const state: RingState = { ...begun, failureDomain: from, move: { ...move, failureDomain: to, next, phases } };
    t.is(abort(state).failureDomain, 'node');
  }
});

test('ring abort: nothing under way, another change by now, or nothing that fills -> the same ring; by force -> refused', (t) => {
  const before = ringWith(5);
  t.is(abort(before), before);
  const begun = beginChange(before, { kind: 'leave', nodes: [1] });
  t.is(beginChange(begun, { kind: 'abort', id: begun.epoch + 1 }), begun);
  const handing = step(begun, () => true) as RingState;
  t.is(abort(handing), handing);
  const forced = beginChange(before, { kind: 'leave', nodes: [1] }, [nodeIndex(1)]);
  t.is(
    codeOfThrown(() => abort(forced)),
    'KV_INVALID_OPTION',
  );
});

for (const [r, w] of [
  [1, 3],
  [2, 2],
  [3, 1],
] as const) {
  const move = { old: [0, 1, 2], next: [3, 1, 2], r, w };
  test(`ring abort: called off while it fills under R=${r} W=${w}, every interleaving -> no read misses an acknowledged write`, (t) => {
    const { last, missed } = new RingModel({ ...move, calledOff: Phase.filling }).explore();
    t.is(missed, undefined);
    t.is(last, 3, 'it was called off');
  });
}

test('ring abort: called off while reads are with the new holders -> the model finds a read that misses a write', (t) => {
  const { missed } = new RingModel({
    old: [0, 1, 2],
    next: [3, 1, 2],
    r: 2,
    w: 2,
    calledOff: Phase.handingOver,
  }).explore();
  t.not(missed, undefined);
});
