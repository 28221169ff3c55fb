/**
 * Writes whose connection broke on the sender's side only, and whose bytes arrive later: they must not come up over what
 * their sender has written since, through another coordinator.
 */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import { slotOf } from '../../src/core/slot-hash.js';
import { open, type Store } from '../../src/index.js';
import { ForgetfulProxy } from './forgetful-proxy.js';
import { failsWith, makeFolder, SMALL, until } from './store-fixture.js';

const DEADLINE_MS = 3_000;
const VALUE_BYTES = 3_000;

interface Scene {
  readonly writer: Store;
  /** Its node coordinates the keys as long as the writer reaches it. */
  readonly coordinator: Store;
  readonly third: Store;
  readonly proxy: ForgetfulProxy;
  readonly keys: readonly string[];
  /** Another key of that node's. */
  readonly behind: string;
}

const isSettled = (store: Store, members: number) =>
  store.members().filter(({ state }) => state === 'up').length === members && store.ring().change === undefined;

/** Three hosts; the first two talk through the proxy, and have no other way to each other. */
async function scene(t: ExecutionContext): Promise<Scene> {
  const folder = makeFolder(t);
  const ports = [await freePort(), await freePort(), await freePort()];
  const proxy = new ForgetfulProxy(ports[0]);
  await proxy.start();
  t.teardown(() => proxy.close());
  const hosts: Store[] = [];
  for (const [index, hostId] of ['a', 'b', 'c'].entries()) {
    const isProxied = index === 1;
    const store = await open({
      ...SMALL,
      nodes: index === 0 ? 3 : 1,
      path: join(folder, hostId),
      secret: 'a secret of this test',
      listen: `127.0.0.1:${ports[index]}`,
      hostId,
      seeds: `127.0.0.1:${isProxied ? proxy.port : ports[0]}`,
      // nobody listens there: it dials, and is not dialed
      ...(isProxied && { advertise: `127.0.0.1:${await freePort()}` }),
    });
    t.teardown(() => store.close());
    hosts.push(store);
    await until(() => hosts.every((host) => isSettled(host, 2 + hosts.length)));
  }
  const [writer, coordinator, third] = hosts;
  const { preferenceLists } = writer.ring();
  const nodeOf = (name: string) => writer.members().find(({ host }) => host === name)?.node ?? -1;
  const [behind, ...keys] = Array.from({ length: 400 }, (_, index) => `key-${index}`).filter((key) => {
    const partition = Math.floor((slotOf(Buffer.from(key)) * preferenceLists.length) / 16_384);
    const list = preferenceLists[partition];
    return list[0] === nodeOf('b') && list.includes(nodeOf('c'));
  });
  return { writer, coordinator, third, proxy, keys, behind };
}

const messagesIn = async (store: Store) => (await store.stats()).bridge?.messagesIn ?? 0;

/** Lets what was held up arrive, and waits until it has been handled. */
async function release({ coordinator, proxy, keys, behind }: Scene): Promise<void> {
  const before = await messagesIn(coordinator);
  proxy.release();
  await until(async () => (await messagesIn(coordinator)) >= before + keys.length);
  // one more write a turn, each behind all that is in its mailboxes
  for (let i = 0; i < 10; i++) await coordinator.put(behind, i, { w: 1 });
}

test('broken connections: writes wait on the way, their sender writes again elsewhere -> what it wrote since stays', async (t) => {
  const all = await scene(t);
  const { writer, third, proxy, keys } = all;
  t.true(keys.length > 10);
  proxy.hold();
  const startedAt = performance.now();
  const late = keys.map((key) =>
    failsWith(t, 'KV_NODE_RESTARTED', () => writer.put(key, 'late'.padEnd(VALUE_BYTES), { deadlineMs: DEADLINE_MS })),
  );
  await until(() => proxy.heldBytes > keys.length * VALUE_BYTES);
  proxy.partFromHost();
  await Promise.all(late);
  // by then nobody mints them any more: whoever else is told of the failure may write too
  t.true(performance.now() - startedAt > DEADLINE_MS / 2);
  for (const key of keys) await writer.put(key, 'since', { deadlineMs: 10_000 });
  await release(all);
  for (const key of keys) t.is(await third.get(key, { r: 2, deadlineMs: 20_000 }), 'since', key);
});

test('broken connections: the sender has aborted its writes -> what it wrote since stays too, however soon', async (t) => {
  const all = await scene(t);
  const { writer, third, proxy, keys } = all;
  proxy.hold();
  const controllers = keys.map(() => new AbortController());
  const late = controllers.map(({ signal }, index) =>
    failsWith(t, 'KV_ABORTED', () =>
      writer.put(keys[index], 'late'.padEnd(VALUE_BYTES), { signal, deadlineMs: 60_000 }),
    ),
  );
  await until(() => proxy.heldBytes > keys.length * VALUE_BYTES);
  for (const controller of controllers) controller.abort();
  await Promise.all(late);
  proxy.partFromHost();
  await until(() => writer.members().some(({ host, state }) => host === 'b' && state !== 'up'));
  for (const key of keys) await writer.put(key, 'since', { deadlineMs: 10_000 });
  await release(all);
  for (const key of keys) t.is(await third.get(key, { r: 2, deadlineMs: 20_000 }), 'since', key);
});
