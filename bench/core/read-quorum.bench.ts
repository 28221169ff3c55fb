/** Deciding a read of three replicas that agree, R=2: what the shared-memory read path adds to its copies. */
import { clock, counter, nodeIndex, replicaId } from '../../src/core/ids.js';
import { addReadReply, decideRead, startRead } from '../../src/core/read-quorum.js';
import { emptySet, writeSibling } from '../../src/core/siblings.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const OPTIONS = { n: 3, r: 2, monotonic: false };

export const suite: MicroSuite = {
  open: () => {
    const dot = { replica: replicaId(1), counter: counter(1) };
    const sibling = { dot, clock: clock(1), expiresAtMs: 0, tombstone: false, tag: 0, value: Buffer.alloc(100) };
    const set = writeSibling(emptySet(), undefined, sibling);
    const decide = (): number => {
      const one = addReadReply(startRead(OPTIONS), { node: nodeIndex(0), set });
      const decision = decideRead(addReadReply(one, { node: nodeIndex(1), set }));
      return decision.kind === 'answer' ? decision.holders : 0;
    };
    return { cases: [repeated('two-replies-that-agree', 2_000, decide)] };
  },
};
