/** Comparing and joining version vectors of three replicas. */
import { counter, replicaId } from '../../src/core/ids.js';
import { compareVectors, covers, emptyVector, mergeVectors, withDot } from '../../src/core/version-vector.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const dotOf = (replica: number, count: number) => ({ replica: replicaId(replica), counter: counter(count) });
const vectorOf = (counts: readonly number[]) =>
  counts.reduce((vector, count, index) => withDot(vector, dotOf(index + 1, count)), emptyVector());

export const suite: MicroSuite = {
  open: () => {
    const vector = vectorOf([5, 6, 7]);
    const before = vectorOf([4, 6, 7]);
    const concurrent = vectorOf([6, 5, 7]);
    const dot = dotOf(3, 7);
    return {
      cases: [
        repeated('covers', 1_000, () => (covers(vector, dot) ? 1 : 0)),
        repeated('compare', 1_000, () => (compareVectors(before, vector) === 'before' ? 1 : 0)),
        repeated('merge-covered', 1_000, () => (mergeVectors(vector, before) === vector ? 1 : 0)),
        repeated('merge-concurrent', 6_000, () => mergeVectors(vector, concurrent)[0].counter),
      ],
    };
  },
};
