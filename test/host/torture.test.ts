/** The short form of the torture: faults, wiped directories and ring changes under load; two minutes are in test/long. */
import { join } from 'node:path';
import test from 'ava';
import { makeFolder } from '../client/store-fixture.js';
import { torture } from './torture/torture.js';

test('a store: tortured under load -> keeps what it acknowledged, its replicas end equal, no call hangs', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  t.log(`seed ${seed}`);
  const path = join(makeFolder(t), 'data');
  const said: string[] = [];
  const tell = (what: string) => void said.push(what);
  const report = await torture({ path, seed, faultsMs: 7_000, phaseMs: 500, slackMs: 10_000, tell }).catch(
    (error: unknown) => {
      t.log(said);
      throw error;
    },
  );
  t.log(report);
  t.deepEqual(report.violations, []);
  t.true(report.acknowledged > 500);
  t.true(report.additions > 50);
  t.true(report.records > 300);
  for (const kind of ['terminate', 'hold', 'wipe', 'join']) t.true(report.faults[kind] > 0, kind);
});
