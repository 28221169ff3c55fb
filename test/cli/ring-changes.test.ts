/** Plans and changes of the ring from the command line: on a directory that nobody holds, and on a running server. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Cli } from './cli-runner.js';

const ROOM = { KVORUM_NODES_MAX: '6' };

async function filled(t: ExecutionContext): Promise<Cli> {
  const cli = await Cli.create(t, 3);
  const input = Array.from({ length: 300 }, (_, i) => `{"key":"k${i}","value":"value ${i}"}\n`).join('');
  await cli.must(['load', '-'], { input, env: ROOM });
  return cli;
}

test('ring changes: plan, then join, on a directory -> what was planned has moved; opened again it is as before', async (t) => {
  const cli = await filled(t);
  const [plan] = await cli.json(['plan', 'join'], { env: ROOM });
  t.like(plan, { kind: 'join', gone: [] });
  t.regex((await cli.must(['plan', 'join'], { env: ROOM })).stdout, /^join: 1\d partitions change hands, .* copied \(/);
  const [joined] = await cli.json(['join'], { env: ROOM });
  t.like(joined, { joined: [3], done: true, partitions: plan.partitions, records: plan.records, bytes: plan.bytes });
  const [status] = await cli.json(['status'], { env: ROOM });
  t.is((status.members as unknown[]).length, 4);
  t.is((await cli.must(['scan', '--keys'], { env: ROOM })).stdout.split('\n').length, 301);
});

test('ring changes: join, reweight and leave on a running server -> each in words, and the ring follows', async (t) => {
  const cli = await filled(t);
  const server = await cli.serve(['--json'], ROOM);
  t.regex(
    (await cli.must(['join', '--weight', '0.5'])).stdout,
    /^join \(new: node 3\): \d+ partitions changed hands, .*copied \(epoch \d+\)\n$/,
  );
  t.regex((await cli.must(['reweight', '3', '1'])).stdout, /^reweight: \d+ partitions changed hands/);
  t.regex(
    (await cli.must(['replace', '1', '--no-wait'])).stdout,
    /^replace \(new: node 4\) has begun: \d+ partitions to move/,
  );
  const changing = await cli.run(['leave', '0']);
  if (changing.code !== 0) t.regex(changing.stderr, /KV_RING_CHANGING/);
  while ((await cli.json(['ring']))[0].change !== undefined);
  const members = ((await cli.json(['status']))[0].members as { node: number }[]).map(({ node }) => node);
  t.false(members.includes(1));
  t.true(members.includes(4));
  t.is((await cli.must(['scan', '--keys'])).stdout.split('\n').length, 301);
  t.is(await server.stop(), 0);
});

test('ring changes: another failure domain, on a running server -> planned, changed, and shown', async (t) => {
  const cli = await Cli.create(t, 3);
  const env = { KVORUM_N: '1' };
  await cli.must(['put', 'key', 'value'], { env });
  t.regex(
    (await cli.must(['plan', 'failure-domain', 'host'], { env })).stdout,
    /^failure-domain: 0 partitions change hands/,
  );
  const server = await cli.serve(['--json'], env);
  t.regex((await cli.must(['failure-domain', 'host'])).stdout, /^failure-domain: 0 partitions changed hands/);
  t.is((await cli.json(['ring']))[0].failureDomain, 'host');
  t.regex((await cli.must(['ring'])).stdout, /^epoch 2, .* N=1, replicas on distinct hosts/);
  t.is(await server.stop(), 0);
});

test('ring changes: a node with a damaged base table -> replace --same by force has it begin anew, on a directory and on a server', async (t) => {
  const cli = await filled(t);
  const damage = () => writeFileSync(join(cli.path, 'node-001', 'base', 'data.mdb'), 'no environment'.repeat(1_000));
  damage();
  t.regex(
    (await cli.must(['replace', '1', '--same', '--force'])).stdout,
    /^replace: node 1 began anew and holds \d+ partitions, \d+ records? received\n$/,
  );
  damage();
  const server = await cli.serve(['--json'], {});
  t.is((await cli.run(['replace', '0', '--same'])).code, 2);
  const [result] = await cli.json(['replace', '1', '--same', '--force']);
  t.like(result, { joined: [1], done: true, epoch: 1 });
  t.is((await cli.must(['scan', '--keys', '--r', '3'])).stdout.split('\n').length, 301);
  t.is(await server.stop(), 0);
});

test('ring changes: what makes no sense -> exit code 2, and nothing is done', async (t) => {
  const cli = await filled(t);
  for (const args of [
    ['plan', 'dance'],
    ['plan', 'join', '7'],
    ['plan', 'leave'],
    ['join', '--weight', '0'],
    ['join', '--count', '9'],
    ['leave', '0'],
    ['leave', 'x'],
    ['reweight', '0', 'heavy'],
    ['reweight', '9', '2'],
    ['replace', '9'],
    ['replace', '9', '--same'],
    ['failure-domain', 'planet'],
    ['failure-domain'],
    ['plan', 'failure-domain', 'zone'],
  ]) {
    const { code, stdout, stderr } = await cli.run(args, { env: ROOM });
    t.deepEqual([code, stdout], [2, ''], args.join(' '));
    t.regex(stderr, /^kvorum: KV_(USAGE|INVALID_OPTION|FAILURE_DOMAINS): /, args.join(' '));
  }
  t.like((await cli.json(['ring'], { env: ROOM }))[0], { epoch: 1 });
});
