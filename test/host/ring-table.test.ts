import test from 'ava';
import { RingView } from '../../src/actor/ring-view.js';
import { nodeIndex } from '../../src/core/ids.js';
import { advance, beginChange } from '../../src/core/ring-change.js';
import { allMembers, firstRingState, movingPartitions, Phase, type RingState } from '../../src/core/ring-state.js';
import { RingTable } from '../../src/host/ring-table.js';
import { ringOf } from '../../src/sim/ring-plan.js';

const SHAPE = { partitions: 16, n: 2, zone: 'zone' };
const first = firstRingState(ringOf({ weights: [1, 1, 1], ...SHAPE }));
const newcomer = { node: nodeIndex(3), host: 'h', machine: 'm', zone: 'z', weight: 1 };
const filling = beginChange(first, { kind: 'join', members: [newcomer] });
const [moving] = movingPartitions(filling);
const everyone = allMembers(filling).map(({ node }) => node);
const reports = new Map(
  everyone.map((node) => [node, { node, epoch: 99, move: filling.epoch as number, filled: movingPartitions(filling) }]),
);
const handing = advance(filling, reports, { r: 1, w: 2 }, () => true) as RingState;

const tableOf = (ring: RingState) => {
  const table = new RingTable(RingTable.allocate(SHAPE.partitions, SHAPE.n), SHAPE);
  table.write(ring);
  return table;
};

test('ring table: each phase -> reads of the old list while it fills, of the new one when it hands over', (t) => {
  const table = tableOf(first);
  t.is(table.epoch, 1);
  t.deepEqual(table.readList(moving).nodes, [...first.lists[moving]]);
  table.write(filling);
  t.deepEqual(table.readList(moving).nodes, [...first.lists[moving]]);
  table.write(handing);
  t.is(table.epoch, handing.epoch);
  t.deepEqual(table.readList(moving).nodes, [...(filling.move?.next[moving] ?? [])]);
});

test('ring table: a write -> another version, even again', (t) => {
  const table = tableOf(first);
  const { version } = table;
  t.is(version % 2, 0);
  table.write(filling);
  t.not(table.version, version);
  t.is(table.version % 2, 0);
});

test('ring table: the coordinator of a partition -> its first usable holder of the list in force, or nobody', (t) => {
  const table = tableOf(handing);
  const [owner, other] = filling.lists[moving];
  t.is(
    table.coordinator(moving, () => true),
    owner,
  );
  t.is(
    table.coordinator(moving, (node) => node !== owner),
    other,
  );
  t.is(
    table.coordinator(moving, () => false),
    undefined,
  );
});

test('ring view: adopting -> tables of the newer state once the host shows it; an older one changes nothing', (t) => {
  let isShown = false;
  const view = new RingView({ ring: first, isUp: () => true, publish: () => isShown });
  t.false(view.adopt(filling));
  t.is(view.epoch, 1);
  isShown = true;
  t.true(view.adopt(filling));
  t.is(view.epoch, 2);
  t.is(view.phases[moving], Phase.filling);
  t.is(view.changedAt[moving], 2);
  t.deepEqual([...view.next.subarray(moving * 2, moving * 2 + 2)], [...(filling.move?.next[moving] ?? [])]);
  t.true(view.members.includes(nodeIndex(3)));
  t.true(view.adopt(first));
  t.is(view.epoch, 2);
});
