/** A salvage that is cut short loses nothing more, and damaged segments that cannot be kept do no harm. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import test from 'ava';
import { DAMAGED_KEPT_MAX } from '../../src/storage/damaged-files.js';
import { segmentName } from '../../src/storage/log-block.js';
import { type LogFiles, realFiles } from '../../src/storage/log-files.js';
import { errno } from './faulty-files.js';
import { type Block, blocksOf, flip } from './log-bytes.js';
import { StorageNode, testFolder } from './node-fixture.js';
import { ALL, key, keysOf, PER_TURN, salvaged, TURNS, turnsHeld, without, written } from './salvage-case.js';

/** Files that fail for good from the call behind this many changes on. */
function crashing(changes: number): LogFiles & { readonly isDead: boolean } {
  let left = changes;
  const files = { ...realFiles, isDead: false };
  for (const name of ['create', 'write', 'truncate', 'remove', 'move', 'sync', 'syncDirectory'] as const) {
    const call = realFiles[name] as (...args: unknown[]) => unknown;
    Object.assign(files, {
      [name]: (...args: unknown[]) => {
        if (left-- > 0) return call(...args);
        files.isDead = true;
        throw errno('EIO');
      },
    });
  }
  return files;
}

test('salvage: a crash at any change of the disk -> the next start finds the damage, or everything that was kept', async (t) => {
  const node = await written(t, { segmentBytes: 900 });
  const blocks = blocksOf(node.logFolder);
  const logs = new Map([...new Set(blocks.map(({ path }) => path))].map((path) => [path, readFileSync(path)]));
  const lost = [blocks[1], blocks[7]];
  t.not(lost[0].path, lost[1].path);
  const ends = { damaged: 0, whole: 0 };
  for (let changes = 0; ; changes++) {
    const fresh = await StorageNode.open(t, testFolder(t));
    // of key 3, which the first damage takes, the base table has a newer version than the log's first
    fresh.put(key(3), 'flushed');
    await fresh.flush();
    await fresh.close();
    for (const name of readdirSync(fresh.logFolder)) realFiles.remove(join(fresh.logFolder, name));
    for (const [path, log] of logs) writeFileSync(join(fresh.logFolder, basename(path)), log);
    for (const { path, at } of lost) flip(join(fresh.logFolder, basename(path)), at + 60);
    const files = crashing(changes);
    const failure = await fresh.reopen(t, { salvage: true, files }).then(
      (after) => after.crash().then(() => undefined),
      (error: { code: string }) => error.code,
    );
    t.is(failure, files.isDead ? 'KV_STORAGE_FAILED' : undefined);
    const look = (after: StorageNode) => {
      const held = ALL.filter((turn) => keysOf(turn).every((i) => after.text(key(i)) === `value-${i}`));
      t.deepEqual(held, without(1, 7), `after ${changes} changes`);
      t.is(after.text(key(3)), 'flushed');
      t.is(after.engine.nextCounter, TURNS * PER_TURN + 1);
    };
    const next = await fresh.reopen(t, { files: realFiles }).catch((error: { code: string }) => error.code);
    if (typeof next === 'string') {
      t.is(next, 'KV_CORRUPT');
      ends.damaged++;
      await salvaged(t, fresh, look, { files: realFiles });
    } else {
      ends.whole++;
      look(next);
    }
    if (!files.isDead) break;
  }
  t.log(ends);
  t.true(ends.damaged >= 5 && ends.whole >= 3);
});

test('salvage: again and again -> the newest damaged segments are kept, and no more', async (t) => {
  let node = await written(t);
  const names: string[] = [];
  for (let life = 0; life < DAMAGED_KEPT_MAX + 2; life++) {
    for (let turn = 0; turn < 3; turn++) {
      node = turn > 0 ? node : await node.reopen(t, { salvage: false });
      node.put(key(100 + turn), `life-${life}`);
      node.endTurn();
    }
    await node.crash();
    const middle = blocksOf(node.logFolder).at(-2) as Block;
    flip(middle.path, middle.at + 60);
    node = await node.reopen(t, { salvage: true });
    const [damage] = node.report.damages ?? [];
    t.is(damage.segment, middle.path);
    names.push(basename(damage.keptAs as string));
    await node.crash();
  }
  t.is(new Set(names).size, DAMAGED_KEPT_MAX + 2);
  t.deepEqual(readdirSync(node.damagedFolder).sort(), names.slice(-DAMAGED_KEPT_MAX));
});

test('salvage: a damaged segment cannot be moved -> it is removed, and the node goes on', async (t) => {
  const node = await written(t);
  const [, { path, at }] = blocksOf(node.logFolder);
  flip(path, at + 60);
  const move = () => {
    throw errno('ENOSPC');
  };
  const one = await salvaged(t, node, (after) => t.deepEqual(turnsHeld(after), without(1)), {
    files: { ...realFiles, move },
  });
  t.is(one.report.damages?.[0].keptAs, undefined);
  t.false(readdirSync(node.logFolder).includes(segmentName(1)));
});
