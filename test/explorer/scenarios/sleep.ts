/**
 * A node's loop that falls asleep between two threads that send to it: the real loop, mailboxes, post offices and wake words.
 * Nobody wakes it but a producer, so that a lost wake-up leaves it asleep for ever.
 */
import { addressOf, Role } from '../../../src/actor/address.js';
import type { Outbound } from '../../../src/actor/env.js';
import { Kind } from '../../../src/protocol/messages.js';
import { Count } from '../../../src/runtime/counters.js';
import { MailboxReader } from '../../../src/runtime/mailbox.js';
import { PostOffice } from '../../../src/runtime/post-office.js';
import { Wake } from '../../../src/runtime/wake.js';
import { WorkerLoop, type WorkerLoopParts } from '../../../src/runtime/worker-loop.js';
import type { Lab, Program } from '../lab.js';

const HEADER_BYTES = 192;
const MAILBOX_BYTES = 128;
const MESSAGE_BYTES = 16;
const CONSUMER = 0;
const SLEEP_MS = 100;

function sleeper(lab: Lab, sends: readonly number[], timeOuts: number): Program {
  const threads = 1 + sends.length;
  const wake = new Wake(lab.allocate('wake', threads * 64));
  const boxes = sends.map((_, i) => lab.allocate(`mailbox-${i}`, HEADER_BYTES + MAILBOX_BYTES));
  const counters = new Int32Array(Count.actors);
  let expected = 0;
  for (const messages of sends) expected += messages;
  const loop = new WorkerLoop(
    parts(wake, counters, () => {
      if (--expected === 0) loop.stop();
    }),
  );
  const readers: MailboxReader[] = [];
  for (let i = 0; i < boxes.length; i++) readers.push(new MailboxReader(boxes[i]));
  loop.setReaders(readers);

  const posts: PostOffice[] = [];
  for (let i = 0; i < sends.length; i++) {
    const post = new PostOffice({ first: 0, room: threads }, wake, (thread) => wake.notify(thread));
    post.connect(CONSUMER, boxes[i]);
    posts.push(post);
  }
  const send = (thread: number): void => {
    const post = posts[thread];
    const out: Outbound = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
    for (let i = 0; i < sends[thread]; i++) {
      post.open(out, MESSAGE_BYTES, Kind.gossip, addressOf(Role.gossip, CONSUMER, 0), 0, i, 0);
      post.publish();
    }
  };
  const producers = {
    first() {
      send(0);
    },
    second() {
      send(1);
    },
  };
  const consumer = (): void => {
    loop.run();
  };
  return {
    threads: sends.length === 1 ? { first: producers.first, consumer } : { ...producers, consumer },
    atEnd() {
      lab.check(counters[Count.missedWakeUps] === 0, 'no wake-up was missed');
    },
    timeOut: { ms: SLEEP_MS, times: timeOuts },
  };
}

/** What the loop is wired to, as far as it matters to its sleep. */
function parts(wake: Wake, counters: Int32Array, onMessage: () => void): WorkerLoopParts {
  const nothing = (): undefined => undefined;
  return {
    thread: CONSUMER,
    system: {
      beginTurn: nothing,
      local: { length: 0, waitingBytes: 0, reset: nothing },
      deliver: onMessage,
      fireTimers: nothing,
      untilTimerMs: () => SLEEP_MS,
    } as unknown as WorkerLoopParts['system'],
    storage: {
      turnBytes: 0,
      commit: nothing,
      publish: nothing,
      maintain: nothing,
      busy: false,
      pending: false,
      pauseMs: 0,
    },
    post: { publish: nothing },
    wake,
    clock: { nowMs: () => 0 },
    counters,
    controlWaits: () => false,
  };
}

export const oneSends = (lab: Lab): Program => sleeper(lab, [2], 0);
export const twoSend = (lab: Lab): Program => sleeper(lab, [1, 1], 0);
export const sleepTimesOut = (lab: Lab): Program => sleeper(lab, [2], 1);
export const oneSendsMore = (lab: Lab): Program => sleeper(lab, [3], 0);
