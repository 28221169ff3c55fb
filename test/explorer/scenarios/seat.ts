/**
 * A client's thread between turns of its event loop, and a node that sends to it and rings its bell where it finds it
 * asleep. A bell that is not rung leaves the client waiting for ever.
 */
import type { MessagePort } from 'node:worker_threads';
import { addressOf, Role } from '../../../src/actor/address.js';
import type { Outbound } from '../../../src/actor/env.js';
import { Seat } from '../../../src/client/seat.js';
import type { ThreadMap } from '../../../src/host/thread-map.js';
import { Kind } from '../../../src/protocol/messages.js';
import { PostOffice } from '../../../src/runtime/post-office.js';
import { Wake } from '../../../src/runtime/wake.js';
import { eventLoop } from '../event-loop.js';
import type { Lab, Program } from '../lab.js';

const HEADER_BYTES = 192;
const MAILBOX_BYTES = 128;
const MESSAGE_BYTES = 16;
const CLIENT_THREAD = 2;

function seatFor(lab: Lab, messages: number): Program {
  const wakeWords = lab.allocate('wake', 192);
  const inbox = lab.allocate('inbox', HEADER_BYTES + MAILBOX_BYTES);
  const outbox = lab.allocate('outbox', HEADER_BYTES + MAILBOX_BYTES);
  /** Messages in the port of the bell. */
  const port = new Int32Array(lab.allocate('port', 4));
  const map = { first: 0, room: 1, wake: wakeWords, clockStartMs: 0, status: lab.allocate('status', 64) };
  let received = 0;
  let onBell = (): void => undefined;
  const bell = {
    on: (_name: string, listener: () => void) => {
      onBell = listener;
    },
    unref: () => undefined,
    close: () => undefined,
  };
  eventLoop.immediates.length = 0;
  const seat = new Seat(
    map as unknown as ThreadMap,
    { seat: 0, tenancy: 0, outboxes: [outbox], inboxes: [inbox] },
    (view) => {
      lab.check(view.request === received++, 'messages come whole, once and in order');
    },
  );
  seat.setBell(0, bell as unknown as MessagePort);

  const wake = new Wake(wakeWords);
  // Atomics: the port of the bell is a queue of the system's
  const post = new PostOffice({ first: 0, room: 1 }, wake, () => Atomics.add(port, 0, 1));
  post.connect(CLIENT_THREAD, inbox);
  return {
    threads: {
      node() {
        const out: Outbound = { words: new Int32Array(0), bytes: Buffer.alloc(0), at: 0 };
        for (let i = 0; i < messages; i++) {
          post.open(out, MESSAGE_BYTES, Kind.gossip, addressOf(Role.client, 0, 0), 0, i, 0);
          post.publish();
        }
      },
      client() {
        for (let bells = 0; ; ) {
          const immediate = eventLoop.immediates.shift();
          if (immediate !== undefined) {
            immediate();
            continue;
          }
          if (received === messages) return;
          lab.hold(port, 0, bells);
          bells++;
          onBell();
        }
      },
    },
  };
}

export const threeMessages = (lab: Lab): Program => seatFor(lab, 3);
export const fiveMessages = (lab: Lab): Program => seatFor(lab, 5);
