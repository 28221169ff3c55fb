/** What a scenario is given, and what it gives back: a few threads over shared memory, to be run in every order. */
import type { Machine } from './machine.js';

/**
 * A scenario is an ordinary module, rewritten like the code that it tries: what it calls may be suspended anywhere. It must
 * depend on nothing but what it reads of shared memory.
 */
export type Scenario = (lab: Lab) => Program;

export interface Program {
  /** By name; they begin in any order. */
  readonly threads: Readonly<Record<string, () => void>>;
  /** When all threads are done. */
  readonly atEnd?: () => void;
  /** A sleep of `ms` may end by itself, so many times in all; others last until they are woken. */
  readonly timeOut?: { readonly ms: number; readonly times: number };
}

/** A broken promise of the subject. */
export class Violation extends Error {}

export class Lab {
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  /** Zeroed memory that all threads share. */
  allocate(name: string, bytes: number): SharedArrayBuffer {
    return this.#machine.memory.allocate(name, bytes, false);
  }

  /**
   * Words for what the scenario knows and the subject does not: a step on them happens together with the step of the
   * subject before it, as one.
   */
  notes(name: string, words: number): Int32Array {
    return new Int32Array(this.#machine.memory.allocate(name, words * 4, true));
  }

  /** @throws Violation */
  check(holds: boolean, claim: string): void {
    if (!holds) throw new Violation(claim);
  }

  /** A word as it is now, without a step of its own. */
  peek(words: Int32Array, index: number): number {
    return this.#machine.peek(words, index);
  }

  /** Others may go ahead here. */
  pause(): undefined {
    // the rewritten caller runs it to its end
    return this.#machine.pause() as unknown as undefined;
  }

  /** Goes on when the word is no longer `value`, as a loop that looks again and again would. */
  hold(words: Int32Array, index: number, value: number): undefined {
    return this.#machine.hold(words, index, value) as unknown as undefined;
  }
}
