/**
 * The loop of a node's thread. One turn: drain a bounded batch from each mailbox, run the handlers, write the log, show
 * the records, send what was opened, release the mailboxes. That is the group commit: its size follows the load.
 *
 * The thread has no event loop turn on the way of a request. It takes some when a control message waits, or while
 * storage has something under way that only the event loop can finish; otherwise it blocks in Atomics.wait.
 */
import { setImmediate as nextEventTurn, setTimeout as sleep } from 'node:timers/promises';
import type { TurnStorage } from '../actor/ports.js';
import { MessageView } from '../protocol/header.js';
import { TURN_BYTES_MAX, TURN_MESSAGES_MAX } from '../protocol/limits.js';
import type { ActorSystem } from './actor-system.js';
import { Count } from './counters.js';
import type { HostClock } from './host-clock.js';
import type { MailboxReader } from './mailbox.js';
import type { PostOffice } from './post-office.js';
import type { Wake } from './wake.js';

export interface WorkerLoopParts {
  readonly thread: number;
  readonly system: ActorSystem;
  readonly storage: TurnStorage;
  readonly post: Pick<PostOffice, 'publish'> & Partial<Pick<PostOffice, 'waiting'>>;
  readonly wake: Pick<Wake, 'announceSleep' | 'stayAwake' | 'sleep' | 'isClaimed'>;
  readonly clock: Pick<HostClock, 'nowMs'>;
  readonly counters: Int32Array;
  /** Whether the host has posted control messages that this thread has not handled yet. */
  readonly controlWaits: () => boolean;
}

/** What the loop needs of a mailbox: a message that `next` names stays where it is until `release`. */
export type TurnReader = Pick<MailboxReader, 'words' | 'bytes' | 'next' | 'hasMail' | 'release'>;

/** Looks at empty mailboxes before the thread sleeps: 20 to 200 are harmless, more take processor time from others. */
const POLLS = 40;
const SLEEP_MS_MAX = 100;
/**
 * Grace for a producer that the system holds up between its publication and its look at the sleeper: several slices of a
 * full processor. Any producer's wake-up ends it.
 */
const CLAIM_MS = 200;
/** Sleep while storage is busy, between two turns of the event loop, or while mail waits for a full mailbox. */
const BUSY_SLEEP_MS = 1;
/** Time between turns of the event loop while storage is busy. */
const EVENT_TURN_EVERY_MS = 1;
/** Messages whose records storage is told of before the first of them is delivered. */
const GROUP_MESSAGES = 32;
const TURN_LOG_BYTES = TURN_BYTES_MAX / 2;
/** Turns for what has come before the loop ends: those who still send must not keep it alive. */
const LAST_TURNS_MAX = 64;

export class WorkerLoop {
  readonly #parts: WorkerLoopParts;
  readonly #view = new MessageView();
  #readers: TurnReader[] = [];
  readonly #group = new Int32Array(GROUP_MESSAGES);
  #first = 0;
  #stopping = false;
  #lastEventTurnMs = 0;

  constructor(parts: WorkerLoopParts) {
    this.#parts = parts;
  }

  setReaders(readers: TurnReader[]): void {
    this.#readers = readers;
  }

  /** The loop ends behind the turn under way, and what has come by then. */
  stop(): void {
    this.#stopping = true;
  }

  /** Runs until `stop`. @throws StoreError when the node has to end */
  async run(): Promise<void> {
    const { storage, clock, controlWaits } = this.#parts;
    while (!this.#stopping) {
      const handled = this.turn(clock.nowMs());
      if (controlWaits()) await this.#control();
      else if (storage.busy) await this.#eventTurn();
      const pauseMs = storage.pauseMs;
      // the flush that is waited for goes on meanwhile
      if (pauseMs > 0) await sleep(pauseMs);
      if (handled === 0 && !storage.pending) this.#sleep();
    }
    // a write is confirmed when W replicas have it: its way to the others may end here
    for (let turns = 0; turns < LAST_TURNS_MAX && this.#hasMail(); turns++) this.turn(clock.nowMs());
  }

  /** One turn; returns the messages handled. @throws StoreError when the node has to end */
  turn(nowMs: number): number {
    const { system, storage, post, counters } = this.#parts;
    const view = this.#view;
    system.beginTurn(nowMs);
    let handled = 0;
    const readers = this.#readers;
    // each turn begins with another mailbox: a busy one must not use up every turn's log bytes
    if (++this.#first >= readers.length) this.#first = 0;
    for (let i = 0; i < readers.length; i++) {
      handled += this.#drain(readers[(this.#first + i) % readers.length]);
    }
    system.fireTimers();
    if (system.local.length > 0) system.deliverLocal(view);
    storage.commit();
    storage.publish();
    post.publish();
    for (const reader of this.#readers) reader.release();
    system.local.reset();
    storage.maintain(nowMs);
    counters[Count.turns]++;
    counters[Count.messages] += handled;
    return handled;
  }

  /** Delivers a batch of one mailbox; what handlers hand on within the thread counts as if it were logged. */
  #drain(reader: TurnReader): number {
    const { system, storage } = this.#parts;
    const view = this.#view;
    const group = this.#group;
    let handled = 0;
    while (handled < TURN_MESSAGES_MAX && storage.turnBytes + system.local.waitingBytes < TURN_LOG_BYTES) {
      let count = 0;
      let bytes = storage.turnBytes + system.local.waitingBytes;
      while (count < GROUP_MESSAGES && bytes < TURN_LOG_BYTES) {
        const at = reader.next();
        if (at < 0) break;
        group[count++] = at;
        bytes += reader.words[at] & 0xff_ff_ff;
      }
      if (count === 0) break;
      // many messages wait for memory at the same time, instead of one after the other
      if (count > 1) storage.preload?.(reader.words, group, count);
      for (let i = 0; i < count; i++) {
        view.point(reader.words, reader.bytes, group[i]);
        system.deliver(view);
      }
      // what they lead to on this thread, while their bytes and what they looked up are in the cache
      if (system.local.length > 0) system.deliverLocal(view);
      handled += count;
    }
    return handled;
  }

  /** Turns of the event loop until every posted control message is handled: on Node.js 24 one is not enough. */
  async #control(): Promise<void> {
    for (let i = 0; i < 1_000 && this.#parts.controlWaits() && !this.#stopping; i++) await nextEventTurn();
    this.#lastEventTurnMs = this.#parts.clock.nowMs();
  }

  /** At most once a millisecond: a turn of the event loop costs as much as the work of many messages. */
  async #eventTurn(): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    if (nowMs - this.#lastEventTurnMs < EVENT_TURN_EVERY_MS) return;
    this.#lastEventTurnMs = nowMs;
    await nextEventTurn();
  }

  /** A method: a private getter costs a call into the runtime. */
  #hasMail(): boolean {
    for (const reader of this.#readers) if (reader.hasMail) return true;
    return false;
  }

  #sleep(): void {
    const { thread, wake, storage, system, post, clock, counters, controlWaits } = this.#parts;
    for (let i = 0; i < POLLS; i++) if (this.#hasMail()) return;
    wake.announceSleep(thread);
    if (this.#hasMail() || controlWaits()) {
      wake.stayAwake(thread);
      return;
    }
    const idleMs = storage.busy || post.waiting === true ? BUSY_SLEEP_MS : SLEEP_MS_MAX;
    const timeoutMs = Math.min(idleMs, system.untilTimerMs(clock.nowMs()));
    counters[Count.wakeUps]++;
    if (wake.sleep(thread, timeoutMs)) return;
    if (this.#hasMail() && !wake.isClaimed(thread, CLAIM_MS)) counters[Count.missedWakeUps]++;
    wake.stayAwake(thread);
  }
}
