/** Moving a record of a 100-byte value from one buffer to another, as a mailbox and the hot table do. */
import { copyWords, recordBytes } from '../../src/protocol/record.js';
import { KEY_BYTES, VALUE_BYTES } from '../harness/workload.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

export const suite: MicroSuite = {
  open: () => {
    const words = recordBytes(KEY_BYTES, VALUE_BYTES, false) / 4;
    const from = new Int32Array(new SharedArrayBuffer(words * 4)).fill(3);
    const to = new Int32Array(new SharedArrayBuffer(words * 4_000));
    const copy = (index: number): number => {
      copyWords(from, 0, to, index * words, words);
      return to[index * words + words - 1];
    };
    return { cases: [repeated(`copy-${words * 4}-bytes`, 3_000, copy)] };
  },
};
