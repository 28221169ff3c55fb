/** The torture of a store with real threads: `node dist/test/long/torture.js --seconds 120 [--seed N]`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { latencyTable } from '../host/torture/latencies.js';
import { torture } from '../host/torture/torture.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '120' }, seed: { type: 'string' } },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const totalMs = Number(values.seconds) * 1_000;
/** A twenty-fourth for each of before, during and after, in both modes: a quarter in all. */
const phaseMs = totalMs / 24;
const folder = mkdtempSync(join(tmpdir(), 'kvorum-torture-'));
const beganMs = performance.now();
const tell = (what: string) =>
  console.log(`${((performance.now() - beganMs) / 1_000).toFixed(1).padStart(6)} s  ${what}`);
try {
  console.log(`seed ${seed}`);
  const faultsMs = totalMs - 6 * phaseMs;
  const report = await torture({ path: join(folder, 'data'), seed, faultsMs, phaseMs, slackMs: 1_000, tell });
  const { latencies, violations, ...counts } = report;
  console.log(counts);
  console.log(latencyTable(latencies));
  for (const violation of violations) console.log(`VIOLATION ${violation}`);
  console.log(
    violations.length === 0 ? 'verdict: everything promised was kept' : `verdict: ${violations.length} violations`,
  );
  if (violations.length > 0) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
