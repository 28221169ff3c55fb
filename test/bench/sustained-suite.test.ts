/** The sustained suite at a small size over a real store: every figure is there, and the memory stays within its bound. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { runSustainedSuite } from '../../bench/sustained/suite.js';
import { open } from '../../src/index.js';

test('sustained suite: a few thousand pairs -> every figure, and nothing lost over a kill', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-sustained-test-'));
  const lines: string[] = [];
  try {
    const results = await runSustainedSuite({
      openStore: open,
      folder,
      sustainedPairs: 5_000,
      hotPairs: 5_000,
      recoveryRecords: 3_000,
      wants: () => true,
      progress: (line) => lines.push(line),
    });
    const byId = new Map(results.map((result) => [result.id, result]));
    t.deepEqual(
      [...byId.keys()],
      [
        'sustained.fill.rate',
        'sustained.fill.slowest-second',
        'sustained.fill.refused',
        'sustained.fill.resident',
        'sustained.hot-entry.overhead',
        'sustained.open.seconds',
        'sustained.open.log',
      ],
    );
    t.true(byId.get('sustained.fill.resident')?.held);
    t.true((byId.get('sustained.fill.rate')?.ours ?? 0) > 0);
    t.regex(lines.join('\n'), /resident .* refused\n.*opened 3\.00k records/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
