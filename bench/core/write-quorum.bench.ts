/** Deciding a write of three replicas, W=2, at each of its two confirmations. */
import { settleWrite } from '../../src/core/write-quorum.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const ALL = 0b111;

export const suite: MicroSuite = {
  open: () => {
    const decide = (): number => {
      if (settleWrite(2, ALL, ALL, 0b001, 0) !== 'wait') return 0;
      return settleWrite(2, ALL, ALL, 0b011, 0) === 'acked' ? 2 : 0;
    };
    return { cases: [repeated('two-confirmations', 2_000, decide)] };
  },
};
