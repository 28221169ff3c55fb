/** `kvorum drain`: the process ends, and what it had acknowledged is there after the next start. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { Cli } from './cli-runner.js';

test('drain: a server that is written to -> it refuses, stops with 0, and has all that it acknowledged', async (t) => {
  const cli = await Cli.create(t);
  const server = await cli.serve();
  const closed = once(server.child, 'close') as Promise<[number | null]>;
  const written: string[] = [];
  const refusals: string[] = [];
  const writing = (async () => {
    for (let index = 0; refusals.length === 0; index++) {
      const { code, stderr } = await cli.run(['put', `key-${index}`, 'v', '--connect', join(cli.path, 'kvorum.sock')]);
      if (code === 0) written.push(`key-${index}`);
      else refusals.push(stderr);
    }
  })();
  await cli.must(['put', 'first', 'v']);
  const [drained] = await cli.json(['drain']);
  t.like(drained, { stopped: true, drained: true, ended: true, hints: 0, notes: 0 });
  t.deepEqual((await closed)[0], 0);
  t.false(existsSync(join(cli.path, 'kvorum.lock')));
  await writing;
  t.regex(refusals[0], /KV_DRAINING|KV_UNREACHABLE/);
  for (const key of ['first', ...written]) t.is((await cli.must(['get', key])).stdout, 'v\n', key);
});

test('drain: by the address -> waits until the connection ends; nobody there -> exit code 4', async (t) => {
  const cli = await Cli.create(t);
  const server = await cli.serve();
  const closed = once(server.child, 'close') as Promise<[number | null]>;
  const { stdout } = await cli.must(['drain', '--connect', String(server.ready.resp), '--wait', '10s']);
  t.is(stdout, 'drained and stopped: every hint is handed over\n');
  t.is((await closed)[0], 0);
  const none = await cli.run(['drain']);
  t.is(none.code, 4);
  t.regex(none.stderr, /KV_UNREACHABLE: no process that serves .* answers/);
});
