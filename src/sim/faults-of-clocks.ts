/** What clocks do: wall clocks jump to and fro, monotonic ones run fast or slow. */
import type { Fault } from './faults.js';

/** Beyond the drift bound of half a second, so that some callers are refused. */
const JUMP_MS = 3_000;
const RATE_MAX = 0.1;

export const CLOCK_FAULTS: Readonly<Record<string, Fault>> = {
  'clock jump': {
    weight: 0.7,
    strike: ({ world, random, until }) => {
      const { clock, name } = random.pick(world.hosts);
      const jumpMs = Math.round(random.between(-JUMP_MS, JUMP_MS));
      world.trace.note(world.nowMs, () => `the wall clock of ${name} is set off by ${jumpMs} ms`);
      clock.setOffset(jumpMs);
      until(random.between(10, 200), () => clock.setOffset(0));
    },
  },
  'clock drift': {
    weight: 0.7,
    strike: ({ world, random, until }) => {
      const { clock } = random.pick(world.hosts);
      clock.run(1 + random.between(-RATE_MAX, RATE_MAX));
      until(random.between(50, 500), () => clock.run(1));
    },
  },
};
