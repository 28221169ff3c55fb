/** The repair suite at its smallest: every figure is there, and puts went on during both repairs. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseBenchOptions } from '../../bench/options.js';
import { runRepairSuite } from '../../bench/repair/suite.js';
import { open } from '../../src/index.js';

test('repair suite: --once -> every figure, with puts during each repair', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-bench-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const { sizes } = parseBenchOptions(['--suite', 'repair', '--once']);
  const results = await runRepairSuite({ ...sizes, openStore: open, folder, wants: () => true, progress: () => {} });
  const figures = new Map(results.map(({ id, ours }) => [id, ours]));
  for (const part of ['alone', 'first', 'again']) {
    for (const what of ['rate', 'p50', 'p99', 'p99.9', 'max']) {
      t.true((figures.get(`repair.${part}.put.${what}`) ?? 0) > 0, `${part} ${what}`);
    }
  }
  t.true((figures.get('repair.first.took') ?? 0) > 0);
  t.deepEqual(await runRepairSuite({ ...sizes, openStore: open, folder, wants: () => false, progress: () => {} }), []);
});
