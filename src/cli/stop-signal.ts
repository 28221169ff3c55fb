/**
 * SIGINT and SIGTERM for a long-running command: the first asks it to stop cleanly, the second ends it at once by that
 * signal, for which a shell gives exit code 130 or 143. What was acknowledged survives either way.
 */
import { constants } from 'node:os';

export type StopSignalName = 'SIGINT' | 'SIGTERM';

/** Resolves with the first signal; from the call on, neither signal kills the process by itself. */
export function stopSignal(): Promise<StopSignalName> {
  let asked = false;
  return new Promise((resolve) => {
    const take = (name: StopSignalName): void => {
      if (asked) endBySignal(name);
      asked = true;
      resolve(name);
    };
    process.on('SIGINT', () => take('SIGINT'));
    process.on('SIGTERM', () => take('SIGTERM'));
    // npm hands SIGTERM to a shell that dies of it and passes nothing on: its end is the signal
    if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => take('SIGTERM'));
  });
}

const PARENT_CHECK_MS = 250;

/** Calls `orphaned` once the process that started this one is gone. */
function whenOrphaned(orphaned: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    orphaned();
  }, PARENT_CHECK_MS);
  timer.unref();
}

const LAST_MS = 200;

/**
 * Ends the process by the signal itself. `process.exit` would end the nodes' threads first, wherever their disk work stands,
 * and wait for them.
 */
export function endBySignal(name: NodeJS.Signals): never {
  process.removeAllListeners(name);
  process.kill(process.pid, name);
  // Atomics: a pause alone, for the signal to arrive; nobody writes the word
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LAST_MS);
  // the first process of a container is not ended by it
  process.exit(128 + constants.signals[name]);
}
