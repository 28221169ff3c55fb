import { readdirSync } from 'node:fs';
import { setImmediate as eventTurn } from 'node:timers/promises';
import test from 'ava';
import { partitionId } from '../../src/core/ids.js';
import { Compactor } from '../../src/storage/compactor.js';
import { segmentName } from '../../src/storage/log-block.js';
import { FaultyFiles } from './faulty-files.js';
import { MiB, StorageNode, testFolder } from './node-fixture.js';
import { keyOf, keyTextAt } from './records.js';

const key = (i: number) => keyOf(`{one}${i}`);
const PARTITION = partitionId((key(0).keySlot >>> 16) >>> 11);

test('compactor: mostly overwritten records -> the old log goes, but not before the moved ones are synced', async (t) => {
  const files = new FaultyFiles();
  let node = await StorageNode.open(t, testFolder(t), { memoryBytes: 2 * MiB, files, segmentBytes: 65_536 });
  const { engine } = node;
  const compactor = new Compactor(engine, 8);
  node.put(key(0), 'never written again');
  for (let i = 0; i < 200; i++) {
    node.put(key(1 + (i % 5)), `${i}`.padEnd(1_000, '.'));
    engine.commit();
    engine.publish();
    engine.log.reserveTurn();
  }
  t.true(readdirSync(node.logFolder).length > 2);
  const before = engine.flusher.flushed;
  files.held = [];
  compactor.start();
  t.true(compactor.step(Number.POSITIVE_INFINITY));
  engine.log.syncLater();
  files.held.splice(0).forEach((run) => {
    run();
  });
  while (engine.log.busy) await eventTurn();
  compactor.step(0);
  t.is(engine.flusher.flushed, before, 'a sync before the moved records were written says nothing of them');
  engine.commit();
  engine.publish();
  compactor.step(0);
  t.true(compactor.running, 'written, and not synced yet');
  t.is(engine.flusher.flushed, before);
  files.finishSyncs();
  while (engine.log.busy) await eventTurn();
  compactor.step(0);
  t.false(compactor.running);
  t.not(engine.flusher.flushed, before);
  engine.flusher.dropSynced(engine.log);
  t.false(readdirSync(node.logFolder).includes(segmentName(1)));
  node = await node.reopen(t, { files: new FaultyFiles() });
  t.is(node.text(key(0)), 'never written again');
  for (let i = 195; i < 200; i++) t.is(node.text(key(1 + (i % 5))), `${i}`.padEnd(1_000, '.'));
});

test('compactor: what was promoted from disk stands among old records -> it stays, is not logged anew, and outlives them', async (t) => {
  const node = await StorageNode.open(t, testFolder(t), { memoryBytes: 2 * MiB });
  const { engine } = node;
  const end = () => {
    engine.commit();
    engine.publish();
    engine.log.reserveTurn();
  };
  for (let i = 100; i < 120; i++) node.put(key(i), `cold ${i}`);
  end();
  await node.flush();
  engine.makeRoom(engine.arena.capacityUnits * 8 - 64);
  t.is(engine.index.entries, 0, 'all of it is on disk only');
  const from = engine.flusher.flushed;
  node.put(key(0), 'never written again');
  for (let i = 0; i < 200; i++) {
    node.put(key(1 + (i % 5)), `${i}`.padEnd(1_000, '.'));
    if (i === 100) for (let j = 100; j < 120; j++) t.is(node.text(key(j)), `cold ${j}`);
    end();
  }
  t.is(engine.index.entries, 26);
  const written = engine.log.bytesWritten;
  const compactor = new Compactor(engine, 8);
  compactor.start();
  t.true(compactor.step(Number.POSITIVE_INFINITY));
  end();
  t.true(engine.log.bytesWritten - written < 5_700, 'what is alive of the dirty ones, and no more');
  while (compactor.running) {
    compactor.step(0);
    await eventTurn();
  }
  t.not(engine.flusher.flushed, from);
  const evictions = engine.reclaimer.evictions;
  engine.makeRoom(engine.arena.freeUnits * 8 + 150_000);
  t.is(engine.reclaimer.evictions - evictions, 20, 'the copies were met one by one');
  for (let i = 100; i < 120; i++) t.is(node.text(key(i)), `cold ${i}`);
  t.is(node.text(key(0)), 'never written again');
  for (let i = 195; i < 200; i++) t.is(node.text(key(1 + (i % 5))), `${i}`.padEnd(1_000, '.'));
});

test('compactor: more than half of it alive, or no room to move it -> gives way to a flush, nothing is lost', async (t) => {
  const node = await StorageNode.open(t, testFolder(t));
  const { engine } = node;
  const compactor = new Compactor(engine, 8);
  for (let i = 0; i < 300; i++) node.put(key(i), `${i}`.padEnd(1_000, '.'));
  engine.commit();
  engine.publish();
  compactor.start();
  t.false(compactor.step(Number.POSITIVE_INFINITY));
  t.false(compactor.running);
  await node.flush();
  await node.flush();
  t.is(engine.base.entryCount, 300);
  for (let i = 0; i < 300; i += 9) t.is(node.text(key(i)), `${i}`.padEnd(1_000, '.'));
});

test('compactor: nothing to move, and nothing was logged since the log was opened -> it ends', async (t) => {
  let node = await StorageNode.open(t, testFolder(t));
  for (let i = 0; i < 20; i++) node.put(key(i), 'v');
  node.endTurn();
  node = await node.reopen(t, { checkpoint: true });
  const { engine } = node;
  engine.commit();
  const compactor = new Compactor(engine, 8);
  compactor.start();
  for (let steps = 0; steps < 100 && compactor.running; steps++) {
    compactor.step(Number.POSITIVE_INFINITY);
    await eventTurn();
  }
  t.false(compactor.running);
});

test('compactor: between two pages -> the second shows what was written since, however long the lists are', async (t) => {
  const node = await StorageNode.open(t, testFolder(t));
  const { engine } = node;
  const page = () => {
    const texts: string[] = [];
    engine.page(PARTITION, {}, (words, at) => texts.push(keyTextAt(words, engine.bytes, at)) > 0);
    return texts;
  };
  for (let i = 0; i < 5; i++) node.put(key(0), String(i));
  engine.commit();
  engine.publish();
  t.deepEqual(page(), ['{one}0']);
  const compactor = new Compactor(engine, 8);
  compactor.start();
  compactor.step(Number.POSITIVE_INFINITY);
  for (let i = 1; i < 5; i++) node.put(key(i), 'new');
  t.deepEqual(page(), ['{one}0', '{one}1', '{one}2', '{one}3', '{one}4']);
});
