/**
 * Writes whose connection broke on the sender's side only, and whose bytes arrive later: they must not come up over what
 * their sender has written since, through another coordinator.
 */
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../../bench/harness/free-port.js';
import { slotOf } from '../../src/core/slot-hash.js';
import { type ErrorCode, open, type Store, StoreError } from '../../src/index.js';
import { ForgetfulProxy } from './forgetful-proxy.js';
import { makeFolder, patiently, SMALL, until } from './store-fixture.js';

const DEADLINE_MS = 3_000;
const VALUE_BYTES = 3_000;
/** What a slow machine may say of a call whose outcome is checked afterwards. */
const RETRIED = new Set<string>([
  'KV_OVERLOADED',
  'KV_DEADLINE_EXCEEDED',
  'KV_WRITE_QUORUM_UNMET',
  'KV_READ_QUORUM_UNMET',
  'KV_UNAVAILABLE',
  'KV_NODE_RESTARTED',
]);

interface Scene {
  readonly writer: Store;
  /** Its node coordinates the keys as long as the writer reaches it. */
  readonly coordinator: Store;
  readonly proxy: ForgetfulProxy;
  readonly keys: readonly string[];
  /** Another key of that node's. */
  readonly behind: string;
}

const isSettled = (store: Store, members: number) =>
  store.members().filter(({ state }) => state === 'up').length === members && store.ring().change === undefined;

/** Two hosts that talk through the proxy, and have no other way to each other. */
async function scene(t: ExecutionContext): Promise<Scene> {
  const folder = makeFolder(t);
  const ports = [await freePort(), await freePort()];
  const proxy = new ForgetfulProxy(ports[0]);
  await proxy.start();
  t.teardown(() => proxy.close());
  const common = { ...SMALL, secret: 'a secret of this test', seeds: `127.0.0.1:${proxy.port}` };
  const openHost = async (hostId: string, nodes: number, port: number, advertised: number) => {
    const addresses = { listen: `127.0.0.1:${port}`, advertise: `127.0.0.1:${advertised}` };
    const store = await open({ ...common, ...addresses, hostId, nodes, path: join(folder, hostId) });
    t.teardown(() => store.close());
    return store;
  };
  const writer = await openHost('a', 3, ports[0], proxy.port);
  // nobody listens where it says: it dials, and is not dialed
  const coordinator = await openHost('b', 1, ports[1], await freePort());
  await until(() => isSettled(writer, 4) && isSettled(coordinator, 4));
  const { preferenceLists } = writer.ring();
  const node = writer.members().find(({ host }) => host === 'b')?.node;
  const [behind, ...keys] = Array.from({ length: 400 }, (_, index) => `key-${index}`).filter((key) => {
    const partition = Math.floor((slotOf(Buffer.from(key)) * preferenceLists.length) / 16_384);
    return preferenceLists[partition][0] === node;
  });
  return { writer, coordinator, proxy, keys, behind };
}

const messagesIn = async (store: Store) => (await store.stats()).bridge?.messagesIn ?? 0;

/** Lets what was held up arrive, and waits until it has been handled. */
async function release({ coordinator, proxy, behind }: Scene, lost: readonly string[]): Promise<void> {
  const before = await messagesIn(coordinator);
  proxy.release();
  await until(async () => (await messagesIn(coordinator)) >= before + lost.length);
  // one more write a turn, each behind all that is in its mailboxes
  for (let i = 0; i < 10; i++) await patiently(() => coordinator.put(behind, i, { w: 1 }), RETRIED);
}

/** Begins a write of each key, and parts from the coordinator with them on their way; the keys whose write fails with the code. */
async function lose(all: Scene, code: ErrorCode, write: (key: string, index: number) => Promise<unknown>) {
  const { proxy, keys } = all;
  const lost: string[] = [];
  let ended = 0;
  proxy.hold();
  const ends = keys.map(async (key, index) => {
    try {
      await write(key, index);
    } catch (error) {
      if (error instanceof StoreError && error.code === code) lost.push(key);
    }
    ended++;
  });
  // a few may have gone another way
  await until(() => proxy.heldBytes > (keys.length - ended) * VALUE_BYTES);
  return { lost, ends: Promise.all(ends) };
}

async function writeSince({ writer }: Scene, lost: readonly string[]): Promise<void> {
  for (const key of lost) await patiently(() => writer.put(key, 'since', { deadlineMs: 10_000 }), RETRIED);
}

/** Once the two hosts have found each other again. */
async function checkSince(t: ExecutionContext, { writer, proxy }: Scene, lost: readonly string[]): Promise<void> {
  t.true(lost.length > 0);
  proxy.forget();
  for (const key of lost)
    t.is(await patiently(() => writer.get(key, { r: 3, deadlineMs: 1_000 }), RETRIED), 'since', key);
}

test.serial(
  'broken connections: writes wait on the way, their sender writes again elsewhere -> what it wrote since stays',
  async (t) => {
    const all = await scene(t);
    const { writer, proxy } = all;
    const startedAt = performance.now();
    const options = { deadlineMs: DEADLINE_MS };
    const late = 'late'.padEnd(VALUE_BYTES);
    const { lost, ends } = await lose(all, 'KV_NODE_RESTARTED', (key) => writer.put(key, late, options));
    proxy.partFromHost();
    await ends;
    // by then nobody mints them any more: whoever else is told of the failure may write too
    t.true(performance.now() - startedAt > DEADLINE_MS / 2);
    await writeSince(all, lost);
    await release(all, lost);
    await checkSince(t, all, lost);
  },
);

test.serial(
  'broken connections: the sender has aborted its writes -> what it wrote since stays too, however soon',
  async (t) => {
    const all = await scene(t);
    const { writer, proxy, keys } = all;
    const late = 'late'.padEnd(VALUE_BYTES);
    const controllers = keys.map(() => new AbortController());
    const { lost, ends } = await lose(all, 'KV_ABORTED', (key, index) =>
      writer.put(key, late, { signal: controllers[index].signal, deadlineMs: 60_000 }),
    );
    for (const controller of controllers) controller.abort();
    await ends;
    proxy.partFromHost();
    await until(() => writer.members().some(({ host, state }) => host === 'b' && state !== 'up'));
    await writeSince(all, lost);
    await release(all, lost);
    await checkSince(t, all, lost);
  },
);
