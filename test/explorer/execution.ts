/** One execution of a scenario: its threads as coroutines, one of which takes a step at a time. */
import { Lab, type Program, type Scenario } from './lab.js';
import { Doing, Machine } from './machine.js';

/** Which thread goes on, or with TIME_OUT added, whose sleep ends by itself. */
export type Choice = number;
export const TIME_OUT = 16;
export const threadOf = (choice: Choice): number => choice & (TIME_OUT - 1);

type Coroutine = Generator<void, unknown>;

export class Execution {
  readonly machine = new Machine();
  readonly lab = new Lab(this.machine);
  /** Names of the threads. */
  names: string[] = [];
  /** The thread that took the last step; -1 at the beginning. */
  current = -1;
  /** What has gone wrong. */
  failure: string | undefined;
  #scenario: Scenario | undefined;
  #program: Program | undefined;
  #threads: Coroutine[] = [];
  #timeOuts = 0;

  /** The scenario has to be loaded over `machine`. */
  use(scenario: Scenario): void {
    this.#scenario = scenario;
  }

  /** Begins anew: every execution of a scenario begins in the same state. */
  begin(): void {
    const { machine } = this;
    machine.reset();
    this.current = -1;
    this.failure = undefined;
    this.#timeOuts = 0;
    const program = finish((this.#scenario as Scenario)(this.lab));
    this.names = Object.keys(program.threads);
    machine.setThreads(this.names.length);
    this.#threads = this.names.map((name) => (program.threads[name] as () => unknown)() as Coroutine);
    this.#program = program;
  }

  /** What may happen next, the thread that ran last first. Empty at the end, good or bad. */
  choices(): Choice[] {
    const choices: Choice[] = [];
    if (this.failure !== undefined) return choices;
    const { threads } = this.machine;
    const { timeOut } = this.#program as Program;
    for (let thread = 0; thread < threads.length; thread++) {
      if (this.machine.isReady(thread)) {
        if (thread === this.current) choices.unshift(thread);
        else choices.push(thread);
      } else if (timeOut !== undefined && this.#timeOuts < timeOut.times) {
        const { doing, timeoutMs } = threads[thread];
        if (doing === Doing.asleep && timeoutMs === timeOut.ms) choices.push(thread + TIME_OUT);
      }
    }
    if (choices.length === 0) this.#end();
    return choices;
  }

  #end(): void {
    const stuck = this.names.filter((_, thread) => this.machine.threads[thread].doing !== Doing.done);
    if (stuck.length > 0) this.failure = `${stuck.join(', ')} would wait for ever`;
    else this.#attempt(() => finish(this.#program?.atEnd?.()));
  }

  step(choice: Choice): void {
    const thread = threadOf(choice);
    if (choice >= TIME_OUT) {
      this.#timeOuts++;
      this.machine.timeOut(thread);
    }
    this.current = thread;
    this.machine.resume(thread);
    this.#attempt(() => {
      if (this.#threads[thread].next().done === true) this.machine.threads[thread].doing = Doing.done;
    });
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.failure = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    }
  }
}

/** The result of a function that may have been rewritten into a generator; nothing else runs meanwhile. */
function finish<Result>(result: Result): Result {
  const coroutine = result as { next?: () => IteratorResult<void, Result> } | undefined;
  if (typeof coroutine?.next !== 'function') return result;
  for (;;) {
    const { done, value } = coroutine.next();
    if (done === true) return value;
  }
}
