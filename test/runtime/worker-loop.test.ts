import test from 'ava';
import { addressOf, Role } from '../../src/actor/address.js';
import type { AnyBehaviour } from '../../src/actor/behaviour.js';
import type { Env } from '../../src/actor/env.js';
import { nodeIndex } from '../../src/core/ids.js';
import type { MessageView } from '../../src/protocol/header.js';
import { TURN_BYTES_MAX, TURN_MESSAGES_MAX } from '../../src/protocol/limits.js';
import { Kind } from '../../src/protocol/messages.js';
import { ActorSystem } from '../../src/runtime/actor-system.js';
import { allocateCounters, Count } from '../../src/runtime/counters.js';
import { WorkerLoop } from '../../src/runtime/worker-loop.js';
import { FakeReader, FakeStore, placement } from './fakes.js';

const COORDINATOR = addressOf(Role.coordinator, 0, 0);
const VNODE = addressOf(Role.vnode, 0, 0);

/** A coordinator that hands writes to its vnode, and a vnode that logs `recordBytes` for each. */
function spawnActors(system: ActorSystem, journal: string[], recordBytes: number): void {
  const coordinator: AnyBehaviour = {
    role: 'coordinator',
    init: () => ({}),
    receive: {
      read: (_state: unknown, message: MessageView) => void journal.push(`read ${message.request}`),
      write(_state: unknown, message: MessageView, env: Env) {
        journal.push(`write ${message.request}`);
        env.forward(message, Kind.mint, VNODE, message.request);
      },
    } as AnyBehaviour['receive'],
  };
  const vnode: AnyBehaviour = {
    role: 'vnode',
    init: () => ({}),
    receive: {
      mint(_state: unknown, message: MessageView, env: Env) {
        env.store.reserve(recordBytes);
        journal.push(`mint ${message.request}`);
      },
    } as AnyBehaviour['receive'],
  };
  system.spawn(COORDINATOR, coordinator);
  system.spawn(VNODE, vnode);
}

/** A loop of two mailboxes over fakes. Writes go to the vnode through the local queue, which logs `recordBytes` each. */
function fixture(recordBytes = 100) {
  const journal: string[] = [];
  const store = new FakeStore(journal);
  const counters = new Int32Array(allocateCounters(8));
  const system = new ActorSystem({
    node: nodeIndex(0),
    store,
    placement,
    post: { open: () => true, undo: () => undefined },
    counters,
    partitions: 8,
    onRestart: () => undefined,
  });
  const sleeps: number[] = [];
  const state = { claimed: false, control: false, waiting: false, woken: true };
  const loop = new WorkerLoop({
    thread: 0,
    system,
    storage: store,
    post: {
      publish: () => void journal.push('post'),
      get waiting() {
        return state.waiting;
      },
    },
    wake: {
      announceSleep: () => void journal.push('announce'),
      stayAwake: () => void journal.push('awake'),
      sleep: (_thread, timeoutMs) => {
        sleeps.push(timeoutMs);
        loop.stop();
        return state.woken;
      },
      isClaimed: () => state.claimed,
    },
    clock: { nowMs: () => 0 },
    counters,
    controlWaits: () => state.control,
  });
  spawnActors(system, journal, recordBytes);
  const readers = ['a', 'b'].map((name) => new FakeReader(name, journal));
  loop.setReaders(readers);
  return { loop, store, readers, journal, counters, sleeps, state, system };
}

const positions = (journal: readonly string[], ...names: string[]): number[] =>
  names.map((name) => journal.indexOf(name));

test('worker loop: one turn -> handlers, local mail, log, publication, post, release, maintenance, in this order', (t) => {
  const { loop, readers, journal, counters } = fixture();
  readers[0].send(Kind.write, COORDINATOR, 1);
  readers[1].send(Kind.read, COORDINATOR, 2);
  t.is(loop.turn(0), 2);
  const order = positions(journal, 'mint 1', 'commit', 'publish', 'post', 'release a', 'release b', 'maintain');
  t.deepEqual(
    order,
    [...order].sort((x, y) => x - y),
  );
  t.true(order[0] >= 0 && journal.indexOf('read 2') < order[1]);
  t.deepEqual([counters[Count.turns], counters[Count.messages]], [1, 2]);
});

test('worker loop: a log write that fails -> nothing is published, posted or released, and run ends with the error', async (t) => {
  const { loop, store, readers, journal } = fixture();
  readers[0].send(Kind.write, COORDINATOR, 1);
  store.commitFails = new Error('the disk is gone');
  await t.throwsAsync(loop.run(), { message: 'the disk is gone' });
  t.deepEqual(journal, ['write 1', 'mint 1']);
});

test('worker loop: stopped while there is mail -> what has come is done before it ends, but not for ever', async (t) => {
  const { loop, readers, journal } = fixture();
  for (let request = 1; request <= 2 * TURN_MESSAGES_MAX; request++) readers[0].send(Kind.write, COORDINATOR, request);
  loop.stop();
  await loop.run();
  t.is(journal.filter((what) => what.startsWith('mint')).length, 2 * TURN_MESSAGES_MAX);
  const flooded = fixture();
  flooded.readers[1].hasMailNow = () => true;
  flooded.loop.stop();
  await flooded.loop.run();
  t.true(flooded.journal.filter((what) => what === 'commit').length < 100);
});

test('worker loop: a mailbox with more than a turn takes -> the other is served in the same turn', (t) => {
  const { loop, readers, journal } = fixture(1);
  for (let i = 0; i < TURN_MESSAGES_MAX + 40; i++) readers[0].send(Kind.read, COORDINATOR, i);
  readers[1].send(Kind.read, COORDINATOR, 7_777);
  t.is(loop.turn(0), TURN_MESSAGES_MAX + 1);
  t.true(journal.includes('read 7777'));
  t.is(loop.turn(0), 40);
});

test('worker loop: writes that use up a turn’s log bytes -> it ends in time, and each mailbox has its turns', (t) => {
  const { loop, store, readers, journal } = fixture(100 * 1024);
  for (let i = 0; i < 60; i++) readers[0].send(Kind.write, COORDINATOR, i, 16 * 1024);
  readers[1].send(Kind.write, COORDINATOR, 9_999);
  const seen: number[] = [];
  const commit = store.commit.bind(store);
  store.commit = () => {
    seen.push(store.turnBytes);
    commit();
  };
  loop.turn(0);
  loop.turn(0);
  t.true(journal.includes('mint 9999'), 'within two turns');
  for (let i = 0; i < 60; i++) loop.turn(0);
  t.is(journal.filter((one) => one.startsWith('mint')).length, 61);
  t.true(Math.max(...seen) < 5 * TURN_BYTES_MAX);
});

test('worker loop: nothing to do -> sleeps, at most until the next timer, a millisecond while something is under way', async (t) => {
  const idle = fixture();
  await idle.loop.run();
  t.deepEqual(idle.sleeps, [100]);
  const timer = fixture();
  timer.system.timers.add(30, COORDINATOR, 1);
  await timer.loop.run();
  t.deepEqual(timer.sleeps, [30]);
  for (const what of ['busy', 'waiting'] as const) {
    const under = fixture();
    if (what === 'busy') under.store.busy = true;
    else under.state.waiting = true;
    await under.loop.run();
    t.deepEqual(under.sleeps, [1], what);
  }
});

test('worker loop: mail or a control message between the announcement and the sleep -> it stays awake', async (t) => {
  for (const what of ['mail', 'control'] as const) {
    const { loop, store, readers, journal, sleeps, state } = fixture();
    readers[1].hasMailNow = () => what === 'mail' && journal.includes('announce');
    store.publish = () => {
      // the second turn is the last
      if (journal.includes('awake')) loop.stop();
    };
    Object.defineProperty(state, 'control', { get: () => what === 'control' && journal.at(-1) === 'announce' });
    await loop.run();
    t.true(journal.indexOf('awake') > journal.indexOf('announce'), what);
    t.true(sleeps.length <= 1 && journal.indexOf('announce') >= 0, what);
  }
});

test('worker loop: a sleep that times out though mail is there -> counted as missed, unless its producer came', async (t) => {
  for (const claimed of [false, true]) {
    const { loop, readers, counters, state, sleeps } = fixture();
    state.woken = false;
    state.claimed = claimed;
    readers[0].hasMailNow = () => sleeps.length > 0;
    await loop.run();
    t.is(counters[Count.missedWakeUps], claimed ? 0 : 1);
  }
});
