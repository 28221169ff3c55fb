/** SIGKILLs ahead of every change of the disk that a salvage makes, twice each: `npm run test:long`, some minutes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sufferSalvageKills } from '../host/salvage-kills.js';

let kills = 0;
for (let change = 0; ; change++) {
  const folder = mkdtempSync(join(tmpdir(), 'kvorum-salvage-kills-'));
  try {
    const report = await sufferSalvageKills(join(folder, 'data'), [change, change]);
    console.log(`ahead of change ${change}`, report);
    if (report.lost.length > 0) process.exitCode = 1;
    if (report.kills === 0) break;
    kills += report.kills;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
if (kills < 20) process.exitCode = 1;
