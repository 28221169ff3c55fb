/** What `open` refuses: options out of range, directories of others, and directories that cannot be used. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { hostOf } from '../../src/client/open.js';
import { fromCheckedJson, toCheckedJson } from '../../src/host/checked-json.js';
import { OPTION_SPECS, type OpenStoreOptions, open } from '../../src/index.js';
import { failsWith, makeFolder, openSmall, SMALL } from '../client/store-fixture.js';

const INDEX = new URL('../../src/index.js', import.meta.url).href;

test('open: options that do not exist or do not fit together -> KV_INVALID_OPTION, and nothing is made', async (t) => {
  const path = join(makeFolder(t), 'data');
  const bad = (options: unknown, saying: RegExp) =>
    failsWith(t, 'KV_INVALID_OPTION', () => open({ path, ...(options as OpenStoreOptions) }), saying);
  await bad({ replicas: 3 }, /unknown option 'replicas'/);
  await bad({ nodes: 3, n: 3, r: 4 }, /r \(4\) cannot exceed n \(3\)/);
  await bad({ nodes: 3, n: 2, w: 3 }, /w \(3\) cannot exceed n \(2\)/);
  await bad({ partitions: 100 }, /power of two/);
  await bad({ nodes: 2, weights: [1, 2, 3] }, /weights names 3 nodes, the host has 2/);
  await bad({ nodes: 128, memoryBytes: 4 * 2 ** 20 }, /memoryBytes gives/);
  await bad({ resolve: 'oldest' }, /resolve must be/);
  await failsWith(t, 'KV_INVALID_OPTION', () => open(null as never), /one object of options/);
  await failsWith(t, 'KV_INVALID_OPTION', () => open('./data' as never), /one object of options/);
  t.false(existsSync(path));
});

test('open: any option outside its range or of another type -> KV_INVALID_OPTION that names it', async (t) => {
  const path = join(makeFolder(t), 'data');
  const outside = Object.entries(OPTION_SPECS).flatMap(([name, spec]): fc.Arbitrary<[string, unknown]>[] => {
    const values: fc.Arbitrary<unknown>[] = [fc.constantFrom<unknown>(null, {}, Symbol('s'), Number.NaN, [[]])];
    if (spec.min !== undefined)
      values.push(fc.integer({ max: spec.min - 1 }), fc.constantFrom(spec.min + 0.5, String(spec.min)));
    if (spec.max !== undefined) values.push(fc.integer({ min: 1 }).map((above) => (spec.max as number) + above));
    if (spec.kind === 'choice') values.push(fc.string().filter((text) => !spec.choices?.includes(text)));
    if (spec.kind === 'string') values.push(fc.constantFrom<unknown>('', 5, true));
    if (spec.kind === 'boolean') values.push(fc.constantFrom<unknown>(0, 1, 'true'));
    if (spec.kind === 'weights') values.push(fc.constantFrom<unknown>([0], [101], [Number.NaN], ['1'], 1));
    return values.map((value) => fc.tuple(fc.constant(name), value));
  });
  await fc.assert(
    fc.asyncProperty(fc.oneof(...outside), async ([name, value]) => {
      const error = await failsWith(t, 'KV_INVALID_OPTION', () => open({ path, [name]: value }));
      t.is(error.details.option, name);
      t.true(error.message.includes(name));
    }),
    { numRuns: 400 },
  );
  t.false(existsSync(path));
});

test('open: N above the failure domains -> KV_FAILURE_DOMAINS, and the directory stays usable', async (t) => {
  const path = join(makeFolder(t), 'data');
  await failsWith(
    t,
    'KV_FAILURE_DOMAINS',
    () => open({ ...SMALL, path, n: 4 }),
    /n is 4, but there are 3 .*lower n to 3/,
  );
  for (const failureDomain of ['host', 'machine', 'zone'] as const) {
    await failsWith(t, 'KV_FAILURE_DOMAINS', () => open({ ...SMALL, path, failureDomain }), /finer failureDomain/);
  }
  const store = await openSmall(t, { path });
  t.is(store.ring().n, 3);
});

test('open: a directory made with compression -> opened with it where the option is left out, and refused without it', async (t) => {
  const path = join(makeFolder(t), 'data');
  const store = await open({ ...SMALL, path, compression: true });
  await store.put('key', 'kept');
  await store.close();
  await failsWith(t, 'KV_WRONG_CLUSTER', () => open({ path, compression: false }), /compression true, not false/);
  const again = await open({ path, memoryBytes: 8 * 2 ** 20 });
  t.true(hostOf(again).options.compression);
  t.is(await again.get('key'), 'kept');
  await again.close();
});

test('open: a directory made with other cluster options -> KV_WRONG_CLUSTER that names the option, data untouched', async (t) => {
  const path = join(makeFolder(t), 'data');
  const store = await open({ ...SMALL, path, clusterName: 'ours' });
  await store.put('key', 'kept');
  await store.close();
  const others: OpenStoreOptions[] = [
    { n: 1 },
    { partitions: 32 },
    { clusterName: 'theirs' },
    { nodes: 4 },
    { nodes: 2 },
    { pairBytesMax: 20_000 },
    { siblingsMax: 7 },
    { failureDomain: 'zone', n: 1 },
    { weights: [1, 1, 2] },
    { hostId: 'another' },
    { compression: true },
  ];
  for (const other of others) {
    const error = await failsWith(
      t,
      'KV_WRONG_CLUSTER',
      () => open({ path, ...other }),
      /was made with .* leave the option out/,
    );
    t.true(String(error.details.option) in other);
  }
  const again = await open({ path, r: 3, w: 1, memoryBytes: 8 * 2 ** 20, durability: 'sync' });
  t.is(await again.get('key'), 'kept');
  t.is(hostOf(again).options.clusterName, 'ours');
  t.is(again.ring().partitions, 16);
  await again.close();
});

test('open: a directory of a newer format -> KV_FORMAT_TOO_NEW; a manifest or node file that is none -> told', async (t) => {
  const path = join(makeFolder(t), 'data');
  await (await open({ ...SMALL, path })).close();
  const manifest = join(path, 'kvorum.json');
  const text = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, toCheckedJson({ ...fromCheckedJson(text), format: 2 }));
  await failsWith(t, 'KV_FORMAT_TOO_NEW', () => open({ path }), /format 2.*upgrade kvorum/);
  for (const broken of ['', '{', '{}', 'null', '[]', '{"format":"1"}']) {
    writeFileSync(manifest, broken);
    await failsWith(t, 'KV_PATH', () => open({ path }), /kvorum\.json is damaged.*restore it/);
  }
  writeFileSync(manifest, text);
  const nodeFile = join(path, 'node-001', 'node.json');
  const nodeText = readFileSync(nodeFile, 'utf8');
  writeFileSync(nodeFile, nodeText.replace('"format":1', '"format":9').replace(/,"check":\d+/, ''));
  await failsWith(t, 'KV_FORMAT_TOO_NEW', () => open({ path }), /format 9.*upgrade kvorum/);
  writeFileSync(nodeFile, nodeText);
  writeFileSync(join(path, 'node-001', 'base', 'data.mdb'), 'no environment'.repeat(1_000));
  const store = await openSmall(t, { path });
  t.deepEqual(
    store.members().map(({ state }) => state),
    ['up', 'up', 'up'],
  );
  await store.put('key', 1);
  t.is(await store.get('key'), 1);
});

test('open: a path that cannot be used -> KV_PATH with the path and the reason', async (t) => {
  const folder = makeFolder(t);
  const file = join(folder, 'file');
  writeFileSync(file, 'in the way');
  for (const path of [file, join(file, 'data'), '/proc/kvorum-data', '/dev/null/data']) {
    const error = await failsWith(t, 'KV_PATH', () => open({ ...SMALL, path }), /cannot use .* as a data directory/);
    t.is(error.details.path, path);
  }
  mkdirSync(join(folder, 'data', 'kvorum.lock'), { recursive: true });
  await failsWith(t, 'KV_IN_USE', () => open({ ...SMALL, path: join(folder, 'data') }));
  const blocked = join(folder, 'blocked');
  mkdirSync(blocked);
  writeFileSync(join(blocked, 'node-001'), 'in the way');
  await failsWith(t, 'KV_STORAGE_FAILED', () => open({ ...SMALL, path: blocked }), /node-001/);
});

test('open: a directory in use by this process -> KV_IN_USE with its pid; free after close', async (t) => {
  const path = join(makeFolder(t), 'data');
  const store = await openSmall(t, { path });
  await failsWith(t, 'KV_IN_USE', () => open({ path }), new RegExp(`in use by process ${process.pid}`));
  await store.put('key', 1);
  await store.close();
  const again = await openSmall(t, { path });
  t.is(await again.get('key'), 1);
});

test('open: a directory in use by another process -> KV_IN_USE; taken over when that one was killed', async (t) => {
  const path = join(makeFolder(t), 'data');
  const script = `import { open } from ${JSON.stringify(INDEX)};
    const store = await open(${JSON.stringify({ ...SMALL, path })});
    await store.put('key', 'theirs');
    console.log('open');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  await Promise.race([once(child.stdout, 'data'), closed]);
  await failsWith(t, 'KV_IN_USE', () => open({ path }), new RegExp(`in use by process ${child.pid}`));
  child.kill('SIGKILL');
  await closed;
  const store = await openSmall(t, { path });
  t.is(await store.get('key'), 'theirs');
  t.deepEqual(
    readdirSync(path).filter((name) => name.startsWith('kvorum.lock')),
    ['kvorum.lock'],
  );
});

test('a lock: of a dead pid, of a pid that is another process now, empty or nonsense -> is taken over', async (t) => {
  const path = join(makeFolder(t), 'data');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  mkdirSync(path);
  for (const stale of [`${pid} 123\n`, `${process.pid} 1 abc\n`, '', 'nonsense', '-1 0 x', `${pid}`]) {
    writeFileSync(join(path, 'kvorum.lock'), stale);
    await (await open({ ...SMALL, path })).close();
    t.deepEqual(
      readdirSync(path).filter((name) => name.startsWith('kvorum.lock')),
      [],
    );
  }
});

test('a stale lock: raced for by many processes -> exactly one has it at any time', async (t) => {
  const path = join(makeFolder(t), 'data');
  const { pid } = spawnSync(process.execPath, ['-e', '']);
  mkdirSync(path);
  const lock = new URL('../../src/host/directory-lock.js', import.meta.url).href;
  // each tries again and again; who has the lock makes a folder that must not exist, and removes it
  const script = `import { DirectoryLock } from ${JSON.stringify(lock)};
    import fs from 'node:fs';
    const path = ${JSON.stringify(path)};
    const until = Date.now() + 1500;
    let won = 0;
    while (Date.now() < until) {
      let held;
      try { held = new DirectoryLock(path); } catch (error) { if (error.code === 'KV_IN_USE') continue; throw error; }
      fs.mkdirSync(path + '/alone');
      won++;
      fs.rmdirSync(path + '/alone');
      if (won % 2 === 0) held.release();
      else fs.writeFileSync(path + '/kvorum.lock', '${pid} 1 ' + Math.random());
    }
    console.log(won);`;
  const run = async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let said = '';
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const [code] = await once(child, 'close');
    t.is(said, '');
    t.is(code, 0);
    return Number(out);
  };
  const won = await Promise.all([run(), run(), run(), run()]);
  t.true(won.reduce((sum, times) => sum + times, 0) > 20, won.join());
});
