/** Ticking the hybrid clock, within one millisecond and along with the wall clock. */

import { CLOCK_EPOCH_MS, logicalOf, packClock, tick } from '../../src/core/hybrid-clock.js';
import { clock } from '../../src/core/ids.js';
import { repeated } from '../micro/repeat.js';
import type { MicroSuite } from '../micro/suite.js';

const WALL_MS = CLOCK_EPOCH_MS + 1_000_000;

export const suite: MicroSuite = {
  open: () => {
    const last = packClock(WALL_MS, 7);
    return {
      cases: [
        repeated('tick-same-millisecond', 8_000, () => logicalOf(tick(last, WALL_MS))),
        repeated('tick-next-millisecond', 0, () => logicalOf(tick(clock(last), WALL_MS + 1))),
      ],
    };
  },
};
