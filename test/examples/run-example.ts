/**
 * Runs one compiled example as a child process, as its header says. It must end by itself, check itself, and leave no
 * data directory behind.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';

/** Longest that an example may take, on a busy machine. */
const DEADLINE_MS = 60_000;

/** Asserts that the example succeeds, prints a line that matches, and leaves its temporary folder empty. */
export async function runExample(t: ExecutionContext, name: string, line: RegExp): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'kvorum-run-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const program = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], {
    timeout: DEADLINE_MS,
    env: { ...process.env, TMPDIR: folder },
  });
  t.regex(stdout, line);
  t.is(stderr, '');
  t.deepEqual(await readdir(folder), []);
}
