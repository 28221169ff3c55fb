import type { Subject } from '../subject.js';

const FILE = 'src/runtime/mailbox.js';

export const mailboxSubject: Subject = {
  name: 'mailbox',
  scenarios: 'test/explorer/scenarios/mailbox.js',
  short: ['oneByOne', 'inPairs', 'allAtOnce'],
  bounded: ['longer'],
  long: [],
  files: [FILE],
  plants: [
    {
      name: 'a message is published before it is filled in',
      scenario: 'oneByOne',
      patches: [
        {
          file: FILE,
          from: 'this.#lastUnits = units;\n        this.#pending++;',
          to: 'this.publish(); this.#pending++;',
        },
      ],
    },
    {
      name: 'a message is released before it is read',
      scenario: 'oneByOne',
      patches: [
        {
          file: FILE,
          from: 'if (word >>> 24 !== 1 /* Kind.pad */)',
          to: 'this.release(); if (word >>> 24 !== 1 /* Kind.pad */)',
        },
      ],
    },
    {
      name: 'no pad is written at the wrap',
      scenario: 'oneByOne',
      patches: [
        {
          file: FILE,
          from: 'this.words[48 /* Ring.data */ + offset * 2] = (rest << 3) | (1 /* Kind.pad */ << 24);',
          to: '',
        },
      ],
    },
    {
      name: 'the pad takes no room',
      scenario: 'oneByOne',
      patches: [{ file: FILE, from: 'skips ? units + rest : units', to: 'units' }],
    },
    {
      name: 'the cached head is never read anew',
      scenario: 'oneByOne',
      patches: [
        {
          file: FILE,
          from: 'this.#cachedHead = Atomics.load(this.words, 0 /* Ring.head */); // Atomics: acquire; released units',
          to: '// released units',
        },
      ],
    },
    {
      name: 'a full mailbox takes one more unit',
      scenario: 'oneByOne',
      patches: [
        {
          file: FILE,
          from: '+ needed > this.capacityUnits)\n                return -1;',
          to: '+ needed > this.capacityUnits + 1) return -1;',
        },
      ],
    },
    {
      name: 'the counters are compared as they stand, not by their difference',
      scenario: 'inPairs',
      patches: [
        { file: FILE, from: 'if (this.#head === this.#cachedTail) {', to: 'if (this.#head >= this.#cachedTail) {' },
        { file: FILE, from: 'if (this.#head === this.#cachedTail)\n', to: 'if (this.#head >= this.#cachedTail)\n' },
      ],
    },
  ],
};
