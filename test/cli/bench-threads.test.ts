/** `kvorum bench --threads`: load from several threads through the bulk pool. */
import test from 'ava';
import { EXIT_CODES } from '../../src/cli/exit-codes.js';
import { Cli } from './cli-runner.js';

test('bench: three threads -> each attaches, their rates add up, nothing is left behind', async (t) => {
  const cli = await Cli.create(t);
  const args = ['bench', '--threads', '3', '--time', '150ms', '--keys', '50', '--in-flight', '4', '--json'];
  const { stdout } = await cli.must([...args, '--path', cli.path]);
  const result = JSON.parse(stdout) as { put: { operations: number }; get: { perSecond: number; p99Ns: number } };
  t.true(result.put.operations >= 3);
  t.true(result.get.perSecond > 0 && result.get.p99Ns > 0);
  const scan = await cli.must(['scan', '--path', cli.path, '--json']);
  t.is(scan.stdout.trim(), '');
});

test('bench: --threads against a server -> a usage error that says why', async (t) => {
  const cli = await Cli.create(t);
  const server = await cli.serve();
  const { code, stderr } = await cli.run(['bench', '--threads', '2', '--time', '100ms', '--path', cli.path]);
  t.is(code, EXIT_CODES.usage.code);
  t.regex(stderr, /--threads needs a store opened by this process/);
  void server;
});
