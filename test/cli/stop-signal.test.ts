/** SIGINT and SIGTERM of a command that takes its time to stop. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import test from 'ava';

const MODULE = new URL('../../src/cli/stop-signal.js', import.meta.url).href;
/** Says which signal came, and then never stops by itself. */
const PROGRAM = `
  const { stopSignal } = await import(${JSON.stringify(MODULE)});
  const asked = stopSignal();
  setInterval(() => {}, 1000);
  console.log('waiting');
  console.log(await asked);
`;

for (const [first, second] of [
  ['SIGINT', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
  ['SIGTERM', 'SIGINT'],
  ['SIGTERM', 'SIGTERM'],
] as const) {
  test(`stop signal: ${first}, then ${second} -> asked to stop, then ended by it`, async (t) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM]);
    t.teardown(() => child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8');
    t.is((await once(child.stdout, 'data'))[0], 'waiting\n');
    child.kill(first);
    t.is((await once(child.stdout, 'data'))[0], `${first}\n`);
    child.kill(second);
    t.deepEqual(await once(child, 'close'), [null, second]);
  });
}
