/** Options from a file: what wins, what is refused, and that commands read it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { readConfig } from '../../src/cli/config-file.js';
import { OPTION_NAMES, storeOptions } from '../../src/cli/option-flags.js';
import { resolveOptions } from '../../src/core/resolve-options.js';
import { Cli } from './cli-runner.js';

async function fileOf(t: ExecutionContext, content: unknown): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-config-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'kvorum.json');
  await writeFile(file, typeof content === 'string' ? content : JSON.stringify(content));
  return file;
}

const optionsOf = (flags: Record<string, unknown>, environment: Record<string, string>) =>
  storeOptions(flags, environment, OPTION_NAMES, readConfig(flags, environment));

test('config: flag, variable and file -> the flag wins, then the variable, then the file; else absent', async (t) => {
  const config = await fileOf(t, {
    n: 1,
    r: 1,
    nodes: 4,
    memoryBytes: '64m',
    compression: true,
    weights: [1, 2, 1, 1],
  });
  t.deepEqual(optionsOf({ config, n: '3' }, { KVORUM_N: '2', KVORUM_R: '2' }), {
    n: 3,
    r: 2,
    nodes: 4,
    memoryBytes: 67_108_864,
    compression: true,
    weights: [1, 2, 1, 1],
  });
  t.like(optionsOf({}, { KVORUM_CONFIG: config }), { n: 1, nodes: 4 });
  t.deepEqual(optionsOf({ config: await fileOf(t, { n: 2 }) }, { KVORUM_CONFIG: config }), { n: 2 });
  t.deepEqual(optionsOf({}, {}), {});
});

test('config: every option of the table -> taken by its name', async (t) => {
  const bridge = { listen: 'a:1', advertise: 'a:1', seeds: 'a:1', secret: 's', tlsCa: 'ca', tlsCert: 'c', tlsKey: 'k' };
  const known = { ...resolveOptions({}, { cores: 3, newHostId: () => 'host' }), ...bridge };
  t.deepEqual(Object.keys(known).toSorted(), OPTION_NAMES.toSorted());
  t.deepEqual(optionsOf({ config: await fileOf(t, known) }, {}), { ...known });
});

for (const [content, message] of [
  [{ node: 3 }, /kvorum\.json: 'node' is not an option; did you mean 'nodes'\?$/],
  [{ colour: 'blue' }, /'colour' is not an option; kvorum help serve lists them/],
  [{ nodes: '3x' }, /kvorum\.json: nodes 3x: nodes must be a whole number/],
  [{ durability: 'always' }, /one of sync, interval, none/],
  [{ secret: 12_345 }, /kvorum\.json: secret: secret must be a string/],
  [[{ nodes: 3 }], /must be one JSON object/],
  ['{"nodes": 3', /cannot be read: .*JSON/],
] as const) {
  test(`config: ${JSON.stringify(content)} -> KV_USAGE that names it`, async (t) => {
    const config = await fileOf(t, content);
    t.like(
      t.throws(() => optionsOf({ config }, {}), { message }),
      { code: 'KV_USAGE' },
    );
  });
}

test('config: commands and serve -> open what the file says; a file that is none -> exit code 2', async (t) => {
  const cli = await Cli.create(t, 2);
  const path = join(cli.folder, 'named by the file');
  const config = await fileOf(t, { path, resp: 'off', n: 2 });
  const env = { KVORUM_PATH: '', KVORUM_RESP: '' };
  const server = await cli.serve(['--json', '--config', config], env);
  t.like(server.ready, { path, n: 2, r: 2 });
  t.false('resp' in server.ready);
  await cli.must(['put', 'k', 'v'], { env: { ...env, KVORUM_CONFIG: config } });
  await server.stop();
  t.is((await cli.must(['get', 'k', '--path', path])).stdout, 'v\n');
  for (const command of [['serve'], ['get', 'k'], ['backup', 'x']]) {
    const { code, stderr } = await cli.run([...command, '--config', join(cli.folder, 'none.json')]);
    t.is(code, 2);
    t.regex(stderr, /KV_USAGE: the configuration file .*none\.json cannot be read/);
  }
});
