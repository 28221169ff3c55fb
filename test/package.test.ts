/**
 * What `npm publish` would send: it is packed and put where a program finds it, and everything that its package.json
 * promises is there, runs, and has types that a strict compiler takes, without looking away from those of others.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import anyTest, { type TestFn } from 'ava';
import { bundledPackages, thirdPartyLicenses } from './package/third-party-licenses.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DEADLINE_MS = 120_000;

/** A program's folder, with the packed package in its node_modules, and the names of the files that were packed. */
const test = anyTest as TestFn<{ readonly folder: string; readonly files: readonly string[] }>;
const run = promisify(execFile);

interface Manifest {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly imports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Manifest;

test.before(async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-package-'));
  const options = { cwd: ROOT, timeout: DEADLINE_MS, maxBuffer: 16 * 2 ** 20 };
  // without the scripts: they would build anew what other tests are running
  const flags = ['--json', '--ignore-scripts', '--pack-destination', folder];
  const { stdout } = await run('npm', ['pack', ...flags], options);
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, 'kvorum'), { recursive: true });
  await run('tar', ['-xzf', join(folder, filename), '-C', join(modules, 'kvorum'), '--strip-components=1']);
  for (const name of [...Object.keys(manifest.dependencies), '@types/node']) {
    await mkdir(dirname(join(modules, name)), { recursive: true });
    await symlink(join(ROOT, 'node_modules', name), join(modules, name));
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  t.context = { folder, files: files.map(({ path }) => path) };
});

test.after.always((t) => t.context.folder && rm(t.context.folder, { recursive: true, force: true }));

test('package: what package.json names -> is in it', (t) => {
  const { files } = t.context;
  const exported = Object.values(manifest.exports).flatMap((to) => (typeof to === 'string' ? [to] : Object.values(to)));
  for (const path of [...Object.values(manifest.bin), ...exported, ...Object.values(manifest.imports)])
    t.true(files.includes(path.replace(/^\.\//, '')), path);
  for (const path of Object.values(manifest.bin))
    t.regex(readFileSync(join(ROOT, path), 'utf8'), /^#!\/usr\/bin\/env node\n/);
});

test('package: tests, benches, and maps of sources that are not in it -> stay at home', (t) => {
  const foreign = t.context.files.filter((path) => /\.map$|(?:^|\/)(?:test|bench|examples)\/|\.ts$/.test(path));
  t.deepEqual(
    foreign.filter((path) => !path.endsWith('.d.ts') && !path.startsWith('docs/bench/')),
    [],
  );
});

test('package: code of other packages in its bundles -> their licenses are in it', (t) => {
  t.deepEqual(
    ['cbor-x', 'comlink'].filter((name) => !bundledPackages().includes(name)),
    [],
  );
  t.true(t.context.files.includes('THIRD-PARTY-LICENSES'));
  const kept = readFileSync(join(ROOT, 'THIRD-PARTY-LICENSES'), 'utf8');
  t.is(kept, thirdPartyLicenses(), 'node dist/test/package/third-party-licenses.js > THIRD-PARTY-LICENSES');
});

test('package: a program and the command line -> run from it', async (t) => {
  const { folder } = t.context;
  await writeFile(
    join(folder, 'program.js'),
    `import { open } from 'kvorum';
     const store = await open({ memoryBytes: 2 ** 24 });
     await store.put('user:1', { name: 'Ann' });
     console.log(await store.get('user:1'));
     await store.close();`,
  );
  const options = { cwd: folder, timeout: DEADLINE_MS };
  const program = await run(process.execPath, ['program.js'], options);
  t.is(program.stdout, "{ name: 'Ann' }\n");
  const kvorum = join(folder, 'node_modules', 'kvorum', manifest.bin.kvorum);
  const got = await run(process.execPath, [kvorum, 'get', 'user:1'], options);
  t.is(got.stdout, '{"name":"Ann"}\n');
});

test('package: a strict program, the declarations of every package checked -> compiles', async (t) => {
  const { folder } = t.context;
  await writeFile(
    join(folder, 'typed.ts'),
    `import { attach, type OpenStoreOptions, open, type Store, StoreError } from 'kvorum';
     const options: OpenStoreOptions = { nodes: 3, durability: 'sync', resolve: (siblings) => siblings[0] };
     const store: Store = await open(options);
     const { replicas }: { replicas: number } = await store.put('a', 1, { w: 'local-quorum', ttlMs: 60_000 });
     for await (const { key, value } of store.scan({ prefix: 'a' })) console.log(key, value, replicas);
     store.on('liveness', ({ node, reporters }) => console.log(node, reporters));
     await store.close().catch((error: unknown) => console.log(error instanceof StoreError && error.code));
     export const other: Store = attach(store.handle());
     // @ts-expect-error: an option that does not exist
     await open({ nods: 3 });
    `,
  );
  const compile = (mode: readonly string[]) =>
    run(
      join(ROOT, 'node_modules', '.bin', 'tsc'),
      ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--types', 'node', ...mode, 'typed.ts'],
      { cwd: folder, timeout: DEADLINE_MS },
    ).catch((failed: { stdout: string }) => failed);
  for (const mode of [
    ['--module', 'nodenext'],
    ['--module', 'esnext', '--moduleResolution', 'bundler'],
  ])
    t.is((await compile(mode)).stdout, '', mode.join(' '));
  t.true(existsSync(join(folder, 'node_modules', 'lmdb')), 'a package whose declarations such a compiler refuses');
});
