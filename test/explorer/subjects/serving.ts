import type { Subject } from '../subject.js';
import { plainReadsSubject } from './plain-reads.js';

const READS = 'src/client/local-reads.js';
const REPLICAS = 'src/client/replicas.js';
const SERVES = 'return Atomics.load(serving, partition) === this.#serving[row]';

export const servingSubject: Subject = {
  name: 'local reads',
  scenarios: 'test/explorer/scenarios/serving.js',
  short: [],
  bounded: ['restart', 'restartAndWrite', 'plainRestart', 'plainRestartAndWrite'],
  long: [],
  files: [...plainReadsSubject.files, READS],
  scale: [
    ...(plainReadsSubject.scale ?? []),
    // the other tries are the same again
    { file: READS, from: 'const TRIES = 3;', to: 'const TRIES = 1;' },
  ],
  standIns: plainReadsSubject.standIns ?? {},
  plants: [
    {
      name: 'the reader does not look whether the node still serves',
      scenario: 'restart',
      patches: [{ file: REPLICAS, from: SERVES, to: 'return true' }],
    },
    {
      name: 'the reader does not look whether the node serves at all',
      scenario: 'restart',
      patches: [{ file: REPLICAS, from: '(serving & 1) === 0', to: 'false' }],
    },
  ],
};
