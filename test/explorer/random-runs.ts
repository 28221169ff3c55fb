/**
 * Random schedules with priorities (PCT: Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010): the ready thread of the
 * highest priority runs; at a few random steps the one that runs falls to the lowest. A bug that takes d such changes is
 * found by each run with a probability of at least 1 / (threads * steps^(d-1)).
 */
import { type Execution, threadOf } from './execution.js';
import { type Stretch, scheduleText } from './schedule.js';
import type { Failure } from './search.js';

export interface RandomOptions {
  readonly seed: number;
  readonly runs: number;
  /** Changes of priority in one run. */
  readonly changes?: number;
}

export interface RandomResult {
  runs: number;
  failure: Failure | undefined;
}

export function runRandomly(execution: Execution, { seed, runs, changes = 3 }: RandomOptions): RandomResult {
  const random = generator(seed);
  const result: RandomResult = { runs: 0, failure: undefined };
  let length = 100;
  while (result.runs < runs && result.failure === undefined) {
    result.runs++;
    const at = new Set(Array.from({ length: changes }, () => random(length)));
    const path = runOnce(execution, random, at);
    length = Math.max(length, path.length);
    const message = execution.failure;
    if (message === undefined) continue;
    result.failure = { message, schedule: scheduleText(path, execution.names), preemptions: changes };
  }
  return result;
}

function runOnce(execution: Execution, random: (below: number) => number, changeAt: ReadonlySet<number>): Stretch[] {
  execution.begin();
  const priorities = execution.names.map(() => 1 + random(1_000_000));
  const taken: Stretch[] = [];
  for (let choices = execution.choices(); choices.length > 0; choices = execution.choices()) {
    if (changeAt.has(taken.length)) priorities[threadOf(choices[0])] = -taken.length;
    const choice = choices.reduce((best, other) =>
      priorities[threadOf(other)] > priorities[threadOf(best)] ? other : best,
    );
    const before = execution.machine.steps;
    execution.step(choice);
    taken.push({ choice, steps: execution.machine.steps - before });
  }
  return taken;
}

/** Whole numbers below a bound, the same for the same seed (mulberry32). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
