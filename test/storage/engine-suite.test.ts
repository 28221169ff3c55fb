import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as eventTurn } from 'node:timers/promises';
import test from 'ava';
import { forgetPrivate, PrivateKind, privateKey, putPrivate } from '../../src/actor/private-record.js';
import { Flag } from '../../src/protocol/record.js';
import { Found, HotReader } from '../../src/storage/hot-reader.js';
import { forgetSuite } from './forget-suite.js';
import { MiB, StorageNode, testFolder } from './node-fixture.js';
import { find, keyOf, stageWrite } from './records.js';
import { storeSuite } from './store-suite.js';

/** One event loop for all of them: what a node leaves behind is cleared when the file is done. */
const folders: string[] = [];
test.after.always(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function engineSuite(name: string, options: { memoryBytes: number; flushes: boolean; compression: boolean }): void {
  const open = async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kvorum-suite-'));
    folders.push(folder);
    const { memoryBytes, compression } = options;
    const node = await StorageNode.open({ teardown: () => undefined }, folder, { memoryBytes, compression });
    return {
      store: node.engine,
      slotShift: 11,
      async endTurn() {
        node.endTurn();
        if (options.flushes) await node.flush();
        else if (node.maintenance.busy) await eventTurn();
      },
      close: () => node.crash(),
    };
  };
  storeSuite(name, open);
  forgetSuite(name, open);
}

test('engine: a forgotten key, flushed and reopened from the log or from the table -> absent, also to readers', async (t) => {
  const folder = testFolder(t);
  let node = await StorageNode.open(t, folder);
  const key = keyOf('gone');
  const reader = () => new HotReader(node.memory).find(key.words, key.hash, key.keySlot, 0);
  node.put(key, 'one');
  await node.flush();
  node.engine.forget(find(node.engine, key));
  node.endTurn();
  t.is(reader(), Found.forgotten);
  t.is(node.engine.counts.keysAbout, 0);
  node = await node.reopen(t);
  t.is(find(node.engine, key), -1);
  t.is(reader(), Found.forgotten);
  await node.flush();
  t.false(node.engine.base.has((key.keySlot >>> 16) >>> 11, Buffer.from(key.text)));
  t.is(node.engine.counts.keysAbout, 0);
  node.put(key, 'two');
  t.is(node.text(key), 'two');
  node.endTurn();
  t.is(node.engine.counts.keysAbout, 1);
});

test('engine: records that the node keeps for itself -> are no keys, in memory, on disk or forgotten', async (t) => {
  const folder = testFolder(t);
  let node = await StorageNode.open(t, folder);
  const about = () => node.engine.counts.keysAbout;
  const name = (index: number) => privateKey(PrivateKind.note, Uint8Array.of(0, index, 0, 0));
  const names = [1, 2, 3, 4].map(name);
  node.put(keyOf('one'), 'value');
  for (const key of names.slice(0, 3)) putPrivate(node.engine, key, Buffer.from('kept'));
  node.endTurn();
  t.is(about(), 1);
  await node.flush();
  t.is(about(), 1);
  forgetPrivate(node.engine, names[0]);
  putPrivate(node.engine, names[3], Buffer.from('kept'));
  node.endTurn();
  forgetPrivate(node.engine, names[3]);
  node.endTurn();
  t.is(about(), 1);
  await node.flush();
  t.is(about(), 1);
  node = await node.reopen(t);
  await node.flush();
  t.is(about(), 1);
});

test('engine: handlers that are undone, over small and large records -> leave every count as it was', async (t) => {
  const node = await StorageNode.open(t, testFolder(t));
  const { engine } = node;
  node.put(keyOf('large'), 'v'.repeat(5_000));
  node.put(keyOf('small'), 'v');
  node.endTurn();
  const counts = () => [engine.counts.dirtyLiveBytes, engine.counts.keysAbout, engine.counts.privateKeys];
  const before = counts();
  for (let i = 0; i < 10; i++) {
    node.put(keyOf('large'), '', Flag.tombstone);
    stageWrite(engine, keyOf('small'), Buffer.alloc(3_000));
    stageWrite(engine, keyOf('large'), Buffer.alloc(10));
    stageWrite(engine, keyOf(`new ${i}`), Buffer.alloc(100));
    putPrivate(engine, privateKey(PrivateKind.note, Uint8Array.of(0, i, 0, 0)), Buffer.from('kept'));
    t.notDeepEqual(counts(), before);
    engine.undoHandler();
    t.deepEqual(counts(), before);
  }
});

engineSuite('engine in memory', { memoryBytes: 16 * MiB, flushes: false, compression: false });
engineSuite('engine flushed each turn', { memoryBytes: 2 * MiB, flushes: true, compression: false });
engineSuite('engine with compression', { memoryBytes: 2 * MiB, flushes: true, compression: true });
