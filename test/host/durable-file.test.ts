/** Small files that are replaced as a whole, on a disk that takes only a part of them. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { writeFileDurably } from '../../src/host/durable-file.js';
import { makeFolder } from '../client/store-fixture.js';

const MODULE = new URL('../../src/host/durable-file.js', import.meta.url).href;
/** Far more than the shell lets a file have, in whichever blocks it counts. */
const TEXT = JSON.stringify({ format: 1, rest: 'x'.repeat(64 * 1024) });

/** Writes TEXT in a process whose files may have a few kilobytes: the system takes so much, and says how much. */
function writeCutShort(path: string): { readonly code: unknown } {
  const program = `
    import { writeFileDurably } from ${JSON.stringify(MODULE)};
    const text = JSON.stringify({ format: 1, rest: 'x'.repeat(64 * 1024) });
    let code = 'written';
    try { writeFileDurably(${JSON.stringify(path)}, text); } catch (error) { code = error.code; }
    process.stdout.write(JSON.stringify({ code }));`;
  const command = 'ulimit -f 8; exec "$0" --input-type=module -e "$1"';
  const { stdout } = spawnSync('sh', ['-c', command, process.execPath, program], { encoding: 'utf8' });
  return JSON.parse(stdout) as { code: unknown };
}

test('a durable file: written anew -> is the new text, and nothing is left beside it', (t) => {
  const path = join(makeFolder(t), 'ring.json');
  writeFileDurably(path, 'old');
  writeFileDurably(path, TEXT);
  t.is(readFileSync(path, 'utf8'), TEXT);
  t.false(existsSync(`${path}.tmp`));
});

test('a durable file: the disk takes only a part of the new text -> an error, and the former file is whole', (t) => {
  const path = join(makeFolder(t), 'ring.json');
  writeFileSync(path, 'old');
  t.is(writeCutShort(path).code, 'KV_STORAGE_FULL');
  t.is(readFileSync(path, 'utf8'), 'old');
});
