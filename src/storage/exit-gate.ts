/**
 * Lets a host terminate a node's thread without taking the process with it. Terminating a thread while it is inside a
 * native call that builds JavaScript objects (opening LMDB, a statistics call, a new cursor) aborts the whole process.
 * Two words in shared memory, Dekker's mutual exclusion: the thread says `inside`, the host says `shut`, each then looks
 * at the other's word; a thread that finds the gate shut parks and waits for its end.
 */

const INSIDE = 0;
const SHUT = 1;
/** Words of shared memory that a gate needs. */
export const EXIT_GATE_WORDS = 2;

/** Both sides make their own over the same two words; a new thread gets new words. */
export class ExitGate {
  readonly #words: Int32Array;

  constructor(words: Int32Array = new Int32Array(new SharedArrayBuffer(EXIT_GATE_WORDS * 4))) {
    this.#words = words;
  }

  /** Node's thread, before such a native call; does not nest. Never returns once the gate is shut: the thread is to end. */
  enter(): void {
    // Sequentially consistent: `inside` is visible before `shut` is looked at, or the host would miss us.
    Atomics.store(this.#words, INSIDE, 1);
    // Sequentially consistent: see above.
    while (Atomics.load(this.#words, SHUT) === 1) {
      // Release: the host that waits for us may go on; we wait for it to end this thread.
      Atomics.store(this.#words, INSIDE, 0);
      // Sleeps while the gate is shut, which only the thread's end changes.
      Atomics.wait(this.#words, SHUT, 1);
    }
  }

  /** Node's thread, after the call, also when it threw. */
  leave(): void {
    // Release: the native call is over before the host sees it so.
    Atomics.store(this.#words, INSIDE, 0);
  }

  /** Host: from here the thread enters no more. */
  shut(): void {
    // Sequentially consistent: visible before the host looks at `inside`.
    Atomics.store(this.#words, SHUT, 1);
  }

  /** Host, after `shut`: whether the thread may be terminated now; if not, ask again in a millisecond. */
  get clear(): boolean {
    // Acquire, after `shut` in sequential order.
    return Atomics.load(this.#words, INSIDE) === 0;
  }
}
