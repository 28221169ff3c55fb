/** The commands as processes: results, exit codes, `--json`, files and pipes, on a directory that nobody holds. */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { open } from '../../src/index.js';
import { openSmall } from '../client/store-fixture.js';
import { Cli } from './cli-runner.js';

test('commands: put, get, scan, delete -> the value, then exit code 1', async (t) => {
  const cli = await Cli.create(t);
  t.deepEqual((await cli.run(['put', 'user:1', 'Ann'])).code, 0);
  t.is((await cli.must(['get', 'user:1'])).stdout, 'Ann\n');
  t.is((await cli.must(['scan'])).stdout, 'user:1\tAnn\n');
  t.regex((await cli.must(['delete', 'user:1', 'never'])).stdout, /^deleted user:1 [\s\S]*deleted never/);
  const gone = await cli.run(['get', 'user:1']);
  t.deepEqual(gone, { code: 1, stdout: '', stderr: "kvorum: KV_NOT_FOUND: no value for key 'user:1'\n" });
});

test('commands: values as JSON, bytes, standard input and with a life -> come back as what they were', async (t) => {
  const cli = await Cli.create(t);
  await cli.must(['put', 'object', '{"name":"Ann"}', '--json-value']);
  const [object] = await cli.json(['get', 'object']);
  t.like(object, { key: 'object', value: { name: 'Ann' }, type: 'cbor', found: true });
  await cli.must(['put', 'bytes', '-', '--bytes'], { input: Uint8Array.of(0, 255, 10) });
  t.like((await cli.json(['get', 'bytes']))[0], { value: 'AP8K', type: 'bytes' });
  await cli.must(['put', 'text', '-'], { input: 'from a pipe' });
  t.is((await cli.must(['get', 'text'])).stdout, 'from a pipe\n');
  await cli.must(['put', 'brief', 'x', '--ttl', '1ms']);
  t.is((await cli.run(['get', 'brief'])).code, 1);
  t.regex((await cli.run(['put', 'bad', '{', '--json-value'])).stderr, /KV_USAGE: the value is not JSON/);
});

test('commands: load and export -> the same lines back, from a file and through pipes', async (t) => {
  const cli = await Cli.create(t);
  const lines = Array.from({ length: 3_000 }, (_, number) =>
    JSON.stringify({
      key: `key:${String(number).padStart(5, '0')}`,
      value: number % 3 === 0 ? { number } : `v${number}`,
    }),
  );
  lines.push(JSON.stringify({ key: 'last', value: 'AP8K', type: 'bytes' }));
  const text = `${lines.join('\n')}\n`;
  const file = join(cli.folder, 'in.ndjson');
  writeFileSync(file, text);
  const load = await cli.run(['load', file]);
  t.is(load.code, 0, load.stderr);
  t.regex(load.stdout, /^loaded 3,001 pairs, skipped 0 \(\d+\.\d KiB in \d+\.\d s, [\d,]+\/s\)\n$/);
  t.is((await cli.must(['export'])).stdout, text);
  const out = join(cli.folder, 'out.ndjson');
  t.like((await cli.json(['export', out]))[0], { file: out, exported: 3_001, bytes: Buffer.byteLength(text) });
  t.is(readFileSync(out, 'utf8'), text);
  const copy = join(cli.folder, 'copy');
  const [copied] = await cli.json(['load', '-', '--path', copy], { input: text });
  t.like(copied, { loaded: 3_001, skipped: 0, errors: [] });
  t.is(
    (await cli.must(['export', '--path', copy, '--prefix', 'key:0000', '--limit', '2'])).stdout,
    `${lines[0]}\n${lines[1]}\n`,
  );
});

test('commands: an export to a named pipe, and to a symbolic link -> the pipe’s reader has it, the link stays and its file has it', async (t) => {
  const cli = await Cli.create(t);
  await cli.must(['put', 'a', '1']);
  const [pipe, link, behind] = ['pipe', 'link', 'behind'].map((name) => join(cli.folder, name));
  execFileSync('mkfifo', [pipe]);
  const read = readFile(pipe, 'utf8');
  await cli.must(['export', pipe]);
  t.true(lstatSync(pipe).isFIFO());
  writeFileSync(behind, 'old');
  symlinkSync(behind, link);
  await cli.must(['export', link]);
  t.true(lstatSync(link).isSymbolicLink());
  const lines = '{"key":"a","value":"1"}\n';
  t.deepEqual([await read, readFileSync(behind, 'utf8')], [lines, lines]);
});

test('commands: an export of what JSON loses, loaded elsewhere -> the same values', async (t) => {
  const cli = await Cli.create(t);
  const values = {
    big: 2n ** 70n,
    date: new Date(7),
    map: new Map([[1, new Set(['a'])]]),
    none: [undefined, Number.NaN],
  };
  const from = await openSmall(t, { nodes: 1, path: join(cli.folder, 'from') });
  await from.putMany(Object.entries(values));
  await from.close();
  const text = (await cli.must(['export', '--path', join(cli.folder, 'from')])).stdout;
  t.is(text.match(/"type":"cborBase64"/g)?.length, 4, text);
  const to = join(cli.folder, 'to');
  t.like((await cli.json(['load', '-', '--path', to], { input: text }))[0], { loaded: 4, skipped: 0 });
  const store = await open({ path: to });
  t.teardown(() => store.close());
  t.deepEqual(await store.getMany(Object.keys(values)), Object.values(values));
});

test('commands: a bad line -> its number; stop ends with 5, skip loads the rest and ends with 5', async (t) => {
  const cli = await Cli.create(t);
  const input = `{"key":"a","value":1}\n{"key":"b","value":"${'x'.repeat(20_000)}"}\nnonsense\n{"key":"c","value":3}\n`;
  const stop = await cli.run(['load', '-'], { input });
  t.is(stop.code, 5);
  t.regex(stop.stderr, /^kvorum: KV_INPUT: line [23]: .* pairs? loaded before\)$/m);
  const skip = await cli.run(['load', '-', '--on-error', 'skip'], { input });
  t.is(skip.code, 5);
  t.regex(skip.stderr, /skipped line 2: KV_PAIR_TOO_LARGE/);
  t.regex(skip.stderr, /skipped line 3: not JSON/);
  t.regex(skip.stdout, /^loaded 2 pairs, skipped 2 /);
  t.is((await cli.must(['scan', '--keys'])).stdout, 'a\nc\n');
});

test('commands: quorums by number and by zone -> write and read, and say what is none', async (t) => {
  const cli = await Cli.create(t);
  for (const quorum of ['1', 'local:1', 'local-quorum', 'each-quorum']) {
    await cli.must(['put', 'k', quorum, '--w', quorum]);
    t.is((await cli.must(['get', 'k', '--r', quorum])).stdout, `${quorum}\n`);
  }
  t.regex((await cli.run(['get', 'k', '--r', 'local:9'])).stderr, /KV_INVALID_OPTION/);
});

test('commands: a context that is none -> exit code 2, the store is not to blame', async (t) => {
  const { code, stderr } = await (await Cli.create(t)).run(['put', 'k', 'v', '--context', 'nonsense']);
  t.is(code, 2);
  t.regex(stderr, /^kvorum: KV_INVALID_CONTEXT: /);
});

test('commands: usage errors -> exit code 2 and KV_USAGE, as JSON with --json', async (t) => {
  const cli = await Cli.create(t);
  for (const args of [
    ['frobnicate'],
    ['put', 'only-a-key'],
    ['get', 'k', '--no-such-flag'],
    ['get', 'k', '--n', '10'],
    ['put', 'k', 'v', '--ttl', '30'],
    ['put', 'k', 'v', '--w', '0'],
    ['put', 'k', 'v', '--w', 'local:0'],
    ['get', 'k', '--r', 'quorum'],
    ['load', '-', '--on-error', 'ignore'],
    ['serve', '--resp', 'nowhere'],
    ['get', 'k', '--connect', 'nowhere'],
  ]) {
    const { code, stderr, stdout } = await cli.run(args);
    t.deepEqual([code, stdout], [2, ''], args.join(' '));
    t.regex(stderr, /^kvorum: KV_USAGE: /, args.join(' '));
  }
  t.regex((await cli.run(['get', 'a', 'b'])).stderr, /but got 2; see kvorum help get\n$/);
  t.regex((await cli.run(['frobnicate'])).stderr, /see kvorum --help\n$/);
  const { code, stderr } = await cli.run(['get', 'k', '--n', '10', '--json']);
  t.is(code, 2);
  t.like(JSON.parse(stderr), { error: { code: 'KV_USAGE', exitCode: 2, details: { option: 'n' } } });
});

test('commands: what is wrong with a line -> named, with the flag, the file or the nearest name', async (t) => {
  const cli = await Cli.create(t);
  const said: [args: string[], code: number, sentence: string][] = [
    [['help', 'pu'], 2, "KV_USAGE: unknown command 'pu' (Did you mean put?); see kvorum --help"],
    [['help', 'nonsense'], 2, "KV_USAGE: unknown command 'nonsense'; see kvorum --help"],
    [
      ['put', 'k', 'v', '--ttl', '3x'],
      2,
      "KV_USAGE: --ttl: '3x' is not a time: give a number with ms, s, m, h or d, like 30s",
    ],
    [['join', '--count', '0'], 2, "KV_USAGE: --count: '0' is not a whole number from 1 to 128"],
    [['leave', 'a'], 2, "KV_USAGE: the number of a node: 'a' is not a whole number from 0 to 4094"],
    [['bench', '--value', '1g'], 2, "KV_USAGE: --value: '1g' is not a size from 1 B to 1.0 MiB"],
    [
      ['sim', '--plant', 'forgets tombstone'],
      2,
      "KV_USAGE: there is no fault 'forgets tombstone' to plant; did you mean 'forgets tombstones'?; --plant list names them",
    ],
    [['load', 'no-such-file'], 5, 'KV_INPUT: no-such-file: no such file or directory (ENOENT)'],
  ];
  for (const [args, code, sentence] of said)
    t.deepEqual(await cli.run(args), { code, stdout: '', stderr: `kvorum: ${sentence}\n` });
  t.regex((await cli.must(['help', 'drain'])).stdout, /\(default: 60s\)/);
  await cli.must(['put', 'k', 'v']);
  // where Node.js itself would try for ever
  const unmade = await cli.run(['backup', '/proc/kvorum/backup']);
  t.deepEqual([unmade.code, unmade.stdout], [5, '']);
  const limit = await cli.run(['scan', '--limit', 'x']);
  t.regex(limit.stderr, /^kvorum: KV_USAGE: --limit: 'x' is not a whole number of 0 or more\n$/);
  const forgotten = await cli.must(['forget', 'nobody']);
  t.regex(forgotten.stdout, /^the ring names no host 'nobody' \(epoch 1\): there was nothing to forget/);
  t.regex((await cli.must(['abort'])).stdout, /^nothing was called off \(epoch 1\): no change of the ring was filling/);
  const unknown = await cli.must(['plan', 'forget', 'nobody']);
  t.regex(unknown.stdout, /^forget: the ring names no host 'nobody': there is nothing to forget; kvorum status lists/);
  t.false(JSON.parse((await cli.must(['plan', 'forget', 'nobody', '--json'])).stdout).changesRing);
});

test('commands: no directory, nobody at the address, no file, no quorum -> 3, 4, 5, 2', async (t) => {
  const cli = await Cli.create(t);
  const missing = await cli.run(['get', 'k']);
  t.is(missing.code, 3);
  t.regex(missing.stderr, /^kvorum: KV_PATH: no store in /);
  t.is((await cli.run(['get', 'k', '--connect', '127.0.0.1:1'])).code, 4);
  t.is((await cli.run(['load', 'no-such-file'])).code, 5);
  t.is((await cli.run(['put', 'k', 'v'], { env: { KVORUM_N: '2', KVORUM_R: '3' } })).code, 2);
});

test('commands: a store made with other options -> opened as it was made; other options of its own -> KV_WRONG_CLUSTER', async (t) => {
  const cli = await Cli.create(t);
  t.is((await cli.run(['put', 'k', 'v', '--nodes', '2', '--n', '1', '--partitions', '32'])).code, 0);
  const none = { KVORUM_NODES: '', KVORUM_PARTITIONS: '' };
  t.is((await cli.must(['get', 'k'], { env: none })).stdout, 'v\n');
  t.like((await cli.json(['ring'], { env: none }))[0], { n: 1, partitions: 32 });
  const other = await cli.run(['get', 'k', '--partitions', '64'], { env: none });
  t.is(other.code, 3);
  t.regex(other.stderr, /^kvorum: KV_WRONG_CLUSTER: /);
});

test('commands: output into a reader that goes away -> a silent end', async (t) => {
  const cli = await Cli.create(t);
  const value = 'x'.repeat(100);
  const input = Array.from({ length: 5_000 }, (_, number) => `{"key":"k${number}","value":"${value}"}\n`).join('');
  await cli.must(['load', '-'], { input });
  for (const args of [['scan'], ['export'], ['help', 'serve']]) {
    const child = cli.start(args);
    let stderr = '';
    child.stderr?.on('data', (text) => {
      stderr += String(text);
    });
    child.stdout?.destroy();
    const code = await new Promise((resolve) => child.once('close', resolve));
    t.deepEqual([code, stderr], [0, ''], args.join(' '));
  }
});

test('commands: ring and status -> balance, a forecast, every node', async (t) => {
  const cli = await Cli.create(t, 3);
  await cli.must(['put', 'k', 'v']);
  const [ring] = await cli.json(['ring']);
  t.like(ring, { partitions: 16, n: 3, join: { node: 3, total: 48, optimum: 12 } });
  t.is((ring.preferenceLists as unknown[]).length, 16);
  const text = await cli.run(['ring', '--lists']);
  t.regex(text.stdout, /if a node joined: \d+ of 48 replicas would move/);
  t.regex(text.stdout, /^ {7}15 {2}\d \d \d$/m);
  const [status] = await cli.json(['status']);
  t.is((status.members as unknown[]).length, 3);
  t.regex((await cli.must(['status'])).stdout, /members {9}3 of 3 up\nkeys {12}about 1\n/);
});

test('commands: bench -> rates and percentiles, and nothing left behind', async (t) => {
  const cli = await Cli.create(t);
  await cli.must(['put', 'mine', 'v']);
  const [result] = await cli.json(['bench', '--time', '100ms', '--keys', '50', '--in-flight', '8']);
  const { put, get } = result as Record<string, { perSecond: number; p50Ns: number; maxNs: number }>;
  for (const { perSecond, p50Ns, maxNs } of [put, get]) t.true(perSecond > 0 && p50Ns > 0 && maxNs >= p50Ns);
  t.is((await cli.must(['scan', '--keys'])).stdout, 'mine\n');
});

test('commands: bench interrupted -> it ends by the signal, and its temporary directory is gone', async (t) => {
  const cli = await Cli.create(t);
  const temporary = join(cli.folder, 'tmp');
  mkdirSync(temporary);
  const child = cli.start(['bench', '--time', '30s'], { TMPDIR: temporary, KVORUM_PATH: '' });
  const isThere = () => readdirSync(temporary).some((name) => existsSync(join(temporary, name, 'kvorum.json')));
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 20));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  child.kill('SIGTERM');
  const signal = await new Promise((resolve) => child.once('close', (_code, by) => resolve(by)));
  t.is(signal, 'SIGTERM');
  t.deepEqual(readdirSync(temporary), []);
});

test('commands: help and version -> every command, examples, exit codes', async (t) => {
  const cli = await Cli.create(t);
  const help = await cli.run(['--help']);
  t.is(help.code, 0);
  for (const name of ['serve', 'put', 'get', 'delete', 'scan', 'load', 'export', 'status', 'ring', 'bench']) {
    t.regex(help.stdout, new RegExp(`^ {2}${name} `, 'm'));
    const own = await cli.run([name, '--help']);
    t.is(own.code, 0);
    t.regex(own.stdout, /Examples:\n {2}(kvorum|KVORUM|zcat)[\s\S]*Exit codes:/);
  }
  t.regex((await cli.must(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
});
