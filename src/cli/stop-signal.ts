/**
 * SIGINT and SIGTERM for a long-running command: the first asks it to stop cleanly, the second ends it at once with
 * the exit code that a shell gives for that signal (130 or 143). What was acknowledged survives either way.
 */
const EXIT_CODE_OF = { SIGINT: 130, SIGTERM: 143 } as const;

export type StopSignalName = keyof typeof EXIT_CODE_OF;

/** Resolves with the first signal; from the call on, neither signal kills the process by itself. */
export function stopSignal(): Promise<StopSignalName> {
  let asked = false;
  return new Promise((resolve) => {
    const take = (name: StopSignalName): void => {
      if (asked) process.exit(exitCodeOf(name));
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

/** The exit code that a shell gives for the signal. */
export function exitCodeOf(name: StopSignalName): number {
  return EXIT_CODE_OF[name];
}
