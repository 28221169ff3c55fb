import type { Subject } from '../subject.js';
import { hotTableSubject } from './hot-table.js';

const READS = 'src/client/local-reads.js';

export const servingSubject: Subject = {
  name: 'local reads',
  scenarios: 'test/explorer/scenarios/serving.js',
  short: [],
  bounded: ['restart', 'restartAndWrite'],
  long: [],
  files: [...hotTableSubject.files, 'test/explorer/scenarios/small-values.js', READS, 'src/host/ring-table.js'],
  scale: [
    ...(hotTableSubject.scale ?? []),
    // the other tries are the same again
    { file: READS, from: 'const TRIES = 3;', to: 'const TRIES = 1;' },
  ],
  standIns: { 'src/client/values.js': 'test/explorer/scenarios/small-values.js' },
  plants: [
    {
      name: 'the reader does not look whether the node still serves',
      scenario: 'restart',
      patches: [{ file: READS, from: 'Atomics.load(reader.serving, partition) !== this.#serving[i]', to: 'false' }],
    },
    {
      name: 'the reader does not look whether the node serves at all',
      scenario: 'restart',
      patches: [{ file: READS, from: '(serving & 1) === 0', to: 'false' }],
    },
  ],
};
