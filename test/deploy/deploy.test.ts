/** What `deploy/` holds against the code: commands and options that exist, files that are there, syntax that its readers take. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { readConfig } from '../../src/cli/config-file.js';
import { OPTION_NAMES, storeOptions, unknownVariables } from '../../src/cli/option-flags.js';
import { buildProgram } from '../../src/cli/program.js';
import { resolveOptions } from '../../src/core/resolve-options.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const DEPLOY = join(ROOT, 'deploy');
const UNIT = join(DEPLOY, 'kvorum.service');
const MACHINE = { cores: 2, newHostId: () => 'host' };

const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;
const hasHadolint = spawnSync('hadolint', ['--version']).status === 0;
/** Shown as skipped, by their names, where the program is not there. */
const withSystemd = hasSystemd ? test : test.skip;
const withHadolint = hasHadolint ? test : test.skip;

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

interface Service {
  readonly environment: Readonly<Record<string, string>>;
  readonly build: { readonly context: string; readonly dockerfile: string };
  readonly ports: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly volumes: readonly string[];
}

const read = (name: string): Promise<string> => readFile(join(DEPLOY, name), 'utf8');

async function compose(): Promise<Compose> {
  const yaml = createRequire(import.meta.url)('js-yaml') as { safeLoad(text: string): Compose };
  return yaml.safeLoad(await read('compose.yaml'));
}

/** The command lines of kvorum in a text, each with its flags. */
function commandLines(text: string): { command: string; flags: string[] }[] {
  return [...text.matchAll(/(?:\/usr\/bin\/kvorum|exec [abc] kvorum|-u kvorum kvorum) ([a-z-]+)([^\n(]*)/g)].map(
    ([, command, rest]) => ({ command, flags: rest.match(/--[a-z-]+/g) ?? [] }),
  );
}

test('deploy: every command line of kvorum in it -> a command and flags that exist', async (t) => {
  const { commands } = buildProgram();
  const lines = [...commandLines(await read('kvorum.service')), ...commandLines(await read('compose.yaml'))];
  t.true(lines.length >= 5);
  for (const { command, flags } of lines) {
    const found = commands.find((one) => one.name() === command);
    t.truthy(found, command);
    for (const flag of flags)
      t.true(
        found?.options.some(({ long }) => long === flag),
        `${command} ${flag}`,
      );
  }
});

test('deploy: kvorum.json -> options that a store takes, in the directory that the unit makes', async (t) => {
  const config = readConfig({ config: join(DEPLOY, 'kvorum.json') }, {});
  const options = resolveOptions(storeOptions({}, {}, OPTION_NAMES, config), MACHINE);
  const directory = /^StateDirectory=(.*)$/m.exec(await read('kvorum.service'))?.[1];
  t.is(options.path, `/var/lib/${directory}`);
});

withSystemd('deploy: kvorum.service -> systemd-analyze verify has nothing to say', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-unit-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  // the program is not installed where the tests run, and systemd looks for it
  const unit = (await read('kvorum.service')).replaceAll('/usr/bin/kvorum', '/bin/true');
  const path = join(folder, 'kvorum.service');
  await writeFile(path, unit);
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' });
  t.deepEqual([status, stderr], [0, '']);
  await writeFile(path, unit.replace('ProtectHome', 'ProtectHouse'));
  t.regex(spawnSync('systemd-analyze', ['verify', path], { encoding: 'utf8' }).stderr, /ProtectHouse/);
});

test('deploy: compose.yaml -> three hosts that find each other, with options that a store takes', async (t) => {
  const { services, volumes } = await compose();
  t.deepEqual(Object.keys(services), ['a', 'b', 'c']);
  const advertised: string[] = [];
  for (const [name, { environment, build, ports, volumes: mounts }] of Object.entries(services)) {
    t.deepEqual(unknownVariables(environment), []);
    const options = resolveOptions(storeOptions({}, environment), MACHINE);
    t.like(options, { hostId: name, advertise: `${name}:7400`, gossip: 'lan', n: 3 });
    t.is(options.seeds, services.a.environment.KVORUM_SEEDS);
    advertised.push(String(options.advertise));
    t.true(existsSync(join(DEPLOY, build.context, build.dockerfile)));
    t.regex(ports[0], /^127\.0\.0\.1:\d+:7379$/);
    t.deepEqual(mounts, [`${name}:/data`]);
    t.true(name in volumes);
  }
  t.deepEqual(services.b.depends_on, { a: { condition: 'service_healthy' } });
  t.deepEqual(services.c.depends_on, { b: { condition: 'service_healthy' } });
  t.is(advertised.join(','), services.a.environment.KVORUM_SEEDS);
  t.is(new Set(Object.values(services).map(({ ports }) => ports[0])).size, 3);
});

test('deploy: Dockerfile -> what it copies is there, its Node.js is new enough, its entry is the package’s', async (t) => {
  const text = await read('Dockerfile');
  const copied = [...text.matchAll(/^COPY (?!--from)(.*)$/gm)].flatMap(([, words]) => words.split(' ').slice(0, -1));
  t.true(copied.length >= 5);
  for (const path of copied) t.true(existsSync(join(ROOT, path)), path);
  const { engines, bin } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    engines: { node: string };
    bin: { kvorum: string };
  };
  const oldest = Number(/\d+/.exec(engines.node)?.[0]);
  for (const [, major] of text.matchAll(/^FROM node:(\d+)/gm)) t.true(Number(major) >= oldest);
  t.true(text.includes(bin.kvorum.replace('./', '/opt/kvorum/')));
  t.deepEqual(
    unknownVariables(Object.fromEntries([...text.matchAll(/\b(KVORUM_\w+)=/g)].map(([, name]) => [name, '']))),
    [],
  );
});

withHadolint('deploy: Dockerfile -> hadolint has nothing to say', (t) => {
  const { status, stdout } = spawnSync('hadolint', [join(DEPLOY, 'Dockerfile')], { encoding: 'utf8' });
  t.deepEqual([status, stdout], [0, '']);
});

test('deploy: the unit -> drains before it stops, and has time for it', async (t) => {
  const text = await readFile(UNIT, 'utf8');
  const waited = Number(/^ExecStop=.* --wait (\d+)s$/m.exec(text)?.[1]);
  t.true(Number(/^TimeoutStopSec=(\d+)$/m.exec(text)?.[1]) > waited);
});
