/** `kvorum backup`, `verify` and `restore`, as a shell runs them. */
import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Cli } from './cli-runner.js';

/** Another shape than that of the tests' stores: 3 nodes, 16 partitions. */
const OTHER_SHAPE = { KVORUM_NODES: '4', KVORUM_PARTITIONS: '32' };
const PAIRS = 500;

const linesOf = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => JSON.stringify({ key: `key-${from + index}`, value: { n: index } })).join(
    '\n',
  );

/** A store with some pairs and a backup of it. */
async function backedUp(t: ExecutionContext): Promise<{ cli: Cli; backup: string }> {
  const cli = await Cli.create(t);
  await cli.must(['load', '-'], { input: linesOf(0, PAIRS) });
  const backup = join(cli.folder, 'backup');
  await cli.must(['backup', backup]);
  return { cli, backup };
}

/** What `verify` finds; its exit code is the backup's verdict. */
async function damages(cli: Cli, backup: string): Promise<{ code: number | null; damages: { file: string }[] }> {
  const { code, stdout } = await cli.run(['verify', backup, '--json']);
  return { code, ...(JSON.parse(stdout) as { damages: { file: string }[] }) };
}

test('backup: a directory -> whole, restored into another shape, and restored again without a write', async (t) => {
  const { cli, backup } = await backedUp(t);
  t.is((await readdir(backup)).length, 17);
  const [whole] = await cli.json(['verify', backup]);
  t.like(whole, { whole: true, records: PAIRS, files: 16, partitions: 16, clusterName: 'kvorum', damages: [] });
  t.like(whole, { instants: 16, notInstant: [] });
  t.regex((await cli.must(['verify', backup])).stdout, /^each at one instant of its own: 16 of 16 partitions$/m);
  const other = ['--path', join(cli.folder, 'other')];
  const env = OTHER_SHAPE;
  t.regex(
    (await cli.must(['restore', backup, ...other], { env })).stdout,
    /^restored 500 records, 0 were there already/,
  );
  t.like((await cli.json(['restore', backup, ...other], { env }))[0], { written: 0, unchanged: PAIRS, failures: 0 });
  const exported = (await cli.must(['export', ...other], { env })).stdout.trim().split('\n');
  t.deepEqual(exported.toSorted(), linesOf(0, PAIRS).split('\n').toSorted());
});

test('backup: a server that is being written to -> all that was acknowledged before, restored into a server', async (t) => {
  const cli = await Cli.create(t);
  await cli.must(['load', '-'], { input: linesOf(0, PAIRS) });
  const server = await cli.serve();
  const backup = join(cli.folder, 'backup');
  const loading = cli.must(['load', '-'], { input: linesOf(PAIRS, 20_000), beside: true });
  const [about] = await cli.json(['backup', backup], { beside: true });
  t.true(Number(about.records) >= PAIRS, `${String(about.records)} records`);
  t.is(Number(about.instants) + (about.notInstant as unknown[]).length, 16);
  t.true(Number(about.instants) > 0, JSON.stringify(about));
  await loading;
  t.is((await damages(cli, backup)).code, 0);
  await server.stop();
  const env = { ...OTHER_SHAPE, KVORUM_PATH: join(cli.folder, 'other') };
  const other = await cli.serve(['--json'], env);
  await cli.must(['restore', backup], { env });
  const exported = new Set((await cli.must(['export'], { env })).stdout.trim().split('\n'));
  for (const line of linesOf(0, PAIRS).split('\n')) t.true(exported.has(line), line);
  t.is(exported.size, Number(about.records));
  await other.stop();
});

test('backup: one byte of any file flipped -> verify and restore name the file, and nothing is written', async (t) => {
  const { cli, backup } = await backedUp(t);
  const other = join(cli.folder, 'other');
  for (const [file, place] of [
    ['partition-0003.kvb', 0],
    ['partition-0004.kvb', 20],
    ['partition-0005.kvb', 0.5],
    ['partition-0006.kvb', 0.999],
  ] as const) {
    const path = join(backup, file);
    const bytes = await readFile(path);
    const at = place < 1 ? Math.floor(bytes.length * place) : place;
    await writeFile(path, bytes.with(at, bytes[at] ^ 1));
    const found = await damages(cli, backup);
    t.is(found.code, 5);
    t.like(found.damages, { length: 1, 0: { file } });
    const { code, stderr } = await cli.run(['restore', backup, '--path', other]);
    t.is(code, 5);
    t.regex(stderr, new RegExp(`KV_INPUT: the backup in .* is damaged: ${file}: `));
    await writeFile(path, bytes);
  }
  t.false((await readdir(cli.folder)).includes('other'));
  t.is((await damages(cli, backup)).code, 0);
});

test('backup: a file that is cut, missing, foreign or swapped -> each is named', async (t) => {
  const { cli, backup } = await backedUp(t);
  const path = (partition: number) => join(backup, `partition-000${partition}.kvb`);
  await truncate(path(1), (await readFile(path(1))).length - 8);
  await rm(path(2));
  await writeFile(path(3), await readFile(path(4)));
  await writeFile(join(backup, 'notes.txt'), 'mine');
  const found = await damages(cli, backup);
  t.is(found.code, 5);
  t.deepEqual(
    found.damages.map(({ file }) => file),
    ['partition-0001.kvb', 'partition-0002.kvb', 'partition-0003.kvb', 'notes.txt'],
  );
});

test('backup: no manifest, a damaged one, one of a newer format -> no backup', async (t) => {
  const { cli, backup } = await backedUp(t);
  const path = join(backup, 'manifest.json');
  const manifest = await readFile(path, 'utf8');
  await writeFile(path, manifest.replace('"records": 500', '"records": 501'));
  t.regex((await cli.run(['verify', backup])).stderr, /KV_INPUT: .*manifest\.json is damaged/);
  await writeFile(path, manifest.replace('"format": 1', '"format": 2'));
  const newer = await cli.run(['restore', backup]);
  t.is(newer.code, 3);
  t.regex(newer.stderr, /KV_FORMAT_TOO_NEW: .* has format 2/);
  await rm(path);
  for (const command of ['verify', 'restore']) {
    const { code, stderr } = await cli.run([command, backup]);
    t.is(code, 5);
    t.regex(stderr, /KV_INPUT: .* has no manifest\.json: it is no backup, or one that was never finished/);
  }
  // what an unfinished one has left gives way to a new one
  await cli.must(['backup', backup]);
  t.is((await damages(cli, backup)).code, 0);
});

test('backup: a directory that holds a backup or anything else -> refused, and left as it is', async (t) => {
  const { cli, backup } = await backedUp(t);
  t.regex((await cli.run(['backup', backup])).stderr, /KV_INPUT: .* holds a backup already/);
  t.is((await damages(cli, backup)).code, 0);
  const { code, stderr } = await cli.run(['backup', cli.folder]);
  t.is(code, 5);
  t.regex(stderr, /KV_INPUT: .* is not empty/);
  t.is((await cli.run(['backup', join(cli.folder, 'new'), '--path', join(cli.folder, 'none')])).code, 3);
});
