/**
 * All interleavings of a scenario, or all with at most so many preemptions (a switch away from a thread that could go on):
 * depth first, each execution run from the start (Musuvathi and Qadeer, "Iterative context bounding", PLDI 2007). A state
 * that was reached before is not followed again, but counted.
 */
import type { Choice, Execution } from './execution.js';
import { type Stretch, scheduleText } from './schedule.js';

export interface SearchOptions {
  /** Preemptions at most; all interleavings without it. */
  readonly preemptions?: number;
  /** Executions at most. */
  readonly runsMax?: number;
}

export interface SearchResult {
  /** Executions: whole ones, and those that came to a known state. */
  runs: number;
  /** States in which more than one thread could go on. */
  states: number;
  /** Interleavings of contended steps that the runs stand for; only where the search is not bounded. */
  interleavings: number;
  /** Whether everything was seen. */
  complete: boolean;
  failure: Failure | undefined;
}

export interface Failure {
  readonly message: string;
  /** For `replay`. */
  readonly schedule: string;
  readonly preemptions: number;
}

/** A state with more than one way on, and the way under way. */
interface Fork {
  readonly fingerprint: number;
  /** Choices before it. */
  readonly depth: number;
  readonly choices: readonly Choice[];
  /** Whether the choices behind the first are preemptions. */
  readonly preempts: boolean;
  taken: number;
  interleavings: number;
  /** Preemptions before it. */
  readonly preemptions: number;
}

export function search(execution: Execution, options: SearchOptions = {}): SearchResult {
  for (;;) {
    const before = execution.machine.memory.contendedWords;
    const result = new Search(execution, options).run();
    // steps on a word that turned out to be contended were not stops before: all of it again
    if (result.failure !== undefined || execution.machine.memory.contendedWords === before) return result;
  }
}

class Search {
  readonly #execution: Execution;
  readonly #bound: number;
  readonly #runsMax: number;
  readonly #forks: Fork[] = [];
  /** What is known of a state: interleavings from it on, or in a bounded search the fewest preemptions before it. */
  readonly #known = new Map<number, number>();
  readonly #path: Stretch[] = [];

  constructor(execution: Execution, { preemptions, runsMax }: SearchOptions) {
    this.#execution = execution;
    this.#bound = preemptions ?? Number.POSITIVE_INFINITY;
    this.#runsMax = runsMax ?? Number.POSITIVE_INFINITY;
  }

  run(): SearchResult {
    const result: SearchResult = { runs: 0, states: 0, interleavings: 0, complete: false, failure: undefined };
    while (result.runs < this.#runsMax) {
      result.runs++;
      const more = this.#runOnce();
      if (this.#execution.failure !== undefined) {
        result.failure = this.#failure(this.#execution.failure);
        break;
      }
      if (!Number.isFinite(this.#bound)) this.#count(more, result);
      if (!this.#backtrack(result)) {
        result.complete = true;
        break;
      }
    }
    result.states = this.#known.size;
    return result;
  }

  /** Follows the way to the last fork again, then goes on. Returns the interleavings that begin where it ended. */
  #runOnce(): number {
    const execution = this.#execution;
    execution.begin();
    const last = this.#forks.at(-1);
    if (last !== undefined) {
      this.#path.length = last.depth;
      for (const { choice } of this.#path) execution.step(choice);
      this.#step(last.choices[last.taken]);
    }
    while (execution.failure === undefined) {
      const choices = execution.choices();
      if (choices.length === 0) return 1;
      const known = choices.length > 1 ? this.#fork(choices) : undefined;
      if (known !== undefined) return known;
      this.#step(choices[0]);
    }
    return 0;
  }

  #step(choice: Choice): void {
    const { machine } = this.#execution;
    const before = machine.steps;
    this.#execution.step(choice);
    this.#path.push({ choice, steps: machine.steps - before });
  }

  /** Opens a fork, or says what is known of the state. */
  #fork(choices: readonly Choice[]): number | undefined {
    const { machine, current } = this.#execution;
    const bounded = Number.isFinite(this.#bound);
    const fingerprint = machine.fingerprint(bounded ? current + 1 : 0);
    const preemptions = this.#preemptions();
    const known = this.#known.get(fingerprint);
    if (known !== undefined && (!bounded || known <= preemptions)) return known;
    this.#known.set(fingerprint, bounded ? preemptions : 0);
    const preempts = choices[0] === current;
    const open = preempts && preemptions >= this.#bound ? choices.slice(0, 1) : choices;
    const depth = this.#path.length;
    this.#forks.push({ fingerprint, depth, choices: open, preempts, taken: 0, interleavings: 0, preemptions });
    return undefined;
  }

  #preemptions(): number {
    const last = this.#forks.at(-1);
    if (last === undefined) return 0;
    return last.preemptions + (last.preempts && last.taken > 0 ? 1 : 0);
  }

  #count(interleavings: number, whole: SearchResult): void {
    const place = this.#forks.at(-1) ?? whole;
    place.interleavings += interleavings;
  }

  /** The next way of the last fork that has one; false where there is none. */
  #backtrack(result: SearchResult): boolean {
    for (;;) {
      const last = this.#forks.at(-1);
      if (last === undefined) return false;
      if (++last.taken < last.choices.length) return true;
      this.#forks.pop();
      if (Number.isFinite(this.#bound)) continue;
      this.#known.set(last.fingerprint, last.interleavings);
      this.#count(last.interleavings, result);
    }
  }

  #failure(message: string): Failure {
    const schedule = scheduleText(this.#path, this.#execution.names);
    return { message, schedule, preemptions: this.#preemptions() };
  }
}
