/**
 * `kvorum drain`: has the process that holds the store end without leaving anything undone: it refuses new writes, finishes
 * those in flight, hands over the hints that it keeps for others, and stops. What to do before a rolling restart.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { DrainReport } from '../../server/draining.js';
import type { CommandSpec, Invocation } from '../command.js';
import { CliError, EXIT_CODES } from '../exit-codes.js';
import { withHolder } from '../open-access.js';
import { formatNumber, parseDurationMs, parseFlag } from '../quantities.js';
import type { RemoteAccess } from '../remote-access.js';

const WAIT_DEFAULT = '60s';
const NOTE_EVERY_MS = 5_000;
/** How long the process may take to close once it is drained. */
const STOP_MS_MAX = 30_000;
const LOOK_MS = 50;

export const drainCommand: CommandSpec = {
  usage: 'drain',
  summary: 'have a running process finish what it has begun, hand over its hints, and stop',
  description:
    'The process that holds the store refuses new writes from now on (KV_DRAINING; reads go on), finishes those in flight, ' +
    'hands over the hints that its nodes keep for others, and stops as after SIGTERM. Hints that cannot be handed over in ' +
    'time, because their node is down, stay on disk; they are handed over after the next start. Waits until the process ' +
    'has ended. For a rolling restart: drain one host, start it again, wait until kvorum status shows all nodes up, go on.',
  flags: (command) => {
    command.option('--wait <time>', 'how long to wait for hints to be handed over, 500ms, 30s, 5m', WAIT_DEFAULT);
  },
  examples: [
    ['kvorum drain', 'the process that holds ./kvorum-data'],
    ['kvorum drain --path /var/lib/kvorum --wait 5m', 'more time for a node that comes back slowly'],
  ],
  run: (invocation) =>
    withHolder(invocation, async (access) => {
      const waitMs = parseFlag('--wait', invocation.flags.wait, parseDurationMs);
      const { pid } = await access.status();
      const last = await follow(invocation, access, waitMs);
      await untilGone(invocation, access, pid);
      invocation.output.result({ stopped: true, ...last }, () => describe(last));
      return EXIT_CODES.ok.code;
    }),
};

/** Asks how far it is until it is over. */
async function follow({ output }: Invocation, access: RemoteAccess, waitMs: number): Promise<DrainReport> {
  let notedAt = performance.now();
  for (;;) {
    const report = await access.drain(waitMs);
    if (report.ended) return report;
    if (performance.now() - notedAt < NOTE_EVERY_MS) continue;
    notedAt = performance.now();
    output.note(`draining: ${formatNumber(report.hints, 'hint')} to hand over, ${report.inFlight} in flight`);
  }
}

/** Of a process elsewhere all that can be seen is that it ends its connections. */
async function untilGone({ flags, environment }: Invocation, access: RemoteAccess, pid: number): Promise<void> {
  const isElsewhere = Boolean(flags.connect ?? environment.KVORUM_CONNECT);
  const endAt = performance.now() + STOP_MS_MAX;
  while (isElsewhere ? await access.isThere() : isRunning(pid)) {
    if (performance.now() > endAt) {
      throw new CliError('KV_UNREACHABLE', `${access.via} was drained, and still has not stopped`);
    }
    await sleep(LOOK_MS);
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

function describe({ drained, hints, notes }: DrainReport): string {
  const owed = notes === 0 ? '' : `; ${formatNumber(notes, 'partition')} of others need repair`;
  if (drained) return `drained and stopped: every hint is handed over${owed}`;
  return `stopped: ${formatNumber(hints, 'hint')} stay on disk until the next start${owed}`;
}
