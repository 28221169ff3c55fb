/** Joining two records of a key: the same write twice, an older one, and two concurrent ones. */
import { clock, counter, replicaId } from '../../src/core/ids.js';
import { emptySet, mergeSets, type Sibling, writeSibling } from '../../src/core/siblings.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const VALUE = Buffer.alloc(100, 'a');

export const suite: MicroSuite = {
  open: () => {
    const first = writeSibling(emptySet(), undefined, siblingOf(1, 1));
    const twin = writeSibling(emptySet(), undefined, siblingOf(1, 1));
    const later = writeSibling(first, first.vector, siblingOf(1, 2));
    const other = writeSibling(emptySet(), undefined, siblingOf(2, 1));
    const countOf = (left: typeof first, right: typeof first): number => mergeSets(left, right).siblings.length;
    return {
      cases: [
        repeated('merge-same', 1_000, () => countOf(first, twin)),
        repeated('merge-older', 1_000, () => countOf(later, first)),
        repeated('merge-concurrent', 2_000, () => countOf(first, other)),
        repeated('write-over', 1_000, () => writeSibling(first, first.vector, siblingOf(1, 2)).siblings.length),
      ],
    };
  },
};

function siblingOf(replica: number, count: number): Sibling {
  const dot = { replica: replicaId(replica), counter: counter(count) };
  return { dot, clock: clock(count), expiresAtMs: 0, tombstone: false, tag: 0, value: VALUE };
}
