/** A node has one life at a time, whatever becomes of the one before. */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import { StoreError } from '../../src/core/errors.js';
import { ControlLink } from '../../src/host/control.js';
import { openSmall, until } from '../client/store-fixture.js';

const { serve } = ControlLink.prototype;

/** The answer of the next node that begins to serve does not arrive in time. */
function loseServed(): void {
  ControlLink.prototype.serve = async function (ring) {
    ControlLink.prototype.serve = serve;
    await serve.call(this, ring);
    throw new StoreError('KV_DEADLINE_EXCEEDED', 'node 1 did not answer serve');
  };
}

test('a node: it serves, and its answer to the host comes too late -> one life follows, not two at once', async (t) => {
  const store = await openSmall(t);
  const ups: number[] = [];
  store.on('node-up', ({ incarnation }) => ups.push(incarnation));
  loseServed();
  await hostOf(store).supervisor(1).terminate();
  await until(() => ups.length > 0);
  // a second one would be up by then as well
  await sleep(1_000);
  t.deepEqual(ups, [3]);
  t.is(hostOf(store).supervisor(1).incarnation, 3);
  await store.put('key', 'value', { w: 3 });
});

/** What a program of its own prints: the test's process must not meet an uncaught exception. */
const PROGRAM = `
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from ${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)};
import { hostOf } from ${JSON.stringify(new URL('../../src/client/open.js', import.meta.url).href)};
const path = mkdtempSync('${tmpdir()}/kvorum-listener-');
const store = await open({ path, nodes: 3, memoryBytes: 12 * 2 ** 20 });
const said = [];
process.on('uncaughtException', ({ message }) => said.push('uncaught ' + message));
for (const name of ['node-down', 'node-up']) {
  store.on(name, () => { throw new Error(name); });
  store.on(name, ({ node, incarnation = '' }) => said.push(name + ' ' + node + ' ' + incarnation));
}
const { events, threads } = hostOf(store);
const isUp = once(events, 'node-up');
await threads.supervisor(1).terminate();
await isUp;
await new Promise((resolve) => setTimeout(resolve, 500));
await store.close();
rmSync(path, { recursive: true });
console.log(said.join('\\n'));
`;

test('a listener: throws at what becomes of a node -> an uncaught exception, others are told, the node is up again once', (t) => {
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', PROGRAM], { timeout: 30_000 });
  t.deepEqual(stdout.toString().trim().split('\n'), [
    'node-down 1 ',
    'uncaught node-down',
    'node-up 1 2',
    'uncaught node-up',
  ]);
});
