/**
 * A schedule as text, so that a failure can be run again: for each stretch the thread and the steps on shared memory that it
 * took, `producer 12, consumer 5, producer 1`; a sleep that ended by itself is marked `consumer! 3`.
 */
import { type Choice, type Execution, TIME_OUT } from './execution.js';
import type { Traced } from './machine.js';

export class ScheduleLog {
  readonly #stretches: { choice: Choice; steps: number }[] = [];

  add(choice: Choice, steps: number): void {
    const last = this.#stretches.at(-1);
    if (last !== undefined && choice < TIME_OUT && (last.choice & (TIME_OUT - 1)) === choice) last.steps += steps;
    else this.#stretches.push({ choice, steps });
  }

  text(names: readonly string[]): string {
    return this.#stretches
      .map(({ choice, steps }) => `${names[choice & (TIME_OUT - 1)]}${choice < TIME_OUT ? '' : '!'} ${steps}`)
      .join(', ');
  }
}

/** Runs these choices, and notes what was done. */
export function scheduleOf(execution: Execution, choices: readonly Choice[]): string {
  const log = new ScheduleLog();
  execution.begin();
  for (const choice of choices) {
    const before = execution.machine.steps;
    execution.step(choice);
    log.add(choice, execution.machine.steps - before);
  }
  return log.text(execution.names);
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
    const thread = choice & (TIME_OUT - 1);
    while (machine.steps < until && execution.choices().includes(thread)) execution.step(thread);
  }
  for (let next = execution.choices(); next.length > 0; next = execution.choices()) execution.step(next[0]);
  machine.everywhere = false;
  machine.trace = undefined;
  return { steps, failure: execution.failure };
}
