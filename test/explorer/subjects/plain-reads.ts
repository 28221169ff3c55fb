import type { Subject } from '../subject.js';
import { hotTableSubject } from './hot-table.js';

const PLAIN = 'src/client/plain-reads.js';
const READER = 'src/storage/hot-reader.js';

export const plainReadsSubject: Subject = {
  name: 'plain reads',
  scenarios: 'test/explorer/scenarios/plain-reads.js',
  short: ['overwritten', 'staged'],
  bounded: ['moving'],
  long: ['overwrittenForLong'],
  files: [
    ...hotTableSubject.files,
    'test/explorer/scenarios/small-host.js',
    'test/explorer/scenarios/small-values.js',
    PLAIN,
    'src/client/replicas.js',
    'src/host/ring-table.js',
  ],
  scale: [
    ...(hotTableSubject.scale ?? []),
    // nothing depends on what is loaded early
    { file: READER, from: 'return this.#index[slot * 2] ^ this.#marks[slot];', to: 'return 0;' },
    { file: READER, from: 'return this.words[at] ^ this.words[at + 7 /* Rec.highs */];', to: 'return 0;' },
    {
      file: READER,
      from: 'this.words[at + KEY_END] ^ this.words[at + VALUE_MIDDLE] ^ this.words[at + VALUE_END]',
      to: '0',
    },
  ],
  standIns: { 'src/client/values.js': 'test/explorer/scenarios/small-values.js' },
  plants: [
    {
      name: 'the reader of a group does not look whether its records are still intact',
      scenario: 'overwritten',
      patches: [
        { file: PLAIN, from: '!readers[nodes[row]].intactSince(this.#positions[row], this.#laps[row])', to: 'false' },
      ],
    },
    {
      name: 'the reader of a group takes the laps behind its copy',
      scenario: 'overwrittenForLong',
      patches: [{ file: PLAIN, from: 'this.#laps[row])', to: 'readers[nodes[row]].laps)' }],
    },
    {
      name: 'the reader of a group takes what is not published',
      scenario: 'staged',
      patches: [{ file: READER, from: 'position === 0 || ((position - published) | 0) >= 0', to: 'position === 0' }],
    },
    {
      name: 'the reader of a group does not compare keys',
      scenario: 'moving',
      patches: [{ file: PLAIN, from: 'if (!isOfKey(', to: 'if (false && !isOfKey(' }],
    },
  ],
};
