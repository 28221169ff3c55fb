/** What Redis users have: ioredis and node-redis, and where they are installed redis-cli and redis-benchmark. */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { serve } from './server-fixture.js';

/** The program's path, or undefined with a note in the test's log. */
function installed(t: ExecutionContext, name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    try {
      const path = join(folder, name);
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this folder
    }
  }
  t.log(`${name} is not installed: this test did not run it`);
  t.pass();
  return undefined;
}

function run(t: ExecutionContext, path: string, args: readonly string[], input = ''): Promise<string> {
  const child: ChildProcess = spawn(path, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  t.teardown(() => child.kill());
  return new Promise((resolve, reject) => {
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`${path} ended with ${code}: ${output}`)),
    );
    child.stdin?.end(input);
  });
}

test('ioredis: commands, pipelines, auto-pipelining, a scan stream -> as with Redis', async (t) => {
  const { server } = await serve(t);
  const redis = new Redis({ host: '127.0.0.1', port: server.port, enableAutoPipelining: true });
  t.teardown(() => redis.disconnect());
  t.is(await redis.set('a', '1', 'EX', 100), 'OK');
  t.is(await redis.get('a'), '1');
  t.is(await redis.get('none'), null);
  t.is(await redis.ttl('a'), 100);
  t.is(await redis.mset('b', '2', 'c', '3'), 'OK');
  t.deepEqual(await redis.mget('a', 'none', 'c'), ['1', null, '3']);
  t.is(await redis.exists('a', 'b', 'none'), 2);
  t.is(await redis.del('a', 'none'), 1);
  const values = Array.from({ length: 200 }, (_, index) => `value ${index}`);
  await Promise.all(values.map((value, index) => redis.set(`k${index}`, value)));
  t.deepEqual(await Promise.all(values.map((_, index) => redis.get(`k${index}`))), values);
  const bytes = Buffer.from([0, 13, 10, 255]);
  await redis.set('bytes', bytes);
  t.deepEqual(await redis.getBuffer('bytes'), bytes);
  const keys = new Set<string>();
  for await (const some of redis.scanStream({ match: 'k*', count: 30 }))
    for (const key of some as string[]) keys.add(key);
  t.is(keys.size, 200);
  const error = await t.throwsAsync(redis.set('a', '1', 'NX'));
  t.regex(error?.message ?? '', /^ERR SET NX is not supported/);
  t.regex((await t.throwsAsync(redis.call('NOSUCH')))?.message ?? '', /^ERR unknown command 'NOSUCH'/);
  t.is(await redis.quit(), 'OK');
});

for (const RESP of [2, 3] as const) {
  test(`node-redis: commands and a scan over RESP${RESP} -> as with Redis`, async (t) => {
    const { server } = await serve(t);
    const client = createClient({ socket: { host: '127.0.0.1', port: server.port }, RESP, name: 'tester' });
    client.on('error', () => undefined);
    await client.connect();
    t.teardown(() => client.destroy());
    t.is(await client.set('a', '1', { expiration: { type: 'EX', value: 100 } }), 'OK');
    t.is(await client.get('a'), '1');
    t.is(await client.get('none'), null);
    t.is(await client.mSet({ b: '2', c: '3' }), 'OK');
    t.deepEqual(await client.mGet(['a', 'none', 'c']), ['1', null, '3']);
    t.is(await client.del(['a', 'none']), 1);
    t.is(await client.clientGetName(), 'tester');
    t.is(await client.dbSize(), 2);
    const values = Array.from({ length: 200 }, (_, index) => `value ${index}`);
    await Promise.all(values.map((value, index) => client.set(`k${index}`, value)));
    t.deepEqual(await Promise.all(values.map((_, index) => client.get(`k${index}`))), values);
    const keys = new Set<string>();
    for await (const some of client.scanIterator({ MATCH: 'k*', COUNT: 30 })) for (const key of some) keys.add(key);
    t.is(keys.size, 200);
    t.deepEqual({ ...(await client.configGet('save')) }, { save: '' });
  });
}

test('redis-cli: commands by argument and by pipe -> their replies', async (t) => {
  const path = installed(t, 'redis-cli');
  if (path === undefined) return;
  const { server } = await serve(t);
  const target = ['-h', '127.0.0.1', '-p', String(server.port)];
  t.is(await run(t, path, [...target, 'SET', 'a', 'hello world']), 'OK\n');
  t.is(await run(t, path, [...target, '-3', 'GET', 'a']), 'hello world\n');
  t.is(await run(t, path, target, 'MSET b 1 c 2\nMGET c b\nDEL c\nDBSIZE\n'), 'OK\n2\n1\n1\n2\n');
  t.is(await run(t, path, [...target, '--scan', '--pattern', '?']), 'a\nb\n');
  t.regex(await run(t, path, [...target, 'COMMAND', 'DOCS', 'set']), /value \[EX s/);
});

test('redis-benchmark: ping, set, get, mset, alone and in pipelines -> no error', async (t) => {
  const path = installed(t, 'redis-benchmark');
  if (path === undefined) return;
  const { server } = await serve(t);
  for (const depth of ['1', '16']) {
    const args = [
      '-h',
      '127.0.0.1',
      '-p',
      String(server.port),
      '-t',
      'ping,set,get,mset',
      '-n',
      '2000',
      '-q',
      '-P',
      depth,
    ];
    const output = await run(t, path, args);
    for (const name of ['PING_INLINE', 'PING_MBULK', 'SET', 'GET', 'MSET (10 keys)']) {
      t.true(output.includes(`${name}: `), `${name} is missing in ${output}`);
    }
    t.notRegex(output, /error|warning/i);
  }
});
