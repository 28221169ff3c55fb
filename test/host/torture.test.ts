/** A short torture of a store with real threads; the long one is test/long/torture.ts. */
import { join } from 'node:path';
import test from 'ava';
import { makeFolder } from '../client/store-fixture.js';
import { torture } from './torture/torture.js';

test('torture: nodes end, lose a directory, join and leave under load -> every promise is kept, and replicas agree in the end', async (t) => {
  const path = join(makeFolder(t), 'data');
  const told: string[] = [];
  const beganMs = performance.now();
  const tell = (what: string) => void told.push(`${Math.round(performance.now() - beganMs)} ms: ${what}`);
  // a machine that is held up ends calls late
  const times = { faultsMs: 1_000, phaseMs: 150, slackMs: 15_000 };
  const report = await torture({ path, seed: 21, partitions: 8, ...times, tell });
  t.log(told.join('\n'));
  t.deepEqual(report.violations, [], told.join('\n'));
  t.true(report.acknowledged > 200, `${report.acknowledged} acknowledged`);
  t.true(report.additions > 50 && report.records > 100, JSON.stringify(report));
  for (const fault of ['terminate', 'hold', 'wipe', 'join']) t.true(report.faults[fault] >= 1, fault);
  t.log(report.faults, `${report.acknowledged} acknowledged, ${report.records} records`);
});
