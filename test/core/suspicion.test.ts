import test from 'ava';
import { GOSSIP_PRESETS } from '../../src/core/gossip-tuning.js';
import { type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import { beat, type Members, markDown, mergeMembers, report, startLiveness } from '../../src/core/membership.js';
import {
  findDown,
  findSilent,
  lagFactor,
  observeMembers,
  suspicionTimeMs,
  type Watch,
} from '../../src/core/suspicion.js';

const [A, B, C, D] = [0, 1, 2, 3].map(nodeIndex);
const fresh = (count: number): Members => Array.from({ length: count }, (_, node) => startLiveness(nodeIndex(node), 1));
const oneHost = (): string => 'host';
const ownHost = (node: NodeIndex): string => `host-${node}`;
const reported = (members: Members, ...reporters: NodeIndex[]): Members =>
  reporters.reduce((table, reporter) => report(table, new Set([A]), reporter, oneHost), members);

/** Follows a table through its states, each at its time. */
function watchOf(...states: readonly (readonly [members: Members, nowMs: number])[]): Watch {
  let watch: Watch = [];
  let before: Members = [];
  for (const [members, nowMs] of states) {
    watch = observeMembers(watch, before, members, nowMs);
    before = members;
  }
  return watch;
}
const silentOf = (watch: Watch, members: Members, self: NodeIndex, nowMs: number) =>
  findSilent(watch, members, { self, nowMs, silenceMs: 5_000 }).map(({ node }) => node);

test('suspicion: a counter that stands still for the suspicion time -> silent; one that moves -> not', (t) => {
  const later = beat(fresh(3), B);
  const watch = watchOf([fresh(3), 0], [later, 4_000], [report(later, new Set([B]), A, oneHost), 8_000]);
  t.deepEqual(silentOf(watch, later, C, 4_999), []);
  t.deepEqual(silentOf(watch, later, C, 5_000), [A]);
  t.deepEqual(silentOf(watch, later, C, 9_000), [A, B]);
});

test('suspicion: the observer itself -> never silent', (t) => {
  t.deepEqual(silentOf(watchOf([fresh(1), 0]), fresh(1), A, 1e9), []);
});

test('suspicion: a node that is new, or restarted with a lower heartbeat -> counts as having moved', (t) => {
  const restarted = mergeMembers(beat(fresh(2), A), [startLiveness(A, 2), startLiveness(C, 1)], oneHost);
  const watch = watchOf([beat(fresh(2), A), 0], [restarted, 4_000]);
  t.deepEqual(watch, [4_000, 0, 4_000]);
  t.deepEqual(silentOf(watch, restarted, D, 6_000), [B]);
});

test('suspicion: a node that has left the table -> the others keep their times', (t) => {
  const table = beat(fresh(4), C);
  const left = table.filter(({ node }) => node !== B);
  t.deepEqual(watchOf([fresh(4), 0], [table, 3_000], [left, 5_000]), [0, 3_000, 0]);
});

test('suspicion: lag of the reporter -> stretches the time, up to eight times', (t) => {
  const { lan } = GOSSIP_PRESETS;
  for (const [lagMs, factor] of [
    [0, 1],
    [500, 1.5],
    [1_000, 2],
    [1e9, 8],
    [-5, 1],
  ]) {
    t.is(lagFactor(lan, lagMs), factor);
  }
});

test('suspicion: a larger ring -> a heartbeat more for each doubling, times the parts that its table is told in', (t) => {
  const lan = { ...GOSSIP_PRESETS.lan, heartbeatMs: 1_000, suspicionMs: 5_000, entriesMax: 64 };
  const times = [1, 4, 8, 64, 128].map((nodes) => suspicionTimeMs(lan, nodes));
  t.deepEqual(times, [5_000, 5_000, 6_000, 9_000, 5_000 + 5_000 * 2]);
});

for (const [what, members, hostOf, expected] of [
  ['no reporter', fresh(3), oneHost, false],
  ['one of two others', reported(fresh(3), B), oneHost, false],
  ['one twice', reported(fresh(3), B, B), oneHost, false],
  ['two of two others on one host', reported(fresh(3), B, C), oneHost, true],
  [
    'two nodes of one host, others on another',
    reported(fresh(4), B, C),
    (node: NodeIndex) => (node === D ? 'far' : 'near'),
    false,
  ],
  ['two hosts', reported(fresh(4), B, D), (node: NodeIndex) => (node === D ? 'far' : 'near'), true],
  ['itself and one other', reported(fresh(3), A, B), ownHost, false],
  ['one, with a single other up', reported(fresh(2), B), oneHost, true],
  ['one, the third being down', markDown(reported(fresh(3), B), new Set([C])), oneHost, true],
] as const) {
  test(`down: ${what} -> ${expected}`, (t) => {
    t.is(findDown(members, hostOf).has(A), expected);
  });
}
