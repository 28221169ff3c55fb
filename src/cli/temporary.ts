/**
 * Files and folders that must not outlive a command: removed when the work ends, however it ends, and when a signal
 * interrupts it (a second one is not needed: the process ends with the exit code of the signal).
 */
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { constants } from 'node:os';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Runs the work, then removes the path, if it is still there. */
export async function withTemporary<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  const interrupted = (name: NodeJS.Signals): void => {
    rmSync(path, { recursive: true, force: true });
    process.exit(128 + constants.signals[name]);
  };
  for (const name of SIGNALS) process.on(name, interrupted);
  try {
    return await work();
  } finally {
    for (const name of SIGNALS) process.off(name, interrupted);
    await rm(path, { recursive: true, force: true });
  }
}
