/** The lines of a process to be killed: each is out before anything else happens. */
import { writeSync } from 'node:fs';

/** Says that a salvage is over, or that there was none. */
export const THROUGH = 'through';

/** What a call says whose node has ended, or is starting: ask again. */
export const AGAIN: ReadonlySet<string> = new Set([
  ...['KV_NODE_RESTARTED', 'KV_UNAVAILABLE', 'KV_OVERLOADED'],
  ...['KV_WRITE_QUORUM_UNMET', 'KV_READ_QUORUM_UNMET'],
]);

const PAUSE = new Int32Array(new SharedArrayBuffer(4));

/** Before anything else happens; a pipe that is full is waited for. Short lines are written whole or not at all. */
export function say(line: string): void {
  for (;;) {
    try {
      writeSync(1, `${line}\n`);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(PAUSE, 0, 0, 1);
    }
  }
}
