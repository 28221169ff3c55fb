/** A thousand deaths of nodes in one process, with LMDB batches and writes in flight: `npm run test:long`, some minutes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { open } from '../../src/index.js';
import { DEADLINE_MS, openFiles, sufferDeaths } from '../host/deaths.js';

const { values } = parseArgs({ options: { deaths: { type: 'string', default: '1000' } } });
const count = Number(values.deaths);
const path = mkdtempSync(join(tmpdir(), 'kvorum-deaths-'));
const beganMs = performance.now();
try {
  const store = await open({
    path,
    nodes: 3,
    partitions: 16,
    memoryBytes: 12 * 2 ** 20,
    logBytesMax: 8 * 2 ** 20,
    deadlineMs: DEADLINE_MS,
  });
  let files = 0;
  const report = await sufferDeaths(store, count, (index) => {
    if (index === 11) files = openFiles();
    if (index % 50 === 49)
      console.log(`${index + 1} deaths, ${openFiles()} files open, ${process.memoryUsage.rss() >>> 20} MiB`);
  });
  console.log(report, { files, filesAfter: openFiles(), seconds: Math.round((performance.now() - beganMs) / 1000) });
  await store.close();
  const bad = report.lost.length + report.strange.length + report.missedWakeUps;
  const late = report.longestMs > DEADLINE_MS + 1_000;
  if (bad > 0 || late || report.downs < count || openFiles() > files + 16) process.exitCode = 1;
} finally {
  rmSync(path, { recursive: true, force: true });
}
