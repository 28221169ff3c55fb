/** Stores of other threads: a seat each, reads of each other's writes, and seats that come back when threads go. */
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import type { Store } from '../../src/index.js';
import { attach, type StoreHandle } from '../../src/index.js';
import { failsWith, makeFolder, openSmall, until } from './store-fixture.js';

/** Runs the calls that it is sent, as text, on its own store. */
const THREAD = `
  const { parentPort, workerData } = require('node:worker_threads');
  (async () => {
    const { attach } = await import(workerData.index);
    const store = attach(workerData.handle);
    parentPort.on('message', async ({ id, text }) => {
      let outcome;
      try { outcome = { value: await eval('(async () => ' + text + ')()') }; }
      catch (error) { outcome = { code: error.code ?? String(error) }; }
      parentPort.postMessage({ id, ...outcome });
    });
    parentPort.postMessage({ id: 0 });
  })();`;

class Thread {
  readonly worker: Worker;
  #next = 1;

  private constructor(handle: StoreHandle) {
    this.worker = new Worker(THREAD, {
      eval: true,
      workerData: { index: new URL('../../src/index.js', import.meta.url).href, handle },
      transferList: [...handle.transferList],
    });
    this.worker.setMaxListeners(0);
  }

  static async start(t: ExecutionContext, store: Store): Promise<Thread> {
    const thread = new Thread(store.handle());
    t.teardown(() => void thread.worker.terminate());
    await once(thread.worker, 'message');
    return thread;
  }

  async run(text: string): Promise<unknown> {
    const id = this.#next++;
    this.worker.postMessage({ id, text });
    return new Promise((resolve, reject) => {
      const onMessage = (answer: { id: number; code?: string; value?: unknown }) => {
        if (answer.id !== id) return;
        this.worker.off('message', onMessage);
        if (answer.code === undefined) resolve(answer.value);
        else reject(new Error(answer.code));
      };
      this.worker.on('message', onMessage);
    });
  }
}

test('two threads: each with a handle -> read each other’s writes at once, from memory too', async (t) => {
  const store = await openSmall(t);
  const [one, two] = await Promise.all([Thread.start(t, store), Thread.start(t, store)]);
  for (let round = 0; round < 50; round++) {
    await one.run(`store.put('shared', ${round}, { w: 3 })`);
    t.is(await two.run(`store.get('shared')`), round);
    t.is(store.getSync('shared'), round);
    await store.put('shared', `main ${round}`);
    t.is(await one.run(`store.get('shared', { r: 3 })`), `main ${round}`);
  }
  t.is(
    await two.run(
      `store.putMany(Array.from({ length: 500 }, (_, index) => ['two-' + index, index])).then(() => 'done')`,
    ),
    'done',
  );
  t.is(await store.get('two-499'), 499);
  t.is(await one.run(`store.getMany(['two-0', 'two-250']).then(([a, b]) => a + b)`), 250);
  t.deepEqual(
    await one.run(
      `(async () => { const keys = []; for await (const { key } of store.scan({ prefix: 'two-', limit: 3 })) keys.push(key); return keys; })()`,
    ),
    ['two-0', 'two-1', 'two-10'],
  );
  t.is(((await one.run(`store.stats()`)) as { nodes: unknown[] }).nodes.length, 3);
  t.deepEqual(await two.run(`store.members().map(({ state }) => state)`), ['up', 'up', 'up']);
  await t.throwsAsync(one.run(`store.handle()`), { message: 'KV_INVALID_OPTION' });
});

test('a node: that dies and comes back -> attached threads use it again', async (t) => {
  const { hostOf } = await import('../../src/client/open.js');
  const store = await openSmall(t, { n: 1 });
  const thread = await Thread.start(t, store);
  const writeAll = `store.putMany(Array.from({ length: 60 }, (_, index) => ['key-' + index, index])).then(() => 'done')`;
  t.is(await thread.run(writeAll), 'done');
  for (const node of [0, 1, 2]) {
    const { incarnation } = hostOf(store).supervisor(node);
    await hostOf(store).supervisor(node).terminate();
    await until(() => store.members()[node].state === 'up' && store.members()[node].incarnation > incarnation);
  }
  t.is(await thread.run(writeAll), 'done');
  t.is(await thread.run(`store.get('key-59')`), 59);
});

test('handles: more than handlesMax -> KV_TOO_MANY_HANDLES; a close or a thread’s end frees a seat', async (t) => {
  const store = await openSmall(t, { handlesMax: 2 });
  const one = await Thread.start(t, store);
  const two = await Thread.start(t, store);
  const isFull = () => failsWith(t, 'KV_TOO_MANY_HANDLES', () => store.handle(), /all 2 seats are taken/);
  await isFull();
  await one.run(`store.close().then(() => 1)`);
  await t.throwsAsync(one.run(`store.get('key')`), { message: 'KV_CLOSED' });
  let third: Thread | undefined;
  await until(async () => {
    third = await Thread.start(t, store).catch(() => undefined);
    return third !== undefined;
  });
  t.is(await third?.run(`store.put('key', 1).then(() => 'put')`), 'put');
  await isFull();
  // a thread that ends with writes in flight, and the next one on its seat, which must not take its replies
  for (let life = 0; life < 5; life++) {
    void two
      .run(`store.putMany(Array.from({ length: 3000 }, (_, index) => ['late-' + index, index]))`)
      .catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await two.worker.terminate();
  let fourth: Thread | undefined;
  await until(async () => {
    fourth = await Thread.start(t, store).catch(() => undefined);
    return fourth !== undefined;
  });
  for (let index = 0; index < 200; index++) {
    t.is(
      await fourth?.run(`store.put('own-${index}', ${index}, { w: 3 }).then(() => store.get('own-${index}'))`),
      index,
    );
  }
  t.is(await store.get('own-199'), 199);
});

test('close: of the store that made the handles -> calls of attached threads fail soon, none hangs', async (t) => {
  const store = await openSmall(t);
  const thread = await Thread.start(t, store);
  await thread.run(`store.put('key', 1).then(() => 1)`);
  await store.close();
  await t.throwsAsync(thread.run(`store.put('key', 2)`), { message: /KV_UNAVAILABLE|KV_CLOSED/ });
  await t.throwsAsync(thread.run(`store.get('key')`), { message: /KV_UNAVAILABLE|KV_CLOSED/ });
});

test('attach: of anything but a handle -> KV_INVALID_OPTION', async (t) => {
  for (const handle of [undefined, null, {}, { map: 1 }, 'handle']) {
    await failsWith(t, 'KV_INVALID_OPTION', () => attach(handle as never), /store\.handle\(\)/);
  }
});

test('handles: the host is gone, with all that keeps a thread alive -> what the thread has in flight still ends', async (t) => {
  const worker = new Worker(new URL('lone-request.js', import.meta.url));
  const told = new Promise((resolve) => worker.once('message', resolve));
  const exited = once(worker, 'exit').then(() => 'nothing');
  t.is(await Promise.race([told, exited]), 'KV_DEADLINE_EXCEEDED');
});

test('handles: the store closes under a thread’s writes -> each ends, and those that were acknowledged are there', async (t) => {
  const path = join(makeFolder(t), 'data');
  const store = await openSmall(t, { path });
  const { worker } = await Thread.start(t, store);
  worker.postMessage({
    id: 1,
    text: `(async () => {
      const acked = {}, codes = {};
      await Promise.all(Array.from({ length: 20 }, async (_, lane) => {
        for (let value = 0; ; value++) {
          try { await store.put('k' + lane, value); acked['k' + lane] = value; }
          catch (error) { codes[error.code] = true; return; }
        }
      }));
      return { acked, codes: Object.keys(codes) };
    })()`,
  });
  const answered = once(worker, 'message');
  await until(async () => ((await store.get('k0')) as number) > 20);
  await store.close();
  const [{ value }] = (await answered) as [{ value: { acked: Record<string, number>; codes: string[] } }];
  // the last by a coordinator that is still there when another node has ended
  const allowed = ['KV_NODE_RESTARTED', 'KV_UNAVAILABLE', 'KV_WRITE_QUORUM_UNMET'];
  t.true(
    value.codes.every((code) => allowed.includes(code)),
    value.codes.join(),
  );
  const again = await openSmall(t, { path });
  for (const [key, last] of Object.entries(value.acked)) t.true(((await again.get(key)) as number) >= last);
});
