/**
 * `npm run bench`: runs the chosen suites against a real store, prints the table and writes the JSON.
 *
 * Everything that a run leaves on disk is in one temporary folder, removed at the end.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '../src/index.js';
import { runBridgeSuite } from './bridge/suite.js';
import { runGossipSuite } from './gossip/suite.js';
import { describeMachine } from './harness/machine.js';
import { formatReport, makeReport, type Result } from './harness/report.js';
import { runMicroSuite } from './micro/suite.js';
import { type BenchOptions, HELP, parseBenchOptions } from './options.js';
import { runRepairSuite } from './repair/suite.js';
import { runStoreSuite } from './store/suite.js';
import { runSustainedSuite } from './sustained/suite.js';

const EXIT_USAGE = 2;

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === undefined) return;
  if (options.help) {
    console.log(HELP);
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-bench-'));
  try {
    const { results, skipped } = await runSuites(options, folder);
    const report = makeReport(describeMachine(), results, skipped);
    console.log(formatReport(report));
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
    if (results.length === 0) throw new Error(`no measurement matches --only ${options.only.join(' ')}`);
    if (results.some((result) => result.held === false)) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runSuites(options: BenchOptions, folder: string): Promise<{ results: Result[]; skipped: string[] }> {
  const { suites, sizes, only } = options;
  const wants = (id: string): boolean => only.length === 0 || only.some((part) => id.includes(part));
  const progress = (line: string): void => console.error(line);
  const results: Result[] = [];
  const skipped: string[] = [];
  for (const suite of suites) {
    progress(`suite ${suite}`);
    if (suite === 'store') {
      const done = await runStoreSuite({ ...sizes, openStore: open, folder, wants, progress });
      results.push(...done.results);
      skipped.push(...done.skipped);
    } else if (suite === 'micro') {
      results.push(...(await runMicroSuite({ durationMs: sizes.microMs, wants, progress })));
    } else if (suite === 'bridge') {
      const done = await runBridgeSuite({ ...sizes, folder, wants, progress });
      results.push(...done.results);
      skipped.push(...done.skipped);
    } else if (suite === 'gossip') {
      results.push(...runGossipSuite({ ...sizes, wants, progress }));
    } else if (suite === 'repair') {
      results.push(...(await runRepairSuite({ ...sizes, openStore: open, folder, wants, progress })));
    } else {
      results.push(...(await runSustainedSuite({ ...sizes, openStore: open, folder, wants, progress })));
    }
  }
  return { results, skipped };
}

function readOptions(args: readonly string[]): BenchOptions | undefined {
  try {
    return parseBenchOptions(args);
  } catch (thrown) {
    console.error(`${thrown instanceof Error ? thrown.message : String(thrown)}\n\n${HELP}`);
    process.exitCode = EXIT_USAGE;
    return undefined;
  }
}
