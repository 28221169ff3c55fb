/** Answers of nodes that know only a part: what a node in doubt makes of them, and what others make of those of one in doubt. */
import test from 'ava';
import { DoubtSettlement } from '../../actors/doubt-settlement.js';
import { PartitionDoubts } from '../../src/actor/partition-doubts.js';
import { nodeIndex } from '../../src/core/ids.js';
import { changeRing, isSettled, memberOf } from '../../src/sim/operator.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { rollBack, wipe } from '../sim/losses.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { SimEnv, settledRing } from '../sim/sim-env.js';
import { plain } from './sets.js';

const KEY = 'key';

const world = (options: Partial<WorldOptions> = {}): World =>
  new World({ seed: 3, nodes: 3, n: 3, partitions: 1, antiEntropyMs: 5_000, ...options });

const counts = (one: World): boolean => one.nodes.every((node) => !node.up || node.doubts.size === 0);

/** The other holders, the one first that a node in doubt compares with first. */
const othersOf = (one: World, node: SimNode): SimNode[] =>
  one.ring.lists[0].filter((index) => index !== node.index).map((index) => one.nodes[index]);

/** A disk from the past takes a write that it and one other confirm, while the third, which lacks it, is away. */
function worldOfWrite(): World {
  const one = world();
  const [, b, c] = one.nodes;
  one.crash(c);
  rollBack(one, b);
  const call = one.clients[0].write({ key: KEY, value: 'acknowledged', w: 2 }, { node: 0 });
  one.runFor(2_000);
  if (call.error !== undefined || b.doubts.size === 0) throw new Error('the write is acknowledged, the node in doubt');
  return one;
}

const valueAt = (node: SimNode): string | undefined => heldAt(node, KEY).siblings[0]?.value.toString();

const LOSSES: Readonly<Record<string, (one: World, a: SimNode) => void>> = {
  'cannot be read': (_one, a) => void a.store.corrupt.add(KEY),
  'is lost with its disk': wipe,
  'is away, and its disk is lost then': (one, a) => {
    one.crash(a);
    one.schedule(one.nowMs + 10_000, () => {
      a.disk.wipe();
      one.restart(a);
    });
  },
};

for (const [how, lose] of Object.entries(LOSSES)) {
  test(`rolled back: the other copy of an acknowledged write ${how} -> this one stays`, (t) => {
    const one = worldOfWrite();
    const [a, b, c] = one.nodes;
    lose(one, a);
    one.restart(c);
    one.runFor(12_000);
    t.true(one.runUntil(() => counts(one), 60_000));
    one.runFor(10_000);
    t.is(valueAt(b), 'acknowledged');
    t.is(b.repairs?.setAside, 0);
    t.is(valueAt(c), 'acknowledged');
    t.deepEqual(one.thrown, []);
  });
}

test('rolled back: holders come and go, too few at a time say that they know nothing of a key -> it is asked for once more', (t) => {
  const one = world({ nodes: 5, n: 5, quorums: { r: 3, w: 3 } });
  const [b] = one.nodes;
  const [first, second, third, last] = othersOf(one, b);
  putAt(b, KEY, plain('a', 500, 'long deleted and collected'));
  for (const node of [third, last]) one.crash(node);
  rollBack(one, b);
  one.runFor(5_000);
  for (const node of [first, second]) one.crash(node);
  one.restart(third);
  one.runFor(10_000);
  for (const node of [first, second, last]) one.restart(node);
  t.true(one.runUntil(() => counts(one), 60_000));
  one.runFor(5_000);
  for (const node of one.nodes) t.is(valueAt(node), undefined, `node ${node.index}`);
  t.is(b.repairs?.setAside, 1);
});

test('doubts: a peer was in doubt, what it holds was not taken, and it is away -> it is not compared with, and not waited for alone', (t) => {
  const hooks = { onSettled: () => undefined, onAllSettled: () => undefined };
  const doubts = new PartitionDoubts(1, 'loss', hooks);
  const settlement = new DoubtSettlement(doubts, 2);
  const { placement, store, down } = new SimEnv({ ring: settledRing(3) });
  down.add(1);
  const compared: number[] = [];
  settlement.doubts(0, nodeIndex(1));
  settlement.compared(0, nodeIndex(2), { counts: false, isMerged: true });
  settlement.visit(
    { node: nodeIndex(0), placement, store },
    () => false,
    (_partition, peer) => compared.push(peer),
  );
  t.deepEqual([compared, doubts.size], [[], 0]);
});

test('doubts: a wiped node and a disk from the past, and enough others -> what was long deleted is not taken from that', (t) => {
  for (const n of [3, 5]) {
    const one = world({ nodes: n, n, quorums: { r: n === 3 ? 1 : 3, w: 3 } });
    const [wiped] = one.nodes;
    const [past] = othersOf(one, wiped);
    for (let index = 0; index < 40; index++) putAt(past, `key-${index}`, plain('a', index + 1, 'deleted, collected'));
    for (const node of [wiped, past]) one.crash(node);
    wiped.disk.wipe();
    past.disk.rollBack(past.disk.log.length);
    const far = one.nodes.filter((node) => node !== wiped && node !== past);
    const heal = far.flatMap(({ index }) => [
      one.network.block(past.index, index),
      one.network.block(index, past.index),
    ]);
    for (const node of [wiped, past]) one.restart(node);
    one.runFor(3_000);
    for (const end of heal) end();
    t.true(one.runUntil(() => counts(one), 60_000));
    one.runFor(10_000);
    for (const node of one.nodes) t.deepEqual(node.store.keys, [], `n=${n}, node ${node.index}`);
    t.is(past.repairs?.setAside, 40);
    t.is(wiped.mayBeLost + past.mayBeLost, 0);
  }
});

test('doubts: a peer is wiped while a wiped node takes what it holds -> it does not stand for that', (t) => {
  for (let delayMs = 0; delayMs < 1_000; delayMs += 10) {
    const one = world({ quorums: { r: 1, w: 3 }, delayMs: [10, 20] });
    const [first] = one.nodes;
    const [second] = othersOf(one, first);
    for (let index = 0; index < 300; index++) {
      for (const node of one.nodes) putAt(node, `key-${index}`, plain('a', index + 1, 'same'));
    }
    wipe(one, first);
    one.runFor(delayMs);
    wipe(one, second);
    t.true(one.runUntil(() => counts(one), 60_000));
    t.is(first.mayBeLost + second.mayBeLost, 0);
    for (const node of one.nodes) t.is(node.store.keys.length, 300, `${delayMs} ms, node ${node.index}`);
  }
});

test('doubts: a peer restarts with a disk from the past while another compares with it -> nothing is taken from that', (t) => {
  for (let delayMs = 3_860; delayMs < 4_060; delayMs += 4) {
    const one = world({ antiEntropyMs: 600_000, delayMs: [10, 20] });
    const [first] = one.nodes;
    const [past, other] = othersOf(one, first);
    for (let index = 0; index < 100; index++) {
      for (const node of [past, other]) putAt(node, `key-${index}`, plain('a', index + 1, 'kept'));
    }
    one.crash(past);
    one.runFor(6_000);
    one.restart(past);
    one.runFor(delayMs);
    for (let index = 0; index < 100; index++) putAt(past, `old-${index}`, plain('a', index + 1, 'deleted, collected'));
    rollBack(one, past);
    t.true(one.runUntil(() => counts(one), 60_000));
    one.runFor(5_000);
    const isOld = (key: string): boolean => key.startsWith('old');
    for (const node of one.nodes) t.deepEqual(node.store.keys.filter(isOld), [], `${delayMs} ms, node ${node.index}`);
  }
});

test('doubts: a disk from the past is to be filled -> what it held long ago does not come back with it', (t) => {
  const one = world({ spares: 1, delayMs: [10, 20] });
  const [, , c, d] = one.nodes;
  for (let index = 0; index < 300; index++) {
    for (const node of one.nodes.slice(0, 3)) putAt(node, `key-${index}`, plain('a', index + 1, 'kept'));
  }
  one.runFor(500);
  one.restart(d);
  changeRing(one, 1, { kind: 'replace', nodes: [c.index], by: [memberOf(one, 3)] });
  t.true(one.runUntil(() => one.hostOf(d.index).ring.move !== undefined, 10_000));
  putAt(d, KEY, plain('a', 500, 'long deleted and collected'));
  rollBack(one, d);
  t.true(one.runUntil(() => isSettled(one) && counts(one), 120_000));
  one.runFor(10_000);
  for (const node of one.nodes) t.is(valueAt(node), undefined, `node ${node.index}`);
  t.is(d.repairs?.setAside, 1);
  t.is(d.store.keys.length, 300);
});
