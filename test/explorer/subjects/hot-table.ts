import type { Subject } from '../subject.js';

const READER = 'src/storage/hot-reader.js';
const INDEX = 'src/storage/hot-index.js';
const ARENA = 'src/storage/arena.js';
const RECLAIMER = 'src/storage/reclaimer.js';
const RECLAIMED = 'Atomics.exchange(this.#control, 32 /* Control.reclaimed */, this.tail);';
const PUBLISHED = 'Atomics.store(this.#control, 0 /* Control.published */, this.head);';
const GROWN = 'Atomics.store(this.#control, 49 /* Control.slots */, this.#slots);';
const EVEN = 'Atomics.add(this.#control, 48 /* Control.moves */, 1); // Atomics: RMW; even again, after the last entry';
const INTACT = '((position - reclaimed) | 0) >= 0 && laps - lapsBefore < 2';

export const hotTableSubject: Subject = {
  name: 'hot table',
  scenarios: 'test/explorer/scenarios/hot-table.js',
  short: ['overwritten', 'movingLast', 'growing', 'undoing', 'seenByTwo'],
  bounded: ['movingFirst', 'comingBack', 'secondChance'],
  long: ['overwrittenForLong', 'overwrittenTwice', 'growingTwice', 'movingAll', 'comingBackTwice'],
  files: [
    'test/explorer/scenarios/small-table.js',
    READER,
    INDEX,
    ARENA,
    RECLAIMER,
    'src/storage/turn-log.js',
    'src/storage/log-block.js',
    'src/storage/bloom-filter.js',
    'src/protocol/record.js',
  ],
  scale: [{ file: INDEX, from: 'SLOTS_FIRST = 16 * 1024', to: 'SLOTS_FIRST = 4' }],
  plants: [
    {
      name: 'what is reclaimed is announced behind the overwriting',
      scenario: 'overwritten',
      patches: [
        { file: ARENA, from: RECLAIMED, to: '' },
        { file: ARENA, from: PUBLISHED, to: `${PUBLISHED} ${RECLAIMED}` },
      ],
    },
    {
      name: 'the reader does not look whether its record is still intact',
      scenario: 'overwritten',
      patches: [{ file: READER, from: INTACT, to: 'true' }],
    },
    {
      name: 'the reader does not compare laps',
      scenario: 'overwrittenForLong',
      patches: [{ file: READER, from: INTACT, to: '((position - reclaimed) | 0) >= 0' }],
    },
    {
      name: 'a new lap is not announced',
      scenario: 'overwrittenForLong',
      patches: [{ file: ARENA, from: 'Atomics.store(this.#control, 16 /* Control.laps */, this.#lap);', to: '' }],
    },
    {
      name: 'a second chance is written before the tail is released',
      scenario: 'secondChance',
      patches: [{ file: RECLAIMER, from: 'this.#arena.releaseTail();\n            const copy', to: 'const copy' }],
    },
    {
      name: 'slots move without a word',
      scenario: 'movingLast',
      patches: [
        {
          file: INDEX,
          from: 'odd before the first move\n        Atomics.add(control, 48 /* Control.moves */, 1);',
          to: '',
        },
        { file: INDEX, from: 'Atomics.add(control, 48 /* Control.moves */, 1); // Atomics: RMW; even', to: '// even' },
      ],
    },
    {
      name: 'a miss counts though slots have moved meanwhile',
      scenario: 'movingLast',
      patches: [
        {
          file: READER,
          from: '(moves & 1) !== 0 || Atomics.load(this.#control, 48 /* Control.moves */) !== moves',
          to: '(moves & 1) !== 0',
        },
      ],
    },
    {
      name: 'a miss counts while a slot is on its way',
      scenario: 'movingLast',
      patches: [{ file: READER, from: '(moves & 1) !== 0 || ', to: '' }],
    },
    {
      name: 'the index grows without a word',
      scenario: 'growing',
      patches: [
        { file: INDEX, from: 'Atomics.add(this.#control, 48 /* Control.moves */, 1); // Atomics: RMW, a', to: '// a' },
        { file: INDEX, from: 'Atomics.add(this.#control, 48 /* Control.moves */, 1); // Atomics: RMW; even', to: '//' },
      ],
    },
    {
      name: 'the size of the index is announced behind the count of its moves',
      scenario: 'growing',
      patches: [
        { file: INDEX, from: `${GROWN} // Atomics: seq_cst, while`, to: '// while' },
        { file: INDEX, from: EVEN, to: `${EVEN}\n        ${GROWN}` },
      ],
    },
    {
      name: 'the reader does not step back to what is published',
      scenario: 'undoing',
      patches: [{ file: READER, from: '((position - published) | 0) >= 0; steps++', to: 'false; steps++' }],
    },
    {
      name: 'a withdrawn record counts',
      scenario: 'undoing',
      patches: [{ file: READER, from: '!== 0 ? -2 /* Found.unsettled */ : at', to: '!== 0 ? at : at' }],
    },
    {
      name: 'the filter is not told of what the disk has',
      scenario: 'movingFirst',
      patches: [{ file: 'src/storage/bloom-filter.js', from: 'words[base + index] = word | mask;', to: '' }],
    },
  ],
};
