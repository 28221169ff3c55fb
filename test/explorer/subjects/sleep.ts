import type { Subject } from '../subject.js';

const LOOP = 'src/runtime/worker-loop.js';
const POST = 'src/runtime/post-office.js';
const WAKE = 'src/runtime/wake.js';

export const sleepSubject: Subject = {
  name: 'sleep of a node',
  scenarios: 'test/explorer/scenarios/sleep.js',
  short: ['oneSends', 'sleepTimesOut'],
  bounded: ['twoSend'],
  long: ['oneSendsMore'],
  files: [
    LOOP,
    POST,
    WAKE,
    'src/runtime/mailbox.js',
    'src/runtime/outgoing.js',
    'src/protocol/header.js',
    'src/protocol/record.js',
  ],
  scale: [{ file: LOOP, from: 'POLLS = 40', to: 'POLLS = 1' }],
  plants: [
    {
      name: 'the sleeper does not look again behind its announcement',
      scenario: 'oneSends',
      patches: [{ file: LOOP, from: 'if (this.#hasMail() || controlWaits()) {', to: 'if (controlWaits()) {' }],
    },
    {
      name: 'the producer looks for the sleeper before it publishes',
      scenario: 'oneSends',
      patches: [
        {
          file: POST,
          from: 'outgoing.publish() && this.#wake.claim(thread)',
          to: 'this.#wake.claim(thread) & outgoing.publish()',
        },
      ],
    },
    {
      name: 'the sleeper sleeps on whatever its word says',
      scenario: 'oneSends',
      patches: [
        {
          file: WAKE,
          from: 'word, SLEEPING, timeoutMs)',
          to: 'word, Atomics.load(this.#words, word), timeoutMs)',
        },
      ],
    },
    {
      name: 'who claims a sleeper does not ring',
      scenario: 'twoSend',
      patches: [{ file: WAKE, from: 'SLEEPING, AWAKE) === SLEEPING', to: 'SLEEPING, AWAKE) !== SLEEPING' }],
    },
    {
      name: 'a sleep that timed out over mail is called a missed wake-up at once',
      scenario: 'sleepTimesOut',
      patches: [{ file: LOOP, from: '&& !wake.isClaimed(thread, CLAIM_MS)', to: '' }],
    },
  ],
};
