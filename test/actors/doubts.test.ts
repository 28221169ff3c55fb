/** Nodes whose storage was lost in part: what they refuse, and how they come to count again. */
import test from 'ava';
import { hintKey, putDated } from '../../actors/hint-records.js';
import { SYSTEM_SLOT } from '../../src/core/ids.js';
import { Phase } from '../../src/core/ring-state.js';
import { slotOfRecord } from '../../src/protocol/record.js';
import { partsOf } from '../../src/sim/messages.js';
import { changeRing, isSettled, memberOf } from '../../src/sim/operator.js';
import type { SimNode } from '../../src/sim/sim-node.js';
import { World } from '../../src/sim/world.js';
import type { WorldOptions } from '../../src/sim/world-options.js';
import { heldAt, putAt } from '../sim/replicas.js';
import { plain } from './sets.js';

const world = (options: Partial<WorldOptions> = {}): World =>
  new World({ seed: 3, nodes: 3, n: 3, partitions: 8, ...options });

/** Younger than a hint may become. */
const WALL_MS = 4_000_000_000_000;

const inDoubt = (one: World): number[] => one.nodes.map((node) => node.doubts.size);

function fill(one: World, keys: number): void {
  for (let index = 0; index < keys; index++) {
    for (const node of one.nodes) putAt(node, `key-${index}`, plain('a', index + 1, 'same'));
  }
}

test('doubts: a wiped node -> it fills up and counts again, no write is said to be lost', (t) => {
  const one = world();
  fill(one, 100);
  one.runFor(1_000);
  one.crash(one.nodes[1]);
  one.nodes[1].disk.wipe();
  one.restart(one.nodes[1]);
  t.is(one.nodes[1].doubts.size, 8);
  t.true(one.runUntil(() => one.nodes[1].doubts.size === 0, 60_000));
  t.is(one.nodes[1].mayBeLost, 0);
  for (let index = 0; index < 100; index++) {
    t.deepEqual(heldAt(one.nodes[1], `key-${index}`), plain('a', index + 1, 'same'));
  }
});

test('doubts: while in doubt -> mints nothing and answers no strict read; others do, and it takes their records', (t) => {
  const one = world({ clients: 2 });
  fill(one, 20);
  one.crash(one.nodes[1]);
  one.nodes[1].disk.wipe();
  // who might count is away, so the doubt stays
  one.crash(one.nodes[2]);
  one.restart(one.nodes[1]);
  one.runFor(5_000);
  t.is(one.nodes[1].doubts.size, 8);
  const key = 'key-1';
  let error: string | undefined = 'none';
  one.clients[0].write(
    { key, value: 'w', w: 1 },
    {
      node: 1,
      done: (call) => {
        error = call.error;
      },
    },
  );
  one.runFor(2_000);
  t.not(error, undefined);
  let seen = -1;
  one.clients[0].read(
    { key, r: 1 },
    {
      node: 1,
      done: (call) => {
        seen = call.kind === 'read' ? call.set.siblings.length : -1;
      },
    },
  );
  one.runFor(2_000);
  t.is(seen, 1, 'the read is answered by the one that counts');
  one.clients[1].write({ key, value: 'v', w: 2 }, { node: 0 });
  one.runFor(2_000);
  t.is(Buffer.from(heldAt(one.nodes[1], key).siblings[0].value).toString(), 'v');
  one.restart(one.nodes[2]);
  t.true(one.runUntil(() => one.nodes[1].doubts.size === 0, 60_000));
});

test('doubts: all nodes at once -> they compare with each other, then count, and it is said that writes may be lost', (t) => {
  const one = world();
  fill(one, 20);
  for (const node of one.nodes) one.crash(node);
  for (const node of one.nodes) node.disk.wipe();
  for (const node of one.nodes) one.restart(node);
  t.deepEqual(inDoubt(one), [8, 8, 8]);
  t.true(one.runUntil(() => inDoubt(one).every((open) => open === 0), 60_000));
  t.true(one.nodes.some((node) => node.mayBeLost > 0));
});

test('doubts: a rolled-back disk -> pulls what it lacks; what only it holds is set aside and stays dead', (t) => {
  const one = world();
  fill(one, 30);
  const [a, b, c] = one.nodes;
  putAt(b, 'resurrected', plain('a', 500, 'long deleted and collected'));
  for (const node of [a, c]) putAt(node, 'key-1', plain('a', 900, 'newer'));
  one.crash(b);
  b.disk.rollBack(b.disk.log.length);
  one.restart(b);
  t.true(one.runUntil(() => b.doubts.size === 0, 60_000));
  one.runFor(2_000);
  for (const node of one.nodes) t.deepEqual(heldAt(node, 'resurrected').siblings, []);
  t.deepEqual(heldAt(b, 'key-1'), plain('a', 900, 'newer'));
  t.is(b.repairs?.setAside, 1);
  one.crash(b);
  b.repairs = undefined;
  one.restart(b);
  t.true(
    one.runUntil(() => b.repairs?.setAside === 1, 5_000),
    'it is still kept in the next life',
  );
});

test('doubts: a rolled-back disk has a hint of what is long deleted -> the hint waits, and is not handed over', (t) => {
  const one = world();
  fill(one, 30);
  const [a, b, c] = one.nodes;
  const key = 'resurrected';
  putAt(b, key, plain('a', 500, 'long deleted and collected'));
  b.store.beginHandler();
  putDated(b.store, hintKey(a.index, partsOf(key).slot >>> one.slotShift, Buffer.from(key)), WALL_MS);
  b.store.commit();
  b.store.publish();
  one.crash(b);
  b.disk.rollBack(b.disk.log.length);
  one.restart(b);
  t.true(one.runUntil(() => b.doubts.size === 0 && b.hints.hints === 0, 60_000));
  for (const node of [a, b, c]) t.deepEqual(heldAt(node, key).siblings, []);
  t.is(b.repairs?.setAside, 1);
});

test('doubts: a rolled-back disk holds a record that it cannot read -> the others’ takes its place, and nothing waits for it', (t) => {
  const one = world();
  fill(one, 30);
  const [a, b, c] = one.nodes;
  for (const node of [a, c]) putAt(node, 'key-1', plain('a', 900, 'newer'));
  one.crash(b);
  one.crash(c);
  b.disk.rollBack(b.disk.log.length);
  one.restart(b);
  b.store.corrupt.add('key-1');
  // one answer is too few to take its place
  one.runFor(5_000);
  t.true(b.doubts.size > 0 && b.store.corrupt.has('key-1'));
  one.restart(c);
  t.true(one.runUntil(() => b.doubts.size === 0, 60_000));
  t.true(one.runUntil(() => !b.store.corrupt.has('key-1'), 30_000));
  t.deepEqual(heldAt(b, 'key-1'), plain('a', 900, 'newer'));
  t.deepEqual(one.thrown, []);
});

test('doubts: the only peer cannot read one of its records -> a wiped node counts again where that is not, and there once another is back', (t) => {
  for (const isTreeBuilt of [false, true]) {
    const one = world({ quorums: { r: 1, w: 3 }, antiEntropyMs: isTreeBuilt ? 1_000 : 0 });
    fill(one, 20);
    const [peer, wiped, away] = one.nodes;
    // trees that were built before know what the record was
    if (isTreeBuilt) one.runFor(20_000);
    one.crash(wiped);
    one.crash(away);
    wiped.disk.wipe();
    peer.store.corrupt.add('key-1');
    one.restart(wiped);
    one.runFor(20_000);
    const partition = partsOf('key-1').slot >>> one.slotShift;
    const open = Array.from({ length: 8 }, (_, index) => index).filter((index) => wiped.doubts.has(index));
    t.deepEqual(open, [partition]);
    one.restart(away);
    t.true(one.runUntil(() => wiped.doubts.size === 0, 60_000));
    t.is(wiped.mayBeLost, 0);
    t.deepEqual(heldAt(wiped, 'key-1'), plain('a', 2, 'same'));
    t.deepEqual(one.thrown, []);
  }
});

test('doubts: the only other holder cannot read one of its records -> it counts again, and it is said that writes may be lost', (t) => {
  const one = world({ nodes: 2, n: 2, quorums: { r: 1, w: 2 } });
  fill(one, 20);
  const [peer, wiped] = one.nodes;
  one.crash(wiped);
  wiped.disk.wipe();
  peer.store.corrupt.add('key-1');
  one.restart(wiped);
  t.true(one.runUntil(() => wiped.doubts.size === 0, 60_000));
  t.is(wiped.mayBeLost, 1);
});

/** The machine went down: what users wrote was not synced and is lost, what the node keeps for itself, its votes, was. */
function loseRecords({ disk }: SimNode): void {
  const own = disk.log.filter(({ words }) => slotOfRecord(words, 0) === SYSTEM_SLOT);
  disk.wipe();
  for (const record of own) disk.append(record);
  disk.sync();
}

/** Node 3 takes the place of node 2, where alone with node 0 the keys are: their writes were acknowledged by both. */
function replacing(one: World, keys: number): void {
  for (let index = 0; index < keys; index++) {
    for (const node of [one.nodes[0], one.nodes[2]]) putAt(node, `key-${index}`, plain('a', index + 1, 'kept'));
  }
  one.runFor(500);
  one.restart(one.nodes[3]);
}

test('doubts: a giver is in doubt -> a newcomer takes it for none of those that it has to merge', (t) => {
  const one = world({ spares: 1, antiEntropyMs: 0 });
  replacing(one, 20);
  one.crash(one.nodes[2]);
  one.crash(one.nodes[0]);
  loseRecords(one.nodes[0]);
  one.restart(one.nodes[0]);
  changeRing(one, 1, { kind: 'replace', nodes: [2], by: [memberOf(one, 3)] });
  one.runFor(15_000);
  t.true(one.ring.move !== undefined, 'what only the node that is away holds would be lost');
  one.restart(one.nodes[2]);
  t.true(one.runUntil(() => isSettled(one) && one.nodes[0].doubts.size === 0, 60_000));
  for (const node of [one.nodes[0], one.nodes[3]]) {
    for (let index = 0; index < 20; index++) t.is(heldAt(node, `key-${index}`).siblings.length, 1);
  }
});

test('doubts: a giver cannot read some of what it holds -> the newcomer has that from others, and waits for none where nobody has', (t) => {
  for (const w of [1, 2]) {
    const one = world({ spares: 1, antiEntropyMs: 0, quorums: { r: 3, w } });
    replacing(one, 20);
    const [first, , last] = one.nodes;
    putAt(first, 'only here', plain('a', 100, 'gone'));
    for (const key of ['key-7', 'only here']) first.store.corrupt.add(key);
    last.store.corrupt.add('key-8');
    changeRing(one, 1, { kind: 'replace', nodes: [2], by: [memberOf(one, 3)] });
    t.true(one.runUntil(() => one.ring.move !== undefined, 10_000));
    t.true(
      one.runUntil(() => isSettled(one), 60_000),
      `W=${w}`,
    );
    for (let index = 0; index < 20; index++)
      t.is(heldAt(one.nodes[3], `key-${index}`).siblings.length, 1, `key-${index}`);
    t.deepEqual(one.thrown, []);
  }
});

test('doubts: a newcomer is wiped when it has filled its partitions -> it counts for none before it has everything again', (t) => {
  for (let delayMs = 0; delayMs < 600; delayMs += 60) {
    const one = world({ spares: 1, antiEntropyMs: 0 });
    replacing(one, 40);
    changeRing(one, 1, { kind: 'replace', nodes: [2], by: [memberOf(one, 3)] });
    const newcomer = one.nodes[3];
    t.true(one.runUntil(() => one.ring.move !== undefined, 10_000));
    one.runFor(delayMs);
    one.crash(newcomer);
    newcomer.disk.wipe();
    one.restart(newcomer);
    const isShort = () =>
      Array.from({ length: 40 }, (_, index) => `key-${index}`).some((key) => {
        const partition = partsOf(key).slot >>> one.slotShift;
        const isRead = one.ring.move?.phases[partition] !== Phase.filling;
        return isRead && !newcomer.doubts.has(partition) && heldAt(newcomer, key).siblings.length === 0;
      });
    let short = 0;
    const isOver = one.runUntil(() => {
      if (isShort()) short++;
      return isSettled(one) && one.nodes.every((node) => !node.up || node.doubts.size === 0);
    }, 60_000);
    t.true(isOver);
    t.is(short, 0, `wiped after ${delayMs} ms`);
  }
});
