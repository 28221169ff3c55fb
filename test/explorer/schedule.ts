/**
 * A schedule as text, so that a failure can be run again: for each stretch the thread and the steps on shared memory that it
 * took, `producer 12, consumer 5, producer 1`; a sleep that ended by itself is marked `consumer! 3`.
 */
import { type Choice, type Execution, TIME_OUT, threadOf } from './execution.js';
import type { Traced } from './machine.js';

/** What one choice led to: this many steps on shared memory. */
export interface Stretch {
  readonly choice: Choice;
  readonly steps: number;
}

export function scheduleText(stretches: readonly Stretch[], names: readonly string[]): string {
  const joined: { choice: Choice; steps: number }[] = [];
  for (const { choice, steps } of stretches) {
    const last = joined.at(-1);
    if (last !== undefined && threadOf(last.choice) === choice) last.steps += steps;
    else joined.push({ choice, steps });
  }
  return joined
    .map(({ choice, steps }) => `${names[threadOf(choice)]}${choice < TIME_OUT ? '' : '!'} ${steps}`)
    .join(', ');
}

/** Runs a schedule again, and then each thread to its end. Returns every step, and what went wrong. */
export function replay(execution: Execution, schedule: string): { steps: Traced[]; failure: string | undefined } {
  const { machine } = execution;
  const steps: Traced[] = [];
  machine.everywhere = true;
  machine.trace = steps;
  execution.begin();
  for (const stretch of schedule.split(', ')) {
    const [name, count] = stretch.split(' ');
    const choice = execution.names.indexOf(name.replace('!', '')) + (name.endsWith('!') ? TIME_OUT : 0);
    const until = machine.steps + Number(count);
    if (!execution.choices().includes(choice)) break;
    execution.step(choice);
    const thread = threadOf(choice);
    while (machine.steps < until && execution.choices().includes(thread)) execution.step(thread);
  }
  for (let next = execution.choices(); next.length > 0; next = execution.choices()) execution.step(next[0]);
  machine.everywhere = false;
  machine.trace = undefined;
  return { steps, failure: execution.failure };
}
