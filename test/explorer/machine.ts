/**
 * The `Atomics` stand-in: every step of the rewritten code on an array lands here. Sequentially consistent: one step after
 * the other, each seen by all.
 *
 * A thread may be stopped only before a step on a contended word: steps on the others commute with everything that other
 * threads do. A state has a fingerprint: of the memory, and for each thread of all it has read. Threads are deterministic, so
 * two ways to one fingerprint go on alike, and one of them need not be followed.
 */
import { Memory, mix, type Place, placeName, type Words } from './memory.js';

/** What a thread does: suspended, asleep in `Atomics.wait`, held up until a word changes, or done. */
export const enum Doing {
  ready = 0,
  asleep = 1,
  held = 2,
  done = 3,
}

interface Thread {
  doing: Doing;
  /** What it is asleep on or held up by. */
  array: Words | undefined;
  index: number;
  value: number;
  timeoutMs: number;
  timedOut: boolean;
  /** Fingerprint of all it has read. */
  seenA: number;
  seenB: number;
}

/** One step, for people. */
export interface Traced {
  readonly thread: number;
  readonly step: string;
  readonly place: string;
  readonly value: number;
}

const SETTING_UP = -1;

export class Machine {
  readonly memory = new Memory();
  /** Which thread runs. */
  now = SETTING_UP;
  /** Steps on shared memory since the start of this execution. */
  steps = 0;
  threads: Thread[] = [];
  /** Threads may be stopped before every step, contended or not. */
  everywhere = false;
  trace: Traced[] | undefined;

  reset(): void {
    this.memory.reset();
    this.now = SETTING_UP;
    this.steps = 0;
    for (const [thread, state] of this.threads.entries()) {
      state.doing = Doing.ready;
      state.timedOut = false;
      state.seenA = thread;
      state.seenB = 0;
    }
  }

  /** Between the set-up and the first step. */
  setThreads(count: number): void {
    if (this.threads.length === count) return;
    const idle = { doing: Doing.ready, array: undefined, index: 0, value: 0, timeoutMs: 0, timedOut: false };
    this.threads = Array.from({ length: count }, (_, thread) => ({ ...idle, seenA: thread, seenB: 0 }));
  }

  /** From here the steps are this thread's; that it goes on is part of its history. */
  resume(thread: number): void {
    this.now = thread;
    this.#saw(5);
  }

  /** Looks at an element, together with the step before. */
  peek(array: Words, index: number): number {
    this.#saw(array[index]);
    return array[index];
  }

  /** Whether another thread may go ahead of a step on `array[index]`. */
  stops(array: Words, index: number): boolean {
    if (this.now === SETTING_UP) return false;
    const place = this.memory.placeOf(array);
    if (place === undefined || place.region.isNotes) return false;
    return this.everywhere || this.memory.isContended(place, index);
  }

  read(array: Words, index: number): number {
    const value = array[index];
    this.#didRead(array, index, value, 'reads');
    return value;
  }

  write(array: Words, index: number, value: number): number {
    this.#write(array, index, value, 'writes');
    return value;
  }

  load(array: Words, index: number): number {
    const value = array[index];
    this.#didRead(array, index, value, 'loads');
    return value;
  }

  store(array: Words, index: number, value: number): number {
    this.#write(array, index, value, 'stores');
    return value;
  }

  add(array: Words, index: number, value: number): number {
    const before = array[index];
    this.#didRead(array, index, before, 'adds to');
    this.#write(array, index, before + value, '');
    return before;
  }

  exchange(array: Words, index: number, value: number): number {
    const before = array[index];
    this.#didRead(array, index, before, 'exchanges');
    this.#write(array, index, value, '');
    return before;
  }

  compareExchange(array: Words, index: number, expected: number, value: number): number {
    const before = array[index];
    const wins = before === expected;
    this.#didRead(array, index, before, wins ? 'exchanges' : 'fails to exchange');
    if (wins) this.#write(array, index, value, '');
    return before;
  }

  *wait(array: Words, index: number, value: number, timeoutMs = Number.POSITIVE_INFINITY): Generator<void, string> {
    const before = array[index];
    this.#didRead(array, index, before, before === value ? 'sleeps on' : 'does not sleep on');
    if (before !== value) return 'not-equal';
    const thread = this.threads[this.now];
    Object.assign(thread, { doing: Doing.asleep, array, index, timeoutMs, timedOut: false });
    yield;
    this.#saw(thread.timedOut ? 2 : 1);
    return thread.timedOut ? 'timed-out' : 'ok';
  }

  notify(array: Words, index: number, count = Number.POSITIVE_INFINITY): number {
    let woken = 0;
    for (const thread of this.threads) {
      if (woken === count) break;
      if (thread.doing !== Doing.asleep || thread.index !== index || thread.array?.buffer !== array.buffer) continue;
      thread.doing = Doing.ready;
      woken++;
    }
    this.#didRead(array, index, woken, 'wakes');
    return woken;
  }

  /** Holds the thread up while the word has this value, as a loop that looks again and again would be. */
  *hold(array: Words, index: number, value: number): Generator<void, void> {
    const thread = this.threads[this.now];
    Object.assign(thread, { doing: Doing.held, array, index, value });
    this.#didRead(array, index, value, 'is held up by');
    yield;
    thread.doing = Doing.ready;
    this.#saw(3);
  }

  /** A place where any other thread may go ahead. */
  *pause(): Generator<void, void> {
    if (this.now === SETTING_UP) return;
    this.#saw(4);
    yield;
  }

  *fill(array: Words, value: number, start = 0, end = array.length): Generator<void, Words> {
    for (let i = start; i < end; i++) {
      if (this.stops(array, i)) yield;
      this.write(array, i, value);
    }
    return array;
  }

  isReady(thread: number): boolean {
    const { doing, array, index, value } = this.threads[thread];
    return doing === Doing.ready || (doing === Doing.held && (array as Words)[index] !== value);
  }

  /** Ends the sleep of a thread that nobody has woken. */
  timeOut(thread: number): void {
    Object.assign(this.threads[thread], { doing: Doing.ready, timedOut: true });
  }

  #didRead(array: Words, index: number, value: number, step: string): void {
    if (this.now === SETTING_UP) return;
    const place = this.memory.placeOf(array);
    if (place === undefined) return;
    this.steps++;
    this.#saw(value);
    this.memory.touch(place, index, this.now, false);
    this.#note(place, index, value, step);
  }

  #write(array: Words, index: number, value: number, step: string): void {
    const place = this.now === SETTING_UP ? undefined : this.memory.placeOf(array);
    if (place === undefined) {
      array[index] = value;
      return;
    }
    this.steps++;
    this.#saw(-1);
    this.memory.write(place, array, index, value);
    this.memory.touch(place, index, this.now, true);
    if (step !== '') this.#note(place, index, value, step);
  }

  #saw(value: number): void {
    if (this.now === SETTING_UP) return;
    const thread = this.threads[this.now];
    thread.seenA = mix(thread.seenA ^ Math.imul(value, 0x9e3779b1), 0x85ebca6b);
    thread.seenB = mix(thread.seenB + Math.imul(value ^ 0x5bd1e995, 0xcc9e2d51), 0xc2b2ae35);
  }

  #note(place: Place, index: number, value: number, step: string): void {
    this.trace?.push({ thread: this.now, step, place: placeName(place, index), value });
  }

  /** The state as one number: 53 bits of it. `extra` tells apart what differs otherwise. */
  fingerprint(extra: number): number {
    let a = mix(this.memory.fingerprintA + extra, 0x85ebca6b);
    let b = this.memory.fingerprintB ^ Math.imul(extra + 7, 0x9e3779b1);
    for (const { seenA, seenB, doing, timedOut } of this.threads) {
      const state = doing * 2 + (timedOut ? 1 : 0);
      a = mix((a ^ seenA) + state, 0x27d4eb2f);
      b = mix((b + seenB) ^ Math.imul(state + 1, 0x165667b1), 0x9e3779b1);
    }
    return (a >>> 0) * 0x20_0000 + (b >>> 11);
  }
}
