/**
 * Five hosts as processes under a mixed load, through every fault of test/cluster/ordeal.ts:
 * `node dist/test/long/hosts.js [--network namespaces|loopback|best] [--fault-seconds 30] [--seed N] [--history FILE]`.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { formatHistory } from '../../src/sim/history.js';
import { type OrdealOptions, ordeal } from '../cluster/ordeal.js';

const { values } = parseArgs({
  options: {
    network: { type: 'string', default: 'best' },
    'fault-seconds': { type: 'string', default: '30' },
    nodes: { type: 'string', default: '3' },
    seed: { type: 'string' },
    history: { type: 'string' },
    faults: { type: 'string' },
  },
});
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const beganMs = performance.now();
const tell = (what: string) =>
  console.log(`${((performance.now() - beganMs) / 1_000).toFixed(1).padStart(6)} s  ${what}`);
console.log(`seed ${seed}`);
const report = await ordeal({
  seed,
  network: values.network as OrdealOptions['network'],
  nodesPerHost: Number(values.nodes),
  faultMs: Number(values['fault-seconds']) * 1_000,
  tell,
  ...(values.faults === undefined ? {} : { faults: values.faults.split(',') }),
});
console.table(report.rows);
console.log(report.failures);
console.log(`network: ${report.network}; longest call: ${report.longestMs.toFixed(0)} ms`);
if (values.history !== undefined) writeFileSync(values.history, formatHistory(report.history));
for (const violation of report.violations) console.log(`VIOLATION ${violation}`);
console.log(report.violations.length === 0 ? 'verdict: everything promised was kept' : 'verdict: violated');
process.exitCode = report.violations.length === 0 ? 0 : 1;
