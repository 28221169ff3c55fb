/**
 * Files and folders that must not outlive a command: removed when the work ends, however it ends, and when a signal
 * interrupts it (a second one is not needed: the process ends by the signal).
 */
import { existsSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { endBySignal } from './stop-signal.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A path counts as removed when it has been away at so many looks, and is given up after so many. */
const LOOKS_AWAY = 20;
const LOOKS_MAX = 75;
const BETWEEN_LOOKS_MS = 20;

/** Runs the work, then removes the path, if it is still there. */
export async function withTemporary<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  const interrupted = (name: NodeJS.Signals): void => {
    removeFromThreads(path);
    endBySignal(name);
  };
  for (const name of SIGNALS) process.on(name, interrupted);
  try {
    return await work();
  } finally {
    for (const name of SIGNALS) process.off(name, interrupted);
    await rm(path, { recursive: true, force: true });
  }
}

/** A node's thread that is opening its directory makes it anew; it cannot be waited for in a signal's handler. */
function removeFromThreads(path: string): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  for (let look = 0, away = 0; look < LOOKS_MAX && away < LOOKS_AWAY; look++) {
    away = existsSync(path) ? 0 : away + 1;
    try {
      rmSync(path, { recursive: true, force: true });
    } catch {
      // a thread has put something where all was gone: looked at again
    }
    // Atomics: a pause alone; nobody writes the word
    Atomics.wait(never, 0, 0, BETWEEN_LOOKS_MS);
  }
}
