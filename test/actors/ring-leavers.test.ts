/** Which nodes that have left are known to have nothing more to deliver, while the ring goes on. */
import test from 'ava';
import { RingLeavers } from '../../actors/ring-leavers.js';
import { epoch, nodeIndex } from '../../src/core/ids.js';
import { firstRingState, type RingState } from '../../src/core/ring-state.js';
import { ringOf } from '../../src/sim/ring-plan.js';

const FIRST = firstRingState(ringOf({ weights: [1, 1, 1], hosts: ['a', 'b', 'c'] }));
const ENV = { node: nodeIndex(0), nowMs: () => 1_000, placement: { isUp: () => true } };

const ringAt = (number: number, leavers: readonly number[]): RingState => ({
  ...FIRST,
  epoch: epoch(number),
  leavers: leavers.map((node) => nodeIndex(node)),
});

const nodes = (...indices: number[]) => indices.map((index) => nodeIndex(index));

test('ring leavers: three nodes of one host are done, and are retired one after the other -> none has to say so again', (t) => {
  const leavers = new RingLeavers({ owes: false });
  const five = ringAt(5, [32, 33, 34]);
  leavers.hear(nodes(32, 33), 5, five);
  const six = leavers.next(five, ENV) as RingState;
  t.deepEqual([six.epoch as number, six.leavers], [6, nodes(34)]);
  leavers.hear(nodes(34), 5, five);
  leavers.begin(six, five);
  t.deepEqual(leavers.next(six, ENV)?.leavers, []);
  // said under the ring before, and heard under this one
  const late = new RingLeavers({ owes: false });
  late.hear(nodes(32, 34), 5, six);
  t.deepEqual(late.next(six, ENV)?.leavers, []);
});

test('ring leavers: rings were missed, or the word is older -> it may have joined and left again: it has to say so anew', (t) => {
  const leavers = new RingLeavers({ owes: false });
  leavers.hear(nodes(32), 5, ringAt(5, [32]));
  leavers.begin(ringAt(7, [32]), ringAt(5, [32]));
  t.is(leavers.next(ringAt(7, [32]), ENV), undefined);
  leavers.hear(nodes(32), 5, ringAt(7, [32]));
  leavers.hear(nodes(32), 8, ringAt(7, [32]));
  t.is(leavers.next(ringAt(7, [32]), ENV), undefined);
  leavers.hear(nodes(32), 7, ringAt(7, [32]));
  leavers.begin(ringAt(8, []), ringAt(7, [32]));
  leavers.begin(ringAt(9, [32]), ringAt(8, []));
  t.is(leavers.next(ringAt(9, [32]), ENV), undefined);
});

test('ring leavers: a node is retired, joins and leaves again, and is away -> it has its ten minutes from then on', (t) => {
  const leavers = new RingLeavers({ owes: false });
  const at = (nowMs: number, isUp: boolean) => ({ nowMs: () => nowMs | 0, placement: { isUp: () => isUp } });
  t.is(leavers.next(ringAt(5, [32]), at(1_000, true)), undefined);
  for (let number = 6; number < 9; number++) leavers.begin(ringAt(number, []), ringAt(number - 1, []));
  const again = ringAt(9, [32]);
  leavers.begin(again, ringAt(8, []));
  t.is(leavers.next(again, at(1_000_000, false)), undefined);
  t.is(leavers.next(again, at(1_600_000, false)), undefined);
  t.deepEqual(leavers.next(again, at(1_600_001, false))?.leavers, []);
});
