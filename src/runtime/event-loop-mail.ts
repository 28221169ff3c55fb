/**
 * The mail of a thread that has an event loop: a client's seat, or the bridge. It is told by a bell that mail has come,
 * takes all of it, lets whatever that woke run, and looks again in the next turn of the event loop; only when there is
 * nothing then does the thread announce sleep, so that no bell is rung for a thread that is at work.
 */
import type { MailboxReader } from './mailbox.js';
import type { Wake } from './wake.js';

export interface EventLoopMailParts {
  readonly thread: number;
  readonly wake: Pick<Wake, 'announceSleep'>;
  /** Takes what is in the mailboxes and releases them. */
  readonly take: () => void;
}

export class EventLoopMail {
  readonly #thread: number;
  readonly #wake: Pick<Wake, 'announceSleep'>;
  readonly #take: () => void;
  #readers: readonly MailboxReader[] = [];
  #looking = false;

  constructor({ thread, wake, take }: EventLoopMailParts) {
    this.#thread = thread;
    this.#wake = wake;
    this.#take = take;
  }

  setReaders(readers: readonly MailboxReader[]): void {
    this.#readers = readers;
  }

  get readers(): readonly MailboxReader[] {
    return this.#readers;
  }

  /** A bell has rung, or may have been lost. */
  drain(): void {
    this.#take();
    if (this.#looking) return;
    this.#looking = true;
    setImmediate(() => this.#lookAgain());
  }

  #lookAgain(): void {
    this.#looking = false;
    if (this.hasMail()) {
      this.drain();
      return;
    }
    this.#wake.announceSleep(this.#thread);
    if (this.hasMail()) this.drain();
  }

  hasMail(): boolean {
    for (const reader of this.#readers) if (reader.hasMail) return true;
    return false;
  }
}
