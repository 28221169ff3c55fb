import test from 'ava';
import { type Address, addressOf, Role } from '../../src/actor/address.js';
import type { AnyBehaviour } from '../../src/actor/behaviour.js';
import type { Env, Outbound } from '../../src/actor/env.js';
import { nodeIndex } from '../../src/core/ids.js';
import { MessageView, putHeader } from '../../src/protocol/header.js';
import { Kind } from '../../src/protocol/messages.js';
import { ActorSystem } from '../../src/runtime/actor-system.js';
import { allocateCounters, Count } from '../../src/runtime/counters.js';
import { allocateMailbox, MailboxReader } from '../../src/runtime/mailbox.js';
import { Outgoing } from '../../src/runtime/outgoing.js';
import { PostOffice } from '../../src/runtime/post-office.js';
import { allocateWakeWords, Wake } from '../../src/runtime/wake.js';
import { FakeStore, placement } from './fakes.js';

const SELF = addressOf(Role.coordinator, 0, 0);
const VNODE = addressOf(Role.vnode, 0, 3);
const CLIENT = addressOf(Role.client, 0, 0);

interface Probe {
  readonly system: ActorSystem;
  readonly store: FakeStore;
  readonly outbox: MailboxReader;
  readonly post: PostOffice;
  readonly counters: Int32Array;
  readonly restarts: string[];
  readonly handled: string[];
  send(tag: number, to: Address, request?: number): void;
  taken(): number[];
}

function probe(behaviours: ReadonlyMap<Address, AnyBehaviour>, handled: string[] = []): Probe {
  const store = new FakeStore([]);
  const mailbox = allocateMailbox(4096);
  const post = new PostOffice({ first: 0, room: 1 }, new Wake(allocateWakeWords(4)), () => undefined);
  post.connect(2, mailbox);
  const counters = new Int32Array(allocateCounters(8));
  const restarts: string[] = [];
  const system = new ActorSystem({
    node: nodeIndex(0),
    store,
    placement,
    post,
    counters,
    partitions: 8,
    onRestart: (role, instance, error) => restarts.push(`${role} ${instance}: ${(error as Error).message}`),
    wallMs: () => 77,
    random: () => 5,
  });
  system.beginTurn(1_000);
  for (const [address, behaviour] of behaviours) system.spawn(address, behaviour);
  const outbox = new MailboxReader(mailbox, true);
  const view = new MessageView();
  const words = new Int32Array(8);
  return {
    system,
    store,
    outbox,
    post,
    counters,
    restarts,
    handled,
    send(tag, to, request = 0) {
      putHeader(words, 0, tag, 32, to, CLIENT, request);
      view.point(words, Buffer.from(words.buffer), 0);
      system.deliver(view);
      system.deliverLocal(view);
    },
    taken() {
      post.publish();
      const requests: number[] = [];
      for (let at = outbox.next(); at >= 0; at = outbox.next()) requests.push(outbox.words[at + 3]);
      outbox.release();
      return requests;
    },
  };
}

/** A behaviour that counts its lives and does what the request number says. */
function unruly(handled: string[]): AnyBehaviour {
  return {
    role: 'coordinator',
    init: (env: Env) => {
      handled.push('init');
      env.timer(50, 1);
      return { life: handled.filter((one) => one === 'init').length };
    },
    receive: {
      read(state: { life: number }, message: MessageView, env: Env) {
        handled.push(`read ${message.request} in life ${state.life}`);
        env.open(Kind.answered, CLIENT, message.request, 24);
        env.open(Kind.fetch, VNODE, message.request, 32);
        env.forward(message, Kind.read, VNODE, message.request);
        env.timer(10, 99);
        env.store.stage(message.request, -1);
        if (message.request < 0) throw new Error('unruly');
      },
    } as AnyBehaviour['receive'],
    onTimer(_state: never, token: number) {
      handled.push(`timer ${token}`);
      if (token === 13) throw new Error('late');
    },
  };
}

function vnode(handled: string[]): AnyBehaviour {
  const note = (_state: unknown, message: MessageView) => void handled.push(`vnode ${message.tag}/${message.request}`);
  return { role: 'vnode', init: () => ({}), receive: { fetch: note, read: note } as AnyBehaviour['receive'] };
}

function pair(): Probe {
  const handled: string[] = [];
  const behaviours = new Map([
    [SELF, unruly(handled)],
    [VNODE, vnode(handled)],
  ]);
  return probe(behaviours, handled);
}

test('actor system: a message -> its handler, whose mail, local mail, timers and records take effect', (t) => {
  const { system, store, handled, send, taken } = pair();
  send(Kind.read, SELF, 7);
  t.deepEqual(handled, ['init', 'read 7 in life 1', `vnode ${Kind.fetch}/7`, `vnode ${Kind.read}/7`]);
  t.deepEqual(store.staged, [7]);
  t.deepEqual(taken(), [7]);
  t.is(system.timers.size, 2);
});

test('actor system: a handler that throws -> none of its effects, its actor starts anew, its neighbours never notice', (t) => {
  const { system, store, counters, restarts, handled, send, taken } = pair();
  send(Kind.read, SELF, 1);
  send(Kind.read, SELF, -2);
  send(Kind.read, SELF, 3);
  t.deepEqual(store.staged, [1, 3]);
  t.deepEqual(taken(), [1, 3]);
  t.deepEqual(
    handled.filter((one) => one.startsWith('vnode')),
    [1, 1, 3, 3].map((request, i) => `vnode ${i % 2 === 0 ? Kind.fetch : Kind.read}/${request}`),
  );
  t.deepEqual(restarts, ['coordinator 0: unruly']);
  t.is(counters[Count.actorRestarts], 1);
  t.true(handled.includes('read 3 in life 2'));
  t.is(system.timers.size, 4, 'two of messages, two of lives');
});

test('actor system: more than ten restarts within a second -> the error goes up; spread out -> it does not', (t) => {
  const patient = pair();
  for (let i = 0; i < 40; i++) {
    patient.system.beginTurn(1_000 + i * 120);
    patient.send(Kind.read, SELF, -1);
  }
  t.is(patient.restarts.length, 40);
  const hasty = pair();
  for (let i = 0; i < 10; i++) hasty.send(Kind.read, SELF, -1);
  t.throws(() => hasty.send(Kind.read, SELF, -1), { message: 'unruly' });
});

test('actor system: timers -> not early, across the wrap of the clock, and one set for now waits for the next turn', (t) => {
  const handled: string[] = [];
  const again: AnyBehaviour = {
    role: 'coordinator',
    init: (env: Env) => env.timer(20, 1),
    receive: {},
    onTimer(_state: never, token: number, env: Env) {
      handled.push(String(token));
      env.timer(token < 3 ? 0 : 10, token + 1);
    },
  };
  const { system } = probe(new Map([[SELF, again]]));
  const turn = (nowMs: number) => {
    system.beginTurn(nowMs >>> 0);
    system.fireTimers();
    return handled.join(' ');
  };
  t.is(turn(1_019), '');
  t.is(turn(1_020), '1');
  t.is(turn(1_020), '1 2');
  t.is(turn(1_020), '1 2 3');
  t.is(system.untilTimerMs(1_025), 5);
  const late = probe(new Map([[SELF, again]]));
  handled.length = 0;
  late.system.beginTurn(0xffff_fffa);
  late.system.fireTimers();
  handled.length = 0;
  late.system.timers.add(Number.MAX_SAFE_INTEGER, SELF, 0);
  late.system.beginTurn(4);
  late.system.fireTimers();
  t.true(handled.length <= 1);
});

test('actor system: a timer’s handler that throws -> undone and restarted like any other', (t) => {
  const { system, handled, restarts } = pair();
  system.timers.add(0, SELF, 13);
  system.beginTurn(1_100);
  system.fireTimers();
  t.true(handled.includes('timer 13'));
  t.deepEqual(restarts, ['coordinator 0: late']);
});

test('actor system: mail for nobody, or for a message its actor does not take -> counted, nothing else', (t) => {
  const { counters, handled, send } = pair();
  const before = handled.length;
  send(Kind.read, addressOf(Role.vnode, 0, 5));
  send(Kind.scan, VNODE);
  send(Kind.read, addressOf(Role.vnode, 1, 3));
  send(250, SELF);
  t.is(counters[Count.undeliverable], 4);
  t.is(handled.length, before);
});

test('actor system: a message in pieces -> its handler gets it whole, once, in its place among others', (t) => {
  const { system, counters, handled } = pair();
  const before = handled.length;
  const mailbox = allocateMailbox(1024);
  const outgoing = new Outgoing(mailbox);
  const out: Outbound = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
  for (const [request, bytes] of [32, 5_000, 32].entries()) {
    t.true(outgoing.open(out, bytes, 1));
    putHeader(out.words, out.at, Kind.read, bytes, VNODE, CLIENT, request);
  }
  const reader = new MailboxReader(mailbox, true);
  const view = new MessageView();
  while (outgoing.publish() || outgoing.waitingBytes > 0) {
    for (let at = reader.next(); at >= 0; at = reader.next()) {
      view.point(reader.words, reader.bytes, at);
      system.deliver(view);
    }
    reader.release();
  }
  t.deepEqual(
    handled.slice(before),
    [0, 1, 2].map((request) => `vnode ${Kind.read}/${request}`),
  );
  t.is(counters[Count.undeliverable], 0);
});

test('actor system: a send that is refused -> undefined, counted; clock and chance are what was handed in', (t) => {
  const { system, counters } = pair();
  t.is(system.open(Kind.read, addressOf(Role.coordinator, 9, 0), 1, 32), undefined);
  t.is(counters[Count.refusedSends], 1);
  t.deepEqual([system.wallMs(), system.random(), system.nowMs()], [77, 5, 1_000]);
});

test('post office: a thread that was never connected is disconnected -> the others stay', (t) => {
  const { post, send, taken } = pair();
  post.disconnect(3);
  send(Kind.read, SELF, 1);
  t.deepEqual(taken(), [1]);
  t.false(post.waiting);
  post.disconnect(2);
  send(Kind.read, SELF, 2);
  t.deepEqual(taken(), []);
});
