import test from 'ava';
import { type NodeIndex, nodeIndex } from '../../src/core/ids.js';
import { beat, type Members, markDown, mergeMembers, report, startLiveness } from '../../src/core/membership.js';
import { findSilent, isDown, observeMembers, startWatch, suspicionTimeMs } from '../../src/core/suspicion.js';

const OPTIONS = { heartbeatMs: 1_000, suspicionMs: 5_000 };
const [A, B, C, D] = [0, 1, 2, 3].map(nodeIndex);
const fresh = (count: number): Members => Array.from({ length: count }, (_, node) => startLiveness(nodeIndex(node), 1));
const oneHost = (): string => 'host';
const ownHost = (node: NodeIndex): string => `host-${node}`;
const reported = (members: Members, ...reporters: NodeIndex[]): Members =>
  reporters.reduce((table, reporter) => report(table, A, reporter), members);

test('suspicion: a counter that stands still for the suspicion time -> silent; one that moves -> not', (t) => {
  let watch = observeMembers(startWatch(OPTIONS), fresh(3), 0);
  watch = observeMembers(watch, beat(fresh(3), B), 4_000);
  t.deepEqual(findSilent(watch, C, 4_999, 0), []);
  t.deepEqual(findSilent(watch, C, 5_000, 0), [A]);
  t.deepEqual(findSilent(watch, C, 9_000, 0), [A, B]);
});

test('suspicion: the observer itself -> never silent', (t) => {
  t.deepEqual(findSilent(observeMembers(startWatch(OPTIONS), fresh(1), 0), A, 1e9, 0), []);
});

test('suspicion: a restarted node with a lower heartbeat -> counts as having moved', (t) => {
  let watch = observeMembers(startWatch(OPTIONS), beat(fresh(2), A), 0);
  watch = observeMembers(watch, mergeMembers(fresh(2), [startLiveness(A, 2)]), 4_000);
  t.deepEqual(findSilent(watch, B, 6_000, 0), []);
});

test('suspicion: lag of the reporter -> stretches the time, up to eight times', (t) => {
  t.is(suspicionTimeMs(OPTIONS, 0), 5_000);
  t.is(suspicionTimeMs(OPTIONS, 1_000), 10_000);
  t.is(suspicionTimeMs(OPTIONS, 1e9), 40_000);
  t.is(suspicionTimeMs(OPTIONS, -5), 5_000);
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
  ['one, the third being down', markDown(reported(fresh(3), B), C), oneHost, true],
] as const) {
  test(`down: ${what} -> ${expected}`, (t) => {
    t.is(isDown(members[0], members, hostOf), expected);
  });
}
