/** What `kvorum status` says of a node in trouble. */
import test from 'ava';
import { troublesElsewhere, troublesOf } from '../../src/cli/commands/status.js';
import type { MemberReport, NodeStats } from '../../src/client/types.js';

/** A node whose counters are 0 but for these of its repairs. */
function node(repairs: Partial<NodeStats['repairs']>): NodeStats {
  const none = { setAside: 0, setAsideBytes: 0, setAsideDropped: 0, inDoubt: 0, treesDiffering: 0 };
  const counters = { hints: 0, hintBytes: 0, notes: 0, missedWakeUps: 0, refusedSends: 0 };
  return { node: 1, readOnly: false, ...counters, repairs: { ...none, ...repairs } } as NodeStats;
}

test('status: a node in doubt, and one that set records aside -> a sentence each; without trouble -> none', (t) => {
  t.deepEqual(troublesOf(node({})), []);
  t.deepEqual(troublesOf(node({ inDoubt: 1 })), [
    'node 1 is in doubt for 1 partition: it compares with the others before it counts again',
  ]);
  const [aside, ...others] = troublesOf(node({ setAside: 2, setAsideBytes: 2_048 }));
  t.regex(aside, /^node 1 keeps 2 records \(2\.0 KiB\) aside that only a rolled-back or damaged disk held$/);
  t.deepEqual(others, []);
});

test('status: a node of another host in doubt -> a sentence; an own one, one that counts, one that does not tell -> none', (t) => {
  const members = [1, 32, 33, 34].map((one) => ({
    node: one,
    host: 'b',
    counts: one < 33 ? false : one === 33 || undefined,
  }));
  t.deepEqual(troublesElsewhere(members as MemberReport[], [node({})]), [
    'node 32 of host b is in doubt: kvorum status there says for how much',
  ]);
});
