/** Nodes that die are started anew and lose nothing that was acknowledged; the thousand deaths are in test/long. */
import test from 'ava';
import { hostOf } from '../../src/client/open.js';
import { Status } from '../../src/host/thread-map.js';
import { failsWith, openSmall, until } from '../client/store-fixture.js';
import { DEADLINE_MS, endNode, OUT_OF_HEAP, openFiles, sufferDeaths } from './deaths.js';

const DEATHS = 12;

test.serial('nodes: die in every way with flushes and writes under way -> nothing acknowledged is lost', async (t) => {
  const store = await openSmall(t, { memoryBytes: 12 * 2 ** 20, logBytesMax: 8 * 2 ** 20, deadlineMs: DEADLINE_MS });
  let files = 0;
  const report = await sufferDeaths(store, DEATHS, (index) => {
    if (index === 5) files = openFiles();
  });
  t.log(report);
  t.deepEqual(report.lost, []);
  t.deepEqual(report.strange, []);
  t.is(report.missedWakeUps, 0);
  t.true(report.acknowledged > 1_000);
  t.true(report.flushes > 0);
  // none hangs; a machine that is held up ends them late
  t.true(report.longestMs < DEADLINE_MS + 10_000, `${report.longestMs} ms`);
  t.is(report.downs, DEATHS);
  t.true(report.ups >= DEATHS - 1 && report.ups <= DEATHS);
  t.true(openFiles() <= files + 16, `${files} files open at first, ${openFiles()} at last`);
  await store.close();
});

for (const way of new Set(['throw', OUT_OF_HEAP, 'leak', 'terminate'] as const)) {
  test.serial(
    `a node: ended by ${way} -> node-down with the reason, members show it, node-up in a new incarnation`,
    async (t) => {
      const store = await openSmall(t);
      await store.put('before', 1, { w: 3 });
      const said: string[] = [];
      store.on('node-down', ({ node, reason }) => said.push(`down ${node} ${reason}`));
      store.on('node-up', ({ node, incarnation }) => said.push(`up ${node} ${incarnation}`));
      let seenDown = false;
      store.on('node-down', () => {
        seenDown = store.members()[1].state === 'down';
      });
      await endNode(store, 1, way);
      await until(() => said.length === 2);
      t.true(seenDown);
      const reasons = {
        throw: /^down 1 asked to fail/,
        heap: /^down 1 .*memory/,
        leak: /^down 1 the thread is running out of memory/,
        terminate: /^down 1 its thread was ended/,
      };
      t.regex(said[0], reasons[way]);
      t.is(said[1], 'up 1 2');
      t.deepEqual(
        store.members().map(({ state, incarnation }) => [state, incarnation]),
        [
          ['up', 1],
          ['up', 2],
          ['up', 1],
        ],
      );
      t.is(await store.get('before', { r: 3 }), 1);
    },
  );
}

test.serial(
  'a node: ends inside a native call while it is being terminated -> that is done, and it starts anew',
  async (t) => {
    const store = await openSmall(t);
    const supervisor = hostOf(store).supervisor(1);
    supervisor.link?.fail('inside').catch(() => undefined);
    // it is inside by now, and will be for a second; what it has entered it never leaves
    await new Promise((resolve) => setTimeout(resolve, 300));
    const late = new Promise((resolve) => setTimeout(() => resolve('late'), 20_000));
    t.is(await Promise.race([supervisor.terminate(), late]), undefined);
    await until(() => store.members()[1].state === 'up' && store.members()[1].incarnation === 2);
    await store.put('key', 1, { w: 3 });
    t.is(await store.get('key', { r: 3 }), 1);
  },
);

test.serial('requests: in flight at a node that ends -> succeed or fail with a retryable error, soon', async (t) => {
  const store = await openSmall(t, { n: 1, memoryBytes: 24 * 2 ** 20, deadlineMs: 600_000 });
  const writes = Array.from({ length: 2_000 }, (_, index) => store.put(`key-${index}`, 'x'.repeat(1_000)));
  const beganMs = performance.now();
  const ended = hostOf(store).supervisor(0).terminate();
  const settled = await Promise.allSettled(writes);
  await ended;
  // not at the deadline
  t.true(performance.now() - beganMs < 30_000);
  const failed = settled.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
  t.true(failed.length > 0);
  for (const { code, retryable } of failed) {
    t.true(retryable);
    t.true(['KV_NODE_RESTARTED', 'KV_UNAVAILABLE'].includes(code), code);
  }
  await until(() => store.members().every(({ state }) => state === 'up'));
  for (const [index, { status }] of settled.entries()) {
    if (status === 'fulfilled') t.is(await store.get(`key-${index}`), 'x'.repeat(1_000));
  }
});

test.serial('reads and writes: while one of three nodes is down -> go on without it', async (t) => {
  const store = await openSmall(t);
  await store.putMany(Array.from({ length: 300 }, (_, index) => [`key-${index}`, index]));
  const supervisor = hostOf(store).supervisor(2);
  let down = false;
  store.on('node-down', () => {
    down = true;
  });
  const ended = supervisor.terminate();
  await until(() => down);
  t.is(store.members()[2].state, 'down');
  for (let index = 0; index < 300; index++) t.is(await store.get(`key-${index}`), index);
  for (let index = 0; index < 300; index++) await store.put(`key-${index}`, index + 1);
  const { replicas } = await store.put('key', 1);
  t.true(replicas >= 2);
  await ended;
  await until(() => store.members()[2].state === 'up');
  for (let index = 0; index < 300; index++) t.is(await store.get(`key-${index}`), index + 1);
});

test.serial('all nodes: down -> KV_UNAVAILABLE, nothing was done; up again -> as before', async (t) => {
  const store = await openSmall(t);
  await store.put('key', 'kept');
  const host = hostOf(store);
  const ended = [0, 1, 2].map((node) => host.supervisor(node).terminate());
  await until(() => store.members().every(({ state }) => state === 'down'));
  await failsWith(t, 'KV_UNAVAILABLE', () => store.put('key', 'new'), /no replica of the key is up/);
  await failsWith(t, 'KV_UNAVAILABLE', () => store.get('key'));
  await failsWith(t, 'KV_NOT_LOCAL', () => store.getSync('key'));
  await Promise.all(ended);
  await until(() => store.members().every(({ state }) => state === 'up'));
  t.is(await store.get('key'), 'kept');
});

test.serial(
  'a node: its ring changes while it starts -> it begins with the ring in force once others see it up',
  async (t) => {
    const store = await openSmall(t);
    const host = hostOf(store);
    const status = new Int32Array(host.map.status);
    const isUp = () => status[1 * Status.line + Status.up] === 1;
    await host.supervisor(1).hold();
    // others report for a node that they see down, so the ring must not be looked up any earlier
    const { ring } = host;
    const asked: boolean[] = [];
    const get = () => {
      asked.push(isUp());
      return ring;
    };
    Object.defineProperty(host, 'ring', { get });
    host.supervisor(1).release();
    await until(isUp);
    await until(() => store.members()[1].incarnation === 2 && asked.length > 0);
    t.true(asked.length > 0);
    t.true(asked[0], 'the ring was taken while the node was down');
  },
);

test.serial('close: while nodes die and start -> ends, and the directory can be opened again', async (t) => {
  const store = await openSmall(t);
  await store.put('key', 'kept');
  const { path } = hostOf(store).options;
  const host = hostOf(store);
  void host.supervisor(0).terminate();
  host
    .supervisor(1)
    .link?.fail('throw')
    .catch(() => undefined);
  await store.close();
  const again = await openSmall(t, { path });
  t.is(await again.get('key'), 'kept');
});
