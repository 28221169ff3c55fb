/** `kvorum serve` as a process: ready line, socket, signals, environment; and the other commands beside it. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { connectResp } from '../../src/server/resp-client.js';
import { Cli } from './cli-runner.js';

test('serve: with --json -> one ready line with address, socket, directory, nodes, N, R, W and pid', async (t) => {
  const cli = await Cli.create(t, 3);
  const server = await cli.serve();
  t.like(server.ready, {
    event: 'ready',
    pid: server.child.pid,
    path: cli.path,
    socket: join(cli.path, 'kvorum.sock'),
    nodes: 3,
    n: 3,
    r: 2,
    w: 2,
    partitions: 16,
    durability: 'interval',
  });
  t.regex(String(server.ready.resp), /^127\.0\.0\.1:\d+$/);
  t.is(statSync(join(cli.path, 'kvorum.sock')).mode & 0o777, 0o600);
  t.is(await server.stop('SIGTERM'), 0);
  t.is(server.output.stdout.split('\n').length, 2);
  t.false(existsSync(join(cli.path, 'kvorum.sock')));
});

test('serve: without a terminal -> plain lines; SIGINT -> says that it stops, exit code 0', async (t) => {
  const cli = await Cli.create(t, 3);
  const server = await cli.serve([]);
  t.regex(server.output.stdout, /^kvorum \d+\.\d+\.\d+ is ready \(pid \d+\)\n {2}redis protocol {2}127\.0\.0\.1:\d+\n/);
  t.true(server.output.stdout.includes('N=3 R=2 W=2'));
  t.is(await server.stop('SIGINT'), 0);
  t.regex(server.output.stderr, /SIGINT: stopping[\s\S]*stopped/);
});

test('serve: flag over environment over default -> in the ready line', async (t) => {
  const cli = await Cli.create(t, 3);
  const env = { KVORUM_W: '3', KVORUM_N: '3', KVORUM_DURABILITY: 'none', KVORUM_NODS: '9' };
  const server = await cli.serve(['--json', '--w', '1', '--resp', 'off'], env);
  t.like(server.ready, { n: 3, w: 1, durability: 'none', resp: undefined });
  t.is(await server.stop(), 0);
});

test('serve: what a Redis client writes -> a command reads, through the socket and through the address', async (t) => {
  const cli = await Cli.create(t, 3);
  const server = await cli.serve();
  const [host, port] = String(server.ready.resp).split(':');
  const client = await connectResp({ host, port: Number(port) });
  await client.send(['SET', 'from:redis', 'hello']);
  await client.close();
  const get = await cli.run(['get', 'from:redis']);
  t.deepEqual([get.code, get.stdout], [0, 'hello']);
  t.is((await cli.must(['get', 'from:redis', '--connect', `${host}:${port}`])).stdout, 'hello');
  const [status] = await cli.json(['status']);
  t.like(status, { pid: server.child.pid, path: cli.path });
  t.is(await server.stop(), 0);
});

test('serve: put through the socket, server stopped -> the directory has it', async (t) => {
  const cli = await Cli.create(t, 3);
  const server = await cli.serve();
  t.is((await cli.run(['put', 'kept', 'yes', '--durability', 'sync', '--w', '3'])).code, 0);
  t.is(await server.stop(), 0);
  t.is((await cli.must(['get', 'kept'])).stdout, 'yes\n');
});

test('serve: killed without a word, then commands on its directory -> its stale socket is no obstacle', async (t) => {
  const cli = await Cli.create(t, 3);
  const server = await cli.serve();
  t.is((await cli.run(['put', 'kept', 'yes'])).code, 0);
  const closed = new Promise((resolve) => server.child.once('close', resolve));
  server.child.kill('SIGKILL');
  await closed;
  t.is((await cli.must(['get', 'kept'])).stdout, 'yes\n');
  const again = await cli.serve();
  t.is((await cli.must(['get', 'kept'])).stdout, 'yes\n');
  t.is(await again.stop(), 0);
});

test('serve: a directory in use, or an address in use -> KV_IN_USE, exit code 3', async (t) => {
  const cli = await Cli.create(t, 3);
  const server = await cli.serve();
  const second = await cli.run(['serve']);
  t.is(second.code, 3);
  t.regex(second.stderr, /^kvorum: KV_IN_USE: /m);
  const other = await cli.run(['serve', '--path', join(cli.folder, 'other'), '--resp', String(server.ready.resp)]);
  t.is(other.code, 3);
  t.regex(other.stderr, /^kvorum: KV_IN_USE: cannot listen/m);
  t.is(await server.stop(), 0);
});

test('serve: 20,000 lines loaded through the socket -> exported through it unchanged', async (t) => {
  const cli = await Cli.create(t, 3);
  const server = await cli.serve();
  const lines = Array.from({ length: 20_000 }, (_, number) => `{"key":"k${100_000 + number}","value":${number}}\n`);
  const [loaded] = await cli.json(['load', '-'], { input: lines.join('') });
  t.like(loaded, { loaded: 20_000, skipped: 0 });
  t.is((await cli.must(['export'])).stdout, lines.join(''));
  t.is((await cli.must(['scan', '--reverse', '--limit', '1'])).stdout, 'k119999\t19999\n');
  t.is(await server.stop(), 0);
});

test('serve: a store made with large pairs, its size left out later -> they are put and loaded through the socket', async (t) => {
  const cli = await Cli.create(t);
  const env = { KVORUM_MEMORY: '64m' };
  await cli.must(['put', 'small', 'x', '--pair-bytes-max', '1m'], { env });
  const server = await cli.serve(['--json'], env);
  const bytes = Buffer.alloc(900_000, 'large');
  await cli.must(['put', 'put', '-', '--bytes'], { input: bytes });
  const line = `${JSON.stringify({ key: 'loaded', value: bytes.toString('base64'), type: 'bytes' })}\n`;
  await cli.must(['load', '-'], { input: line });
  t.is((await cli.must(['export', '--prefix', 'loaded'])).stdout, line);
  t.is((await cli.must(['get', 'put'])).stdout, bytes.toString());
  t.is(await server.stop(), 0);
});

test('serve: errors of the store through the socket, as JSON -> those of a store that the command opens, details and all', async (t) => {
  const cli = await Cli.create(t);
  await cli.must(['put', 'a', '1']);
  const lines = [
    ['put', 'a', 'x'.repeat(11_000)],
    ['put', '', 'x'],
    ['put', 'a', 'x', '--w', '9'],
    ['plan', 'leave', '7'],
  ];
  const answers = () => Promise.all(lines.map(async (line) => (await cli.run([...line, '--json'])).stderr));
  const opened = await answers();
  t.like(JSON.parse(opened[0]), { error: { details: { keyBytes: 1, valueBytes: 11_000, pairBytesMax: 10_240 } } });
  const server = await cli.serve();
  t.deepEqual(await answers(), opened);
  t.is(await server.stop(), 0);
});
