/** A damaged `kvorum.json`, `ring.json` or `hosts.json`: noticed, whichever byte it is, and told with what to do. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import type { StoreError } from '../../src/core/errors.js';
import { resolveOptions } from '../../src/core/resolve-options.js';
import { fromCheckedJson, toCheckedJson } from '../../src/host/checked-json.js';
import { DataDirectory } from '../../src/host/data-directory.js';
import { open, type Store } from '../../src/index.js';
import { Random } from '../../src/sim/random.js';
import { failsWith, makeFolder, openSmall, SMALL, until } from '../client/store-fixture.js';
import { largeRing } from '../core/packed-rings.js';

const random = new Random(1);
const KNOWN = {
  firstNode: 32,
  hosts: [{ host: 'höst-1', address: '127.0.0.1:7001', first: 64, room: 32, zone: 'zone', machine: 'machine' }],
  hasJoined: true,
  clusterId: '1b9a3c6e',
};
const ADVICE = {
  'kvorum.json': /kvorum\.json is damaged.*any copy of the directory.*remove "check"/,
  'ring.json': /ring\.json is damaged.*since the ring last changed.*the one of another host.*remove "check"/,
  'hosts.json': /hosts\.json is damaged.*an older one will do.*remove "check"/,
};
const FILES = Object.keys(ADVICE) as (keyof typeof ADVICE)[];

/** A directory with all three files. */
function fill(path: string): void {
  const directory = new DataDirectory(path);
  directory.stamp(resolveOptions({ ...SMALL, hostId: 'höst-0' }, { cores: 2, newHostId: () => '' }));
  directory.writeRing(largeRing({ hosts: 6, kind: 'replace', partitions: 4, n: 3, below: (end) => random.below(end) }));
  directory.writeHosts(KNOWN);
  directory.release();
}

/** What the three files say. */
function said(path: string): unknown {
  const directory = new DataDirectory(path);
  try {
    return [directory.complete({}), directory.readRing(), directory.readHosts()];
  } finally {
    directory.release();
  }
}

test('files of a host: a bit of any byte of them is flipped -> told with what to do, or exact', (t) => {
  const path = join(makeFolder(t), 'data');
  fill(path);
  const exact = said(path);
  for (const name of FILES) {
    const file = join(path, name);
    const whole = readFileSync(file);
    let noticed = 0;
    for (let at = 0; at < whole.length; at++) {
      const bit = random.below(8);
      const flipped = Buffer.from(whole);
      flipped[at] ^= 1 << bit;
      writeFileSync(file, flipped);
      const what = `${name}, byte ${at}, bit ${bit}`;
      let read: unknown;
      try {
        read = said(path);
      } catch (error) {
        const { code, message, details } = error as StoreError;
        const isTold = code === 'KV_PATH' && details.path === file && ADVICE[name].test(message);
        if (!isTold) t.fail(`${what}: ${message}`);
        noticed++;
        continue;
      }
      t.deepEqual(read, exact, what);
    }
    t.true(noticed > whole.length * 0.8, `${name}: ${noticed} of ${whole.length}`);
    writeFileSync(file, whole);
  }
});

test('files of a host: without a checksum, as an older version wrote them -> read; of a newer format -> KV_FORMAT_TOO_NEW', async (t) => {
  const path = join(makeFolder(t), 'data');
  fill(path);
  const exact = said(path);
  for (const name of FILES) {
    const { check, ...older } = JSON.parse(readFileSync(join(path, name), 'utf8'));
    t.is(typeof check, 'number', name);
    writeFileSync(join(path, name), JSON.stringify(older));
    t.deepEqual(said(path), exact, name);
  }
  for (const name of FILES) {
    const file = join(path, name);
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, toCheckedJson({ ...fromCheckedJson(text), format: 2 }));
    await failsWith(t, 'KV_FORMAT_TOO_NEW', () => said(path), new RegExp(`${name} has format 2.*upgrade kvorum`));
    writeFileSync(file, text);
  }
});

test('files of a host: empty, cut short, or JSON of something else -> told with what to do', async (t) => {
  const path = join(makeFolder(t), 'data');
  fill(path);
  for (const name of FILES) {
    const file = join(path, name);
    const whole = readFileSync(file, 'utf8');
    const others = [
      '',
      whole.slice(0, -2),
      'null',
      '[]',
      '{}',
      '{"format":"1"}',
      '{"format":1}',
      '{"format":1,"ring":{}}',
    ];
    for (const other of others) {
      writeFileSync(file, other);
      const error = await failsWith(t, 'KV_PATH', () => said(path), ADVICE[name]);
      t.is(error.details.path, file);
    }
    writeFileSync(file, whole);
  }
});

test('a damaged file of a host: one of two hosts -> it does not start and changes nothing; with what the advice names it does', async (t) => {
  const isSettled = (store: Store, members: number) =>
    store.members().filter(({ state }) => state === 'up').length === members && store.ring().change === undefined;
  const seeds = `127.0.0.1:${await freePort()}`;
  const shared = { secret: 'a secret of this test', seeds };
  const paths = [0, 1].map((host) => join(makeFolder(t), `host-${host}`));
  const first = await openSmall(t, { ...shared, path: paths[0], listen: seeds, hostId: 'host-0' });
  const options = { ...SMALL, ...shared, path: paths[1], listen: `127.0.0.1:${await freePort()}`, hostId: 'host-1' };
  const second = await open(options);
  await until(() => [first, second].every((host) => isSettled(host, 6)));
  await second.put('key', 'value', { w: 3 });
  const hosts = join(paths[1], 'hosts.json');
  const older = readFileSync(hosts);
  await first.change({ kind: 'reweight', node: 0, weight: 2 });
  await until(() => [first, second].every((host) => isSettled(host, 6)));
  await second.close();
  for (const name of FILES) {
    const file = join(paths[1], name);
    const whole = readFileSync(file, 'utf8');
    const flipped = whole.replace(/\d(?=\D*$)/, (digit) => String(Number(digit) ^ 1));
    writeFileSync(file, flipped);
    await failsWith(t, 'KV_PATH', () => open(options), ADVICE[name]);
    t.is(readFileSync(file, 'utf8'), flipped, name);
    writeFileSync(file, whole);
  }
  copyFileSync(join(paths[0], 'ring.json'), join(paths[1], 'ring.json'));
  writeFileSync(hosts, older);
  const again = await openSmall(t, options);
  await until(() => [first, again].every((host) => isSettled(host, 6)));
  t.is(again.ring().epoch, first.ring().epoch);
  t.is(await again.get('key'), 'value');
});
