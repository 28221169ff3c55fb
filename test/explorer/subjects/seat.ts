import { eventLoopGlobals } from '../event-loop.js';
import type { Subject } from '../subject.js';

const SEAT = 'src/client/seat.js';
const MAIL = 'src/runtime/event-loop-mail.js';

export const seatSubject: Subject = {
  name: 'sleep of a client',
  scenarios: 'test/explorer/scenarios/seat.js',
  short: ['threeMessages'],
  bounded: [],
  long: ['fiveMessages'],
  files: [
    SEAT,
    MAIL,
    'src/runtime/mailbox.js',
    'src/runtime/outgoing.js',
    'src/runtime/post-office.js',
    'src/runtime/wake.js',
    'src/protocol/header.js',
    'src/protocol/record.js',
  ],
  // a built-in method cannot be suspended within
  scale: [
    {
      file: SEAT,
      from: 'this.#readers = boxes.inboxes.map((box) => new MailboxReader(box));',
      to: 'this.#readers = []; for (const box of boxes.inboxes) this.#readers.push(new MailboxReader(box));',
    },
  ],
  globals: eventLoopGlobals,
  plants: [
    {
      name: 'the client does not look again behind its announcement',
      scenario: 'threeMessages',
      patches: [
        {
          file: MAIL,
          from: 'announceSleep(this.#thread);\n        if (this.hasMail())\n            this.drain();',
          to: 'announceSleep(this.#thread);',
        },
      ],
    },
    {
      name: 'the client looks for mail once, not again in the next turn of its event loop',
      scenario: 'threeMessages',
      patches: [{ file: MAIL, from: 'setImmediate(() => this.#lookAgain());', to: 'this.#looking = false;' }],
    },
  ],
};
