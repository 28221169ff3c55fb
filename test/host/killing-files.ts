/**
 * Loaded ahead into each thread of a process (NODE_OPTIONS=--import): ends the process by SIGKILL in the midst of a salvage,
 * right ahead of the change of the disk of that number (KILL_AT), counted from the start of the thread that salvages. The last
 * one puts the witness of the new incarnation in place (src/host/sequence-witness.ts).
 */
import fs from 'node:fs';
import { workerData } from 'node:worker_threads';

type Call = (...args: unknown[]) => unknown;

const CHANGES = [
  ...['openSync', 'writeSync', 'writeFileSync', 'fsyncSync', 'fdatasyncSync', 'ftruncateSync'],
  ...['renameSync', 'mkdirSync', 'rmSync'],
];

const isReading = (name: string, [, flags]: readonly unknown[]): boolean => name === 'openSync' && flags === 'r';
const isLast = (name: string, [, to]: readonly unknown[]): boolean =>
  name === 'renameSync' && String(to).endsWith('.seen.json');

if ((workerData as { readonly salvages?: boolean } | null)?.salvages === true) {
  let left = Number(process.env.KILL_AT);
  // each function of the module is typed for itself; here they are replaced by name
  const calls = fs as unknown as Record<string, Call>;
  for (const name of CHANGES) {
    const real = calls[name];
    calls[name] = (...args) => {
      if (!isReading(name, args) && left-- === 0) process.kill(process.pid, 'SIGKILL');
      if (isLast(name, args)) left = -1;
      return real(...args);
    };
  }
}
