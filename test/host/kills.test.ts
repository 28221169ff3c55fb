/** A process that is killed while it writes loses nothing that it has acknowledged; more kills are in test/long. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { open } from '../../src/index.js';
import { makeFolder } from '../client/store-fixture.js';
import { SETTINGS } from './kill-ledger.js';
import { killLoad, startLoad, sufferKills } from './kills.js';

for (const n of [3, 1]) {
  test(`a process: killed again and again while it writes, N=${n} -> every acknowledged write is there`, async (t) => {
    const report = await sufferKills(join(makeFolder(t), 'data'), { n, kills: 3 });
    t.log(report);
    t.deepEqual(report.lost, []);
    t.true(report.acknowledged > 50);
  });
}

test('load: killed, then run again -> everything of a finished load and of this one is there, nothing is torn', async (t) => {
  const folder = makeFolder(t);
  const path = join(folder, 'data');
  const count = 15_000;
  const line = (key: string, index: number) =>
    `${JSON.stringify({ key, value: `${index} ${'v'.repeat(index % 400)}` })}\n`;
  const fileOf = (name: string, pairs: number) => {
    const file = join(folder, `${name}.ndjson`);
    writeFileSync(file, Array.from({ length: pairs }, (_, index) => line(`${name}-${index}`, index)).join(''));
    return file;
  };
  t.deepEqual(await once(startLoad(path, fileOf('early', 2_000)), 'close'), [0, null]);
  const file = fileOf('late', count);
  for (let kill = 0; kill < 2; kill++) await killLoad(path, file);
  const check = async (all: boolean) => {
    const store = await open({ ...SETTINGS, path });
    for (let index = 0; index < 2_000; index++) {
      if ((await store.get(`early-${index}`)) !== `${index} ${'v'.repeat(index % 400)}`) t.fail(`early-${index}`);
    }
    let found = 0;
    for await (const { key, value } of store.scan({ prefix: 'late-' })) {
      const index = Number(String(key).slice(5));
      if (value !== `${index} ${'v'.repeat(index % 400)}`) t.fail(`${key} is torn`);
      found++;
    }
    await store.close();
    t.log(`${found} of ${count}`);
    if (all) t.is(found, count);
    else t.true(found > 0);
  };
  await check(false);
  t.deepEqual(await once(startLoad(path, file), 'close'), [0, null]);
  await check(true);
});
