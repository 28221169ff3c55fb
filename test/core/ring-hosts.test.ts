import test from 'ava';
import { nodeIndex } from '../../src/core/ids.js';
import { advance, beginChange } from '../../src/core/ring-change.js';
import { idleHosts, isLeaving, retire } from '../../src/core/ring-hosts.js';
import {
  allMembers,
  firstRingState,
  movingPartitions,
  type RingState,
  ringFromPlain,
  ringToPlain,
} from '../../src/core/ring-state.js';
import { ringOf } from './rings.js';
import { codeOfThrown } from './thrown.js';

const ringWith = (weights: readonly number[]): RingState => firstRingState(ringOf({ weights }));

const memberOf = (node: number) => ({
  ...{ node: nodeIndex(node), host: `host-${node}` },
  ...{ machine: 'machine', zone: 'zone', weight: 1 },
});

/** Every node does all it can until nothing moves. */
function runThrough(state: RingState): RingState {
  for (let now = state; ; ) {
    const { epoch, move } = now;
    const done = { epoch, move: move?.id ?? 0, filled: movingPartitions(now) };
    const reports = new Map(allMembers(now).map(({ node }) => [node, { node, ...done }]));
    const after = advance(now, reports, { r: 2, w: 2 }, () => true);
    if (after === undefined) return now;
    now = after;
  }
}

test('ring hosts: a host is let in while a join moves -> the move goes on; once more -> the same ring', (t) => {
  const begun = beginChange(ringWith([1, 1, 1, 1]), { kind: 'join', members: [memberOf(4)] });
  const admit = { kind: 'admit', host: 'other', room: 40, known: [{ host: 'h', first: 0, room: 5 }] } as const;
  const next = beginChange(begun, admit);
  t.deepEqual(next.hosts, [
    { host: 'h', first: 0, room: 32 },
    { host: 'other', first: 32, room: 64 },
  ]);
  t.deepEqual({ ...next, epoch: begun.epoch, hosts: [] }, begun);
  t.is(next.epoch as number, begun.epoch + 1);
  t.is(beginChange(next, admit), next);
  t.deepEqual(ringFromPlain(JSON.parse(JSON.stringify(ringToPlain(next)))), next);
  const after = runThrough(next);
  t.is(after.move, undefined);
  t.deepEqual(after.hosts, next.hosts);
});

test('ring hosts: a host is forgotten -> only when none of its nodes is a member; its range is free again', (t) => {
  const before = ringWith([1, 1, 1, 1]);
  const [{ host }] = before.members;
  t.is(
    codeOfThrown(() => beginChange(before, { kind: 'forget', host })),
    'KV_INVALID_OPTION',
  );
  const admit = (name: string) => ({ kind: 'admit', host: name, room: 1, known: [] }) as const;
  const two = beginChange(beginChange(before, admit('x')), admit('y'));
  const forgotten = beginChange(two, { kind: 'forget', host: 'x' });
  t.deepEqual(
    forgotten.hosts.map((claim) => claim.host),
    ['y'],
  );
  t.is(beginChange(forgotten, { kind: 'forget', host: 'x' }), forgotten);
  t.is(beginChange(forgotten, admit('z')).hosts[1].first, two.hosts[0].first);
});

test('ring hosts: nodes join, or replace others, outside the ranges of their host -> refused, also once it was forgotten', (t) => {
  const admit = (name: string) => ({ kind: 'admit', host: name, room: 1, known: [] }) as const;
  const one = beginChange(ringWith([1, 1, 1, 1]), admit('x'));
  const [{ first }] = one.hosts;
  const nodeOf = (host: string, node: number) => ({ ...memberOf(node), host });
  const joins = (state: RingState, host: string, node: number) =>
    codeOfThrown(() => beginChange(state, { kind: 'join', members: [nodeOf(host, node)] }));
  t.is(joins(one, 'x', first), undefined);
  t.is(joins(one, 'x', first + 32), 'KV_INVALID_OPTION');
  t.is(joins(one, 'y', first), 'KV_INVALID_OPTION');
  // its join was on its way when it was forgotten, and another host has the range since
  const other = beginChange(beginChange(one, { kind: 'forget', host: 'x' }), admit('y'));
  t.is(other.hosts[0].first, first);
  t.is(joins(other, 'x', first), 'KV_INVALID_OPTION');
  t.is(joins(other, 'y', first), undefined);
  const by = [nodeOf('x', first)];
  t.is(
    codeOfThrown(() => beginChange(other, { kind: 'replace', nodes: [0], by })),
    'KV_INVALID_OPTION',
  );
});

test('ring hosts: nodes leave -> they may deliver what they have until they are retired; those given up by force may not', (t) => {
  const before = ringWith([1, 1, 1, 1, 1]);
  const after = runThrough(beginChange(before, { kind: 'leave', nodes: [3, 4] }));
  const leavers = [3, 4].map(nodeIndex);
  t.deepEqual(after.leavers, leavers);
  t.is(
    codeOfThrown(() => beginChange(after, { kind: 'join', members: [memberOf(3)] })),
    'KV_INVALID_OPTION',
  );
  t.deepEqual(ringFromPlain(JSON.parse(JSON.stringify(ringToPlain(after)))), after);
  t.is(retire(after, [nodeIndex(1)]), undefined);
  const retired = retire(after, leavers.slice(0, 1)) as RingState;
  t.deepEqual([retired.leavers, retired.epoch - after.epoch], [leavers.slice(1), 1]);
  const known = [{ host: 'gone', first: 0, room: 5 }];
  const admitted = beginChange(after, { kind: 'admit', host: 'h', room: 1, known });
  t.true(isLeaving(admitted, admitted.hosts[0]));
  t.false(isLeaving(admitted, admitted.hosts[1]));
  t.deepEqual(beginChange(admitted, { kind: 'forget', host: 'gone' }).leavers, [], 'given up with their host');
  const forced = runThrough(beginChange(before, { kind: 'leave', nodes: [3, 4] }, leavers.slice(0, 1)));
  t.deepEqual(forced.leavers, leavers.slice(1));
});

test('ring hosts: let in and no member -> idle; not while it has members, or nodes that are still to deliver', (t) => {
  const admit = { kind: 'admit', host: 'door', room: 32, known: [] } as const;
  const claims = [{ host: 'host-4', first: 4, room: 1 }];
  const four: RingState = { ...ringWith([1, 1, 1, 1]), hosts: claims };
  const joined = runThrough(beginChange(four, { kind: 'join', members: [memberOf(4)] }));
  t.deepEqual(idleHosts(beginChange(joined, admit)), ['door']);
  const left = runThrough(beginChange(joined, { kind: 'leave', nodes: [nodeIndex(4)] }));
  t.deepEqual(left.leavers, [nodeIndex(4)]);
  t.deepEqual(idleHosts(left), []);
  t.deepEqual(idleHosts(retire(left, left.leavers) as RingState), ['host-4']);
});
