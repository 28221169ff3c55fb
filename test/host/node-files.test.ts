/** Older copies of a node's directory that are put back. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { NodeFiles } from '../../src/host/node-files.js';
import { witnessPath } from '../../src/host/sequence-witness.js';
import type { Store } from '../../src/index.js';
import { makeFolder, openSmall, until } from '../client/store-fixture.js';

/** One life of a node's files: opened behind a log that ends before `next`, and closed at `last` where it is given. */
function live(directory: string, { next, last }: { readonly next: number; readonly last?: number }): NodeFiles {
  const files = new NodeFiles(directory);
  files.open();
  writeFileSync(join(files.logDirectory, '1.log'), '');
  files.recovered(next);
  if (last !== undefined) files.closeClean(last);
  return files;
}

test('node files: the log ends where it was closed, or behind -> the same incarnation, no doubt', (t) => {
  const directory = join(makeFolder(t), 'node');
  const { replica } = live(directory, { next: 1, last: 10 });
  const { replica: second, doubt } = live(directory, { next: 10, last: 20 });
  t.is(second, replica);
  t.is(doubt, 'none');
  t.is(live(directory, { next: 25 }).replica, replica);
});

test('node files: the log ends below what was synced -> another incarnation, from the past, until the doubt ends', (t) => {
  const directory = join(makeFolder(t), 'node');
  const first = live(directory, { next: 1 });
  first.synced(15);
  const second = live(directory, { next: 14 });
  t.not(second.replica, first.replica);
  t.is(second.doubt, 'rollback');
  const third = live(directory, { next: 14 });
  t.is(third.replica, second.replica);
  t.is(third.doubt, 'rollback');
  third.endDoubt();
  t.is(live(directory, { next: 14 }).doubt, 'none');
});

test('node files: an incarnation that was followed by another -> from the past; a lost or damaged witness -> nothing is said', (t) => {
  const directory = join(makeFolder(t), 'node');
  const first = live(directory, { next: 1, last: 5 });
  const copy = `${directory}-copy`;
  cpSync(directory, copy, { recursive: true });
  rmSync(directory, { recursive: true });
  live(directory, { next: 1, last: 2 });
  rmSync(directory, { recursive: true });
  cpSync(copy, directory, { recursive: true });
  const back = live(directory, { next: 5, last: 5 });
  t.is(back.doubt, 'rollback');
  t.not(back.replica, first.replica);
  back.endDoubt();
  writeFileSync(witnessPath(directory), '{"repl');
  t.is(live(directory, { next: 1 }).replica, back.replica);
});

const replicas = (path: string) =>
  [0, 1, 2].map(
    (node) =>
      (JSON.parse(readFileSync(join(path, `node-00${node}`, 'node.json'), 'utf8')) as { replica: number }).replica,
  );

const isSettled = async (store: Store) =>
  (await store.stats()).nodes.every(({ up, repairs }) => up && repairs.inDoubt === 0);

test('a store: one node’s directory is an older copy -> it is noticed, catches up, and the dead stay dead', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'data');
  const one = await openSmall(t, { path });
  for (let i = 0; i < 50; i++) await one.put(`key-${i}`, 'old', { w: 3 });
  await one.close();
  cpSync(join(path, 'node-001'), join(folder, 'copy'), { recursive: true });
  const two = await openSmall(t, { path });
  for (let i = 0; i < 50; i++) {
    if (i % 5 === 0) await two.delete(`key-${i}`, { w: 3 });
    else await two.put(`key-${i}`, 'new', { w: 3 });
  }
  await two.close();
  const before = replicas(path);
  rmSync(join(path, 'node-001'), { recursive: true });
  cpSync(join(folder, 'copy'), join(path, 'node-001'), { recursive: true });
  const three = await openSmall(t, { path });
  const after = replicas(path);
  t.deepEqual([after[0], after[2]], [before[0], before[2]]);
  t.not(after[1], before[1]);
  await until(() => isSettled(three));
  for (let i = 0; i < 50; i++) t.is(await three.get(`key-${i}`, { r: 3 }), i % 5 === 0 ? undefined : 'new');
  // whatever each replica holds, it holds the same
  const { keys } = await three.repair({ dryRun: true }).then(({ differing }) => ({ keys: differing }));
  t.is(keys, 0);
});
