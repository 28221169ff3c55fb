/** Many SIGKILLs of processes that write, N=3 and N=1: `npm run test:long`, some minutes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sufferKills } from '../host/kills.js';

const { values } = parseArgs({ options: { kills: { type: 'string', default: '50' } } });
for (const n of [3, 1]) {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-kills-'));
  try {
    const report = await sufferKills(join(folder, 'data'), { n, kills: Number(values.kills) });
    console.log(`N=${n}`, report);
    if (report.lost.length > 0 || report.acknowledged === 0) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
