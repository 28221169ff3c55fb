/** What a tree costs a write: one version of a plain record taken out of it, the next put in. */
import { HashTree } from '../../src/core/hash-tree.js';
import { clock, counter, replicaId } from '../../src/core/ids.js';
import { RecordDigester } from '../../src/protocol/record-digest.js';
import { encodeRecord } from '../../src/protocol/record-set.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const RECORD_WORDS = 64;

export const suite: MicroSuite = {
  open: () => {
    const words = new Int32Array(2 * RECORD_WORDS);
    const bytes = Buffer.from(words.buffer);
    for (const count of [1, 2]) {
      const dot = { replica: replicaId(1), counter: counter(count) };
      const sibling = { dot, clock: clock(count), expiresAtMs: 0, tombstone: false, tag: 0, value: Buffer.alloc(100) };
      const key = { bytes: Buffer.from('user:000042:profile'), hash: 1, slot: 1 };
      encodeRecord(words, bytes, (count - 1) * RECORD_WORDS, key, { vector: [dot], siblings: [sibling] });
    }
    const tree = new HashTree(16);
    const digester = new RecordDigester();
    const replaced = (index: number): number => {
      words[0] = words[RECORD_WORDS];
      digester.replace(tree, words, (index & 1) * RECORD_WORDS, words, (~index & 1) * RECORD_WORDS);
      return 1;
    };
    return { cases: [repeated('replace-plain', 1_000, replaced)] };
  },
};
