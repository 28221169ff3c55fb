/** Deciding a write of three replicas, W=2, from its two confirmations. */
import { nodeIndex } from '../../src/core/ids.js';
import { addWriteReply, decideWrite, startWrite } from '../../src/core/write-quorum.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const OPTIONS = { n: 3, w: 2 };

export const suite: MicroSuite = {
  open: () => {
    const decide = (): number => {
      const one = addWriteReply(startWrite(OPTIONS), { node: nodeIndex(0), durability: 'interval' });
      const decision = decideWrite(addWriteReply(one, { node: nodeIndex(1), durability: 'interval' }));
      return decision.kind === 'acked' ? decision.replicas : 0;
    };
    return { cases: [repeated('two-confirmations', 2_000, decide)] };
  },
};
