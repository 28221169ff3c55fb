/** The child process of a sustained job: takes the job from its argument, reports by messages, ends with its parent. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Store } from '../../src/client/types.js';
import { open } from '../../src/index.js';
import { fill } from './fill.js';
import type { Job, JobMessage, JobOutcome } from './jobs.js';

const DEPTH = 256;
const SAMPLE_MS = 1_000;
/** A node publishes its counters every few turns, and an idle one takes ten turns a second. */
const COUNTERS_LAG_MS = 2_000;

process.on('disconnect', () => process.exit(1));
await main(JSON.parse(process.argv[2]));

async function main(job: Job): Promise<void> {
  try {
    const store = await open(job.open);
    const outcome = await runJob(store, job);
    send({ type: 'done', outcome });
    if (job.stay) return;
    await store.close();
  } catch (thrown) {
    send({ type: 'failed', message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) });
  }
  process.disconnect();
}

async function runJob(store: Store, job: Job): Promise<JobOutcome> {
  const { pairs, kind } = job;
  const onSample = kind === 'fill' ? (sample: JobSample) => send({ type: 'sample', sample }) : () => {};
  const filled = await fill(store, { pairs, depth: DEPTH, sampleMs: SAMPLE_MS, onSample });
  await sleep(COUNTERS_LAG_MS);
  const { nodes } = await store.stats();
  const total = (of: (node: (typeof nodes)[number]) => number): number =>
    nodes.reduce((sum, node) => sum + of(node), 0);
  return {
    seconds: filled.seconds,
    refused: filled.refused,
    residentPeakBytes: filled.residentPeakBytes,
    logBytes: total((node) => node.logBytes),
    dirtyBytes: total((node) => node.dirtyBytes),
    hotEntries: total((node) => node.hotEntries),
    hotBytes: total((node) => node.hotBytes),
  };
}

type JobSample = Extract<JobMessage, { type: 'sample' }>['sample'];

function send(message: JobMessage): void {
  process.send?.(message);
}
