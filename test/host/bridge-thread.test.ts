/** The thread of the bridge, ended in the middle: what the host does then. */
import { connect, createServer } from 'node:net';
import type { MessagePort } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { hostOf } from '../../src/client/open.js';
import { firstRingState } from '../../src/core/ring-state.js';
import { BridgeThread } from '../../src/host/bridge-thread.js';
import type { ControlLink } from '../../src/host/control.js';
import { allocateThreadMap, mailboxBetween } from '../../src/host/thread-map.js';
import { bridgeThread } from '../../src/runtime/post-office.js';
import { ringOf } from '../../src/sim/ring-plan.js';
import { eventually } from '../bridge/bridge-fixture.js';
import { freePorts } from '../bridge/rogue.js';
import { openSmall } from '../client/store-fixture.js';

const SHAPE = { n: 1, partitions: 2 };
/** Word of a mailbox's tail (runtime/mailbox.ts). */
const TAIL = 16;
const FACTS = { options: {}, ring: undefined, clusterId: 'c', hosts: [] };

async function scene(t: ExecutionContext) {
  const ring = firstRingState(ringOf({ weights: [1], ...SHAPE }));
  const sizes = { clockStartMs: 0, seats: 1, nodeBytes: 1024 * 1024, pairBytesMax: 1024 };
  const range = { first: 0, room: 1 };
  const map = allocateThreadMap({ hostId: 'h', zone: 'z', hasBridge: true, ...range, ...sizes, ...SHAPE }, ring);
  const [port] = await freePorts(1);
  const codes: string[] = [];
  const bridge = new BridgeThread({
    map,
    settings: () => ({
      self: { host: 'h', address: `127.0.0.1:${port}`, ...range, zone: 'z', machine: 'm' },
      listen: { host: '127.0.0.1', port },
      seeds: [],
      known: [],
      clusterName: 'test',
      optionsHash: 'options',
      clockDriftMaxMs: 60_000,
    }),
    facts: () => FACTS,
    marks: () => ({ own: [], seen: [] }),
    onSpawn: async () => undefined,
    onEvent: () => undefined,
    onError: (error) => codes.push((error as { code: string }).code),
  });
  t.teardown(() => bridge.close());
  await bridge.start();
  const mailbox = new Int32Array(mailboxBetween(map, 0, bridgeThread(map)));
  /** A mailbox of nonsense: the thread ends when it looks there. */
  const end = () => void Atomics.add(mailbox, TAIL, 1); // Atomics: RMW, any order will do
  return { bridge, port, codes, end };
}

function answersAt(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

async function answersSoon(port: number): Promise<boolean> {
  for (const untilMs = performance.now() + 20_000; performance.now() < untilMs; ) {
    if (await answersAt(port)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

test('bridge thread: ends, and its port is taken for a while -> told, and it listens again once the port is free', async (t) => {
  const { port, codes, end } = await scene(t);
  end();
  await eventually(() => codes.length === 1, 'the thread has ended');
  const other = createServer().listen(port, '127.0.0.1');
  await eventually(() => codes.includes('KV_IN_USE'), 'the port is found taken');
  await new Promise((resolve) => other.close(resolve));
  t.true(await answersSoon(port));
});

test('bridge thread: ends with calls on their way -> they fail', async (t) => {
  const { bridge, end } = await scene(t);
  end();
  // it ends while this thread does not look
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000); // Atomics: a pause
  const calls = [bridge.setFacts(FACTS, []), bridge.setOwn([]), bridge.detachSeat(0)];
  const late = new Promise((resolve) => setTimeout(() => resolve('late'), 5_000));
  for (const call of calls) t.is(await Promise.race([call.catch(({ code }) => code), late]), 'KV_CLOSED');
});

test('bridge thread: ends while a node is introduced to it -> that node begins its life without', async (t) => {
  const { bridge, end } = await scene(t);
  let attached = 0;
  const attachBridge = async (bell: MessagePort) => {
    attached++;
    bell.close();
  };
  await bridge.introduce(0, { attachBridge });
  t.is(attached, 1);
  end();
  // it ends while this thread does not look
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000); // Atomics: a pause
  await t.notThrowsAsync(bridge.introduce(0, { attachBridge }));
  t.is(attached, 1);
});

test('bridge thread: ends while a node recovers -> the next one listens at once, and meets the node when that has', async (t) => {
  const [port] = await freePorts(1);
  const store = await openSmall(t, { listen: `127.0.0.1:${port}`, hostId: 'h', nodesMax: 4 });
  const { map, threads } = hostOf(store);
  const link = threads.supervisor(1).link as ControlLink;
  const attach = link.attachBridge.bind(link);
  let recovered = () => {};
  const recovery = new Promise<void>((resolve) => {
    recovered = resolve;
  });
  let isMet = false;
  // a thread that recovers answers no call
  link.attachBridge = async (bell) => {
    await recovery;
    await attach(bell);
    isMet = true;
  };
  t.teardown(recovered);
  const told: string[] = [];
  store.on('storage-error', ({ message }) => told.push(message));
  // of a node that does not run
  const mailbox = new Int32Array(mailboxBetween(map, 3, bridgeThread(map)));
  Atomics.add(mailbox, TAIL, 1); // Atomics: RMW, any order will do
  await eventually(() => told.some((message) => message.includes('the bridge ended')), 'the thread has ended');
  Atomics.sub(mailbox, TAIL, 1); // Atomics: RMW, see above
  t.true(await answersSoon(port));
  t.false(isMet);
  recovered();
  await eventually(() => isMet, 'the node has its bell');
});
