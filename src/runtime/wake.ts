/**
 * Sleeping and waking. Each thread of a host has one word, on its own cache line: AWAKE or SLEEPING.
 *
 * The sleeper stores SLEEPING, looks at every mailbox again, then waits; the producer publishes, then looks for SLEEPING
 * (Dekker 1965: both orders are sequentially consistent, so one of the two sees the other). Only the one that turns
 * SLEEPING into AWAKE wakes: notifying a thread that is awake costs a process-wide lock.
 */

const LINE_WORDS = 16;
const AWAKE = 0;
const SLEEPING = 1;

export function allocateWakeWords(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * LINE_WORDS * 4);
}

export class Wake {
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  /** True where this call turned the sleeper awake: the caller then rings its bell. */
  claim(thread: number): boolean {
    const word = thread * LINE_WORDS;
    // Atomics: seq_cst, after the publication of the tail
    if (Atomics.load(this.#words, word) !== SLEEPING) return false;
    // Atomics: RMW; exactly one producer wins and wakes
    return Atomics.compareExchange(this.#words, word, SLEEPING, AWAKE) === SLEEPING;
  }

  /** Wakes a thread that blocks in `sleep`, after `claim` returned true. */
  notify(thread: number): void {
    Atomics.notify(this.#words, thread * LINE_WORDS, 1); // Atomics: after the word was set to AWAKE
  }

  /** Wakes a node's thread if it sleeps. */
  wakeNode(thread: number): void {
    if (this.claim(thread)) this.notify(thread);
  }

  /** First half of going to sleep: from here producers wake this thread. Look at the mailboxes again afterwards. */
  announceSleep(thread: number): void {
    Atomics.store(this.#words, thread * LINE_WORDS, SLEEPING); // Atomics: seq_cst, before the mailboxes are looked at
  }

  /** Takes the announcement back. */
  stayAwake(thread: number): void {
    Atomics.store(this.#words, thread * LINE_WORDS, AWAKE); // Atomics: seq_cst
  }

  /**
   * Behind a `sleep` that timed out though mail is there: whether its producer, which may have been held up between its
   * publication and its look at the sleeper, wakes this thread within `graceMs`. If not, a wake-up was missed.
   */
  isClaimed(thread: number, graceMs: number): boolean {
    return Atomics.wait(this.#words, thread * LINE_WORDS, SLEEPING, graceMs) !== 'timed-out'; // Atomics: see sleep
  }

  /** Blocks until woken or until the time is over; false for the latter. The thread stays announced as sleeping then. */
  sleep(thread: number, timeoutMs: number): boolean {
    const word = thread * LINE_WORDS;
    const result = Atomics.wait(this.#words, word, SLEEPING, timeoutMs); // Atomics: compares and sleeps in one step
    if (result === 'timed-out') return false;
    this.stayAwake(thread);
    return true;
  }
}
