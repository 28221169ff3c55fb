/** What threads and the command line begin with is one file each, so that a thread's start is not the loading of files. */
import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import test from 'ava';

const ENTRIES = ['host/worker-main.js', 'host/bridge-main.js', 'cli/main.js'];

for (const entry of ENTRIES) {
  test(`bundle: ${entry} -> no file of ours besides`, (t) => {
    const text = readFileSync(new URL(`../src/${entry}`, import.meta.url), 'utf8');
    const imports = [...text.matchAll(/^(?:import|export)\b[^;'"]*["']([^"']+)["'];?$/gm)].map(([, name]) => name);
    t.true(imports.includes('node:worker_threads'));
    t.deepEqual(
      imports.filter((name) => name.startsWith('.')),
      [],
    );
    // nor of a package, in a thread: each of them would load it anew
    if (entry.startsWith('host/'))
      t.deepEqual(
        [...new Set(imports)].filter((name) => !isBuiltin(name)),
        [],
      );
  });
}
